#include "../check.h"
#include "../tarball.h"
#include "format/tar.h"

/* Reads a whole archive, all contents into `contents`. Stops at the first error. */
static int read_all(struct span archive, size_t step, struct buf *names, struct buf *contents,
                    struct error *err)
{
    struct tarball_source source = {archive, step};
    struct tar_reader tar;
    struct tar_entry entry;
    bool more = true;
    tar_init(&tar, (struct tar_source){tarball_next, &source});
    int status;
    while ((status = tar_next(&tar, &entry, &more, err)) == 0 && more) {
        struct tar_piece piece;
        check_ok(buf_append(names, entry.name, err), err);
        check_ok(buf_append_byte(names, '|', err), err);
        while ((status = tar_read(&tar, &piece, err)) == 0 && piece.size > 0) {
            if (piece.bytes.data)
                check_ok(buf_append(contents, piece.bytes, err), err);
            else
                check_ok(buf_append_zero(contents, piece.size, err), err);
        }
        if (status < 0)
            break;
    }
    tar_fini(&tar);
    return status;
}

#define ARCHIVE BUF_AUTO tar = BUF_WITH_LIMIT(1 << 22)

static void check_reads(const struct buf *tar, const char *names, const char *contents)
{
    static const size_t steps[] = {1, 7, 512, 1 << 20};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct error err = {0};
        BUF_AUTO seen = BUF_WITH_LIMIT(1 << 20);
        BUF_AUTO bytes = BUF_WITH_LIMIT(1 << 20);
        check_ok(read_all(buf_span(tar), steps[i], &seen, &bytes, &err), &err);
        assert_string_equal(buf_text(&seen), names);
        assert_string_equal(buf_text(&bytes), contents);
    }
}

static void check_refuses(const struct buf *tar, const char *words)
{
    struct error err;
    BUF_AUTO seen = BUF_WITH_LIMIT(1 << 20);
    BUF_AUTO bytes = BUF_WITH_LIMIT(1 << 20);
    check_refused(read_all(buf_span(tar), 512, &seen, &bytes, &err), &err, words);
}

static void reads_files_in_pieces_of_any_size(void **state)
{
    (void)state;
    ARCHIVE;
    tarball_add(&tar, (struct tarball_entry){.name = "a/", .type = '5'});
    tarball_add(&tar, (struct tarball_entry){.name = "a/b", .contents = "hello "});
    tarball_add(&tar, (struct tarball_entry){.name = "c", .contents = "world"});
    tarball_end(&tar);
    check_reads(&tar, "a/|a/b|c|", "hello world");
}

static void ends_without_blocks_of_zeros(void **state)
{
    (void)state;
    ARCHIVE;
    check_reads(&tar, "", "");
    tarball_add(&tar, (struct tarball_entry){.name = "a", .contents = "x"});
    check_reads(&tar, "a|", "x");
    check_ok(buf_append_zero(&tar, 512, NULL), &(struct error){0});
    check_reads(&tar, "a|", "x");
}

static void ignores_what_follows_the_end(void **state)
{
    (void)state;
    ARCHIVE;
    tarball_end(&tar);
    check_ok(buf_append_text(&tar, "garbage", NULL), &(struct error){0});
    check_reads(&tar, "", "");
}

static void takes_the_longer_names_of_pax_and_gnu(void **state)
{
    (void)state;
    static const char *const records[] = {"path=of-pax", NULL};
    ARCHIVE;
    tarball_add_pax(&tar, 'x', records);
    tarball_add(&tar, (struct tarball_entry){.name = "short"});
    tarball_add(&tar, (struct tarball_entry){.name = "L", .type = 'L', .contents = "of-gnu"});
    tarball_add_pax(&tar, 'x', records);
    tarball_add(&tar, (struct tarball_entry){.name = "short"});
    tarball_end(&tar);
    check_reads(&tar, "of-pax|of-gnu|", "");
}

static void reads_sparse_files_of_pax(void **state)
{
    (void)state;
    static const char *const listed[] = {"GNU.sparse.name=s", "GNU.sparse.size=4",
                                         "GNU.sparse.numblocks=2", "GNU.sparse.map=0,1,2,2", NULL};
    static const char *const pairs[] = {"GNU.sparse.size=3", "GNU.sparse.numblocks=1",
                                        "GNU.sparse.offset=0", "GNU.sparse.numbytes=3", NULL};
    ARCHIVE;
    tarball_add_pax(&tar, 'x', pairs);
    tarball_add(&tar, (struct tarball_entry){.name = "p", .contents = "xyz"});
    tarball_end(&tar);
    check_reads(&tar, "p|", "xyz");
    tar.size = 0;
    tarball_add_pax(&tar, 'x', listed);
    tarball_add(&tar, (struct tarball_entry){.name = "x", .contents = "abc"});
    struct error err = {0};
    BUF_AUTO seen = BUF_WITH_LIMIT(100);
    BUF_AUTO bytes = BUF_WITH_LIMIT(100);
    check_ok(read_all(buf_span(&tar), 100, &seen, &bytes, &err), &err);
    assert_int_equal(bytes.size, 4);
    assert_memory_equal(bytes.data, "a\0bc", 4);
}

static void refuses_sparse_maps_that_lie(void **state)
{
    (void)state;
    static const char *const maps[] = {
        "GNU.sparse.map=0,1,0,2",  /* overlap */
        "GNU.sparse.map=0,1,3,2",  /* beyond the end */
        "GNU.sparse.map=0,1,1",    /* odd */
        "GNU.sparse.map=0,1,-1,1", /* negative */
        "GNU.sparse.map=0,1,1,1",  /* less than there is */
        "GNU.sparse.map=0,2,2,2",  /* more than there is */
        "GNU.sparse.map=0,1,1,9223372036854775807",
    };
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        const char *records[] = {"GNU.sparse.size=4", "GNU.sparse.numblocks=2", maps[i], NULL};
        ARCHIVE;
        tarball_add_pax(&tar, 'x', records);
        tarball_add(&tar, (struct tarball_entry){.name = "x", .contents = "abc"});
        tarball_end(&tar);
        check_refuses(&tar, "sparse");
    }
}

static void refuses_bad_checksum(void **state)
{
    (void)state;
    ARCHIVE;
    tarball_add(&tar, (struct tarball_entry){.name = "a"});
    tar.data[0] = 'b';
    check_refuses(&tar, "checksum");
}

static void refuses_bad_numbers(void **state)
{
    (void)state;
    static const char *const sizes[] = {"9", "-1", "zz"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ARCHIVE;
        tarball_add(&tar, (struct tarball_entry){.name = "a", .size = sizes[i]});
        check_refuses(&tar, "malformed number");
    }
}

static void refuses_negative_sizes(void **state)
{
    (void)state;
    static const char *const records[] = {"size=-1", NULL};
    ARCHIVE;
    tarball_add_pax(&tar, 'x', records);
    tarball_add(&tar, (struct tarball_entry){.name = "a"});
    check_refuses(&tar, "negative size");
}

static void refuses_bad_pax_records(void **state)
{
    (void)state;
    static const char *const bodies[] = {"9 a=b\n",
                                         "5 a=\n6 ",
                                         "x a=b\n",
                                         "6 ab=c\n",
                                         "6 abc\n",
                                         "-6 a=\n",
                                         "99999999999999999999 a=b\n",
                                         "6a=b\n"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        ARCHIVE;
        tarball_add(&tar, (struct tarball_entry){.name = "x", .type = 'x', .contents = bodies[i]});
        tarball_add(&tar, (struct tarball_entry){.name = "a"});
        check_refuses(&tar, "PAX header");
    }
}

static void refuses_bad_pax_values(void **state)
{
    (void)state;
    static const char *const values[] = {"uid=x", "gid=1.0", "mtime=now", "size=0x10", "atime=1.z"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const char *const records[] = {values[i], NULL};
        ARCHIVE;
        tarball_add_pax(&tar, 'x', records);
        tarball_add(&tar, (struct tarball_entry){.name = "a"});
        check_refuses(&tar, "malformed number");
    }
}

static void refuses_extended_headers_beyond_the_limit(void **state)
{
    (void)state;
    ARCHIVE;
    tarball_add(&tar, (struct tarball_entry){.name = "x", .type = 'x', .size = "00004000001"});
    check_refuses(&tar, "at most 1048576");
}

static void refuses_header_after_one_block_of_zeros(void **state)
{
    (void)state;
    ARCHIVE;
    check_ok(buf_append_zero(&tar, 512, NULL), &(struct error){0});
    tarball_add(&tar, (struct tarball_entry){.name = "a"});
    check_refuses(&tar, "follows a block of zeros");
}

static void refuses_archive_that_ends_after_extended_header(void **state)
{
    (void)state;
    static const char *const records[] = {"path=b", NULL};
    ARCHIVE;
    tarball_add_pax(&tar, 'x', records);
    check_refuses(&tar, "after an extended header");
}

static void fill_mixed(struct buf *tar)
{
    static const char *const records[] = {"path=long",
                                          "SCHILY.xattr.user.a=b",
                                          "mtime=1.5",
                                          "GNU.sparse.size=9",
                                          "GNU.sparse.numblocks=1",
                                          "GNU.sparse.map=3,3",
                                          NULL};
    tarball_add(tar, (struct tarball_entry){.name = "L", .type = 'L', .contents = "gnu"});
    tarball_add(tar, (struct tarball_entry){.name = "a", .contents = "12345"});
    tarball_add_pax(tar, 'x', records);
    tarball_add(tar, (struct tarball_entry){.name = "b", .contents = "678"});
    tarball_end(tar);
}

static void survives_truncation_at_every_byte(void **state)
{
    (void)state;
    ARCHIVE;
    fill_mixed(&tar);
    size_t accepted = 0;
    for (size_t size = 0; size < tar.size; size++) {
        struct error err = {0};
        BUF_AUTO seen = BUF_WITH_LIMIT(1 << 16);
        BUF_AUTO bytes = BUF_WITH_LIMIT(1 << 16);
        if (read_all(span_of(tar.data, size), 512, &seen, &bytes, &err) == 0)
            accepted++;
        else
            assert_true(err.text[0] != '\0');
    }
    /* Nothing; whole entries; those and one block of zeros. */
    assert_int_equal(accepted, 4);
}

static void survives_every_flipped_bit(void **state)
{
    (void)state;
    ARCHIVE;
    fill_mixed(&tar);
    for (size_t bit = 0; bit < tar.size * 8; bit += 3) {
        struct error err = {0};
        BUF_AUTO seen = BUF_WITH_LIMIT(1 << 16);
        BUF_AUTO bytes = BUF_WITH_LIMIT(1 << 16);
        tar.data[bit / 8] = (uint8_t)(tar.data[bit / 8] ^ 1U << bit % 8);
        if (read_all(buf_span(&tar), 512, &seen, &bytes, &err) < 0)
            assert_true(err.text[0] != '\0');
        tar.data[bit / 8] = (uint8_t)(tar.data[bit / 8] ^ 1U << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_files_in_pieces_of_any_size),
        cmocka_unit_test(ends_without_blocks_of_zeros),
        cmocka_unit_test(ignores_what_follows_the_end),
        cmocka_unit_test(takes_the_longer_names_of_pax_and_gnu),
        cmocka_unit_test(reads_sparse_files_of_pax),
        cmocka_unit_test(refuses_sparse_maps_that_lie),
        cmocka_unit_test(refuses_bad_checksum),
        cmocka_unit_test(refuses_bad_numbers),
        cmocka_unit_test(refuses_negative_sizes),
        cmocka_unit_test(refuses_bad_pax_records),
        cmocka_unit_test(refuses_bad_pax_values),
        cmocka_unit_test(refuses_extended_headers_beyond_the_limit),
        cmocka_unit_test(refuses_header_after_one_block_of_zeros),
        cmocka_unit_test(refuses_archive_that_ends_after_extended_header),
        cmocka_unit_test(survives_truncation_at_every_byte),
        cmocka_unit_test(survives_every_flipped_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
