#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <isa-l.h>
#include <zstd.h>

#include "../check.h"
#include "../tarball.h"
#include "base/hex.h"
#include "crypto/digest.h"
#include "layer/layer.h"

#define ARCHIVE BUF_AUTO tar = BUF_WITH_LIMIT(1 << 24)

static int hash_bytes(struct span blob, size_t step, const struct layer_options *options,
                      struct layer_result *result, struct error *err)
{
    struct tarball_source from = {blob, step};
    struct layer_source source = {tarball_read, &from};
    return layer_hash(&source, options, result, err);
}

static int hash_tar(const struct buf *tar, struct layer_result *result, struct error *err)
{
    return hash_bytes(buf_span(tar), 1 << 20, NULL, result, err);
}

static void check_refuses(const struct buf *tar, const char *words)
{
    struct layer_result result;
    struct error err;
    check_refused(hash_tar(tar, &result, &err), &err, words);
}

static void fill(struct buf *tar)
{
    static const char *const records[] = {"SCHILY.xattr.user.note=hello", NULL};
    static char large[300000];
    memset(large, 'x', sizeof large - 1);
    tarball_add(tar, (struct tarball_entry){.name = "dir/", .type = '5', .mode = 0755});
    tarball_add(tar, (struct tarball_entry){.name = "dir/file", .contents = "hello"});
    tarball_add_pax(tar, 'x', records);
    tarball_add(tar, (struct tarball_entry){.name = "large", .contents = large});
    tarball_add(tar, (struct tarball_entry){.name = "dir/hard", .type = '1', .link = "large"});
    tarball_add(tar, (struct tarball_entry){.name = "soft", .type = '2', .link = "dir/file"});
    tarball_add(tar, (struct tarball_entry){.name = "dir/.wh.gone"});
    tarball_add(tar, (struct tarball_entry){.name = "dir/.wh..wh..opq"});
    tarball_end(tar);
}

/* One gzip member. */
static void gzip(struct span bytes, struct buf *out)
{
    struct isal_zstream stream;
    struct error err = {0};
    check_ok(buf_reserve(out, bytes.size + 4096, &err), &err);
    isal_deflate_stateless_init(&stream);
    stream.gzip_flag = IGZIP_GZIP;
    stream.end_of_stream = 1;
    stream.next_in = (uint8_t *)(uintptr_t)bytes.data;
    stream.avail_in = (uint32_t)bytes.size;
    stream.next_out = out->data + out->size;
    stream.avail_out = (uint32_t)(out->capacity - out->size);
    assert_int_equal(isal_deflate_stateless(&stream), COMP_OK);
    out->size += stream.total_out;
}

static void empty_layer_has_the_public_root_hash(void **state)
{
    (void)state;
    /* The hash of an empty layer in public policies; among others of redis:7.2. */
    static const char public_hash[] =
        "8b4842f06982817534a75bcf71865213b09dfa8313229c384e5201dadbd75e25";
    uint8_t expected[LAYER_DIGEST_SIZE];
    assert_true(hex_decode(span_of_text(public_hash), expected, sizeof expected));
    ARCHIVE;
    for (int i = 0; i < 2; i++) {
        struct layer_result result;
        struct error err = {0};
        check_ok(hash_tar(&tar, &result, &err), &err);
        assert_memory_equal(result.root_hash, expected, sizeof expected);
        assert_int_equal(result.tar_size, tar.size);
        tarball_end(&tar);
    }
}

static void gives_the_digests_of_tar_and_blob(void **state)
{
    (void)state;
    ARCHIVE;
    BUF_AUTO blob = BUF_WITH_LIMIT(1 << 24);
    uint8_t diff_id[32], digest[32];
    struct layer_result result;
    struct error err = {0};
    fill(&tar);
    gzip(buf_span(&tar), &blob);
    sha256_digest(buf_span(&tar), diff_id);
    sha256_digest(buf_span(&blob), digest);
    check_ok(hash_bytes(buf_span(&blob), 4096, NULL, &result, &err), &err);
    assert_memory_equal(result.diff_id, diff_id, 32);
    assert_memory_equal(result.blob_digest, digest, 32);
    assert_int_equal(result.blob_size, blob.size);
    check_ok(hash_tar(&tar, &result, &err), &err);
    assert_memory_equal(result.diff_id, diff_id, 32);
    assert_memory_equal(result.blob_digest, diff_id, 32);
}

static void does_not_depend_on_how_it_is_packed_or_read(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 3, 4096, 1 << 20};
    ARCHIVE;
    BUF_AUTO one = BUF_WITH_LIMIT(1 << 24);
    BUF_AUTO many = BUF_WITH_LIMIT(1 << 24);
    BUF_AUTO zstd = BUF_WITH_LIMIT(1 << 24);
    struct layer_result expected, result;
    struct error err = {0};
    fill(&tar);
    gzip(buf_span(&tar), &one);
    for (size_t at = 0; at < tar.size; at += 100000)
        gzip(span_of(tar.data + at, tar.size - at < 100000 ? tar.size - at : 100000), &many);
    check_ok(buf_reserve(&zstd, ZSTD_compressBound(tar.size), &err), &err);
    zstd.size = ZSTD_compress(zstd.data, zstd.capacity, tar.data, tar.size, 3);
    check_ok(hash_tar(&tar, &expected, &err), &err);
    const struct buf *blobs[] = {&tar, &one, &many, &zstd};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++) {
            check_ok(hash_bytes(buf_span(blobs[i]), steps[j], NULL, &result, &err), &err);
            assert_memory_equal(result.root_hash, expected.root_hash, 32);
            assert_memory_equal(result.diff_id, expected.diff_id, 32);
        }
    }
}

/* The tree's root from the bytes of the ext4, level by level. */
static void plain_root(struct span data, uint8_t root[32])
{
    BUF_AUTO level = BUF_WITH_LIMIT(1 << 24);
    do {
        BUF_AUTO next = BUF_WITH_LIMIT(1 << 24);
        for (size_t at = 0; at < data.size; at += 4096) {
            static const uint8_t salt[32];
            struct sha256 ctx;
            sha256_init(&ctx);
            sha256_update(&ctx, span_of(salt, 32));
            sha256_update(&ctx, span_of(data.data + at, 4096));
            sha256_final(&ctx, root);
            assert_int_equal(buf_append(&next, span_of(root, 32), NULL), 0);
        }
        if (data.size == 4096)
            return;
        assert_int_equal(buf_append_zero(&next, (4096 - next.size % 4096) % 4096, NULL), 0);
        buf_fini(&level);
        level = next;
        next = BUF_WITH_LIMIT(0);
        data = buf_span(&level);
    } while (true);
}

static void check_disk(bool vhd)
{
    ARCHIVE;
    struct error err = {0};
    struct layer_result hashed, built;
    struct layer_options options = {.vhd = vhd};
    fill(&tar);
    int fd = memfd_create("disk", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "stale", 5, 1 << 20), 5);
    struct tarball_source from = {buf_span(&tar), 1000};
    struct layer_source source = {tarball_read, &from};
    check_ok(layer_build(&source, &options, fd, &built, &err), &err);
    check_ok(hash_tar(&tar, &hashed, &err), &err);
    assert_memory_equal(hashed.root_hash, built.root_hash, 32);
    assert_int_equal(hashed.ext4_size, built.ext4_size);
    struct stat file;
    assert_int_equal(fstat(fd, &file), 0);
    assert_int_equal(file.st_size, built.disk_size);
    uint8_t *bytes = mmap(NULL, built.disk_size, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_ptr_not_equal(bytes, MAP_FAILED);
    uint8_t root[32];
    plain_root(span_of(bytes, built.ext4_size), root);
    assert_memory_equal(root, built.root_hash, 32);
    assert_memory_equal(bytes + built.ext4_size, "verity\0\0", 8);
    if (vhd)
        assert_memory_equal(bytes + built.disk_size - 512, "conectix", 8);
    /* The root's block comes first in the tree. */
    plain_root(span_of(bytes + built.ext4_size + 4096, 4096), root);
    assert_memory_equal(root, built.root_hash, 32);
    (void)munmap(bytes, built.disk_size);
    (void)close(fd);
}

static void builds_the_disk_that_it_hashes(void **state)
{
    (void)state;
    check_disk(false);
}

static void ends_a_vhd_with_its_footer(void **state)
{
    (void)state;
    check_disk(true);
}

static void builds_the_same_bytes_twice(void **state)
{
    (void)state;
    ARCHIVE;
    uint8_t digests[2][32];
    fill(&tar);
    for (int i = 0; i < 2; i++) {
        struct error err = {0};
        struct layer_result result;
        struct tarball_source from = {buf_span(&tar), i == 0 ? 100 : 1 << 20};
        struct layer_source source = {tarball_read, &from};
        int fd = memfd_create("disk", MFD_CLOEXEC);
        check_ok(layer_build(&source, &(struct layer_options){.vhd = true}, fd, &result, &err),
                 &err);
        uint8_t *bytes = mmap(NULL, result.disk_size, PROT_READ, MAP_PRIVATE, fd, 0);
        sha256_digest(span_of(bytes, result.disk_size), digests[i]);
        (void)munmap(bytes, result.disk_size);
        (void)close(fd);
    }
    assert_memory_equal(digests[0], digests[1], 32);
}

static void paths_cannot_leave_the_root(void **state)
{
    (void)state;
    static const char *const names[] = {"e", "/e", "./e", "a/../../e", "../../../e", "//e//"};
    struct layer_result first, result;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ARCHIVE;
        struct error err = {0};
        tarball_add(&tar, (struct tarball_entry){.name = names[i], .contents = "x"});
        tarball_end(&tar);
        check_ok(hash_tar(&tar, i == 0 ? &first : &result, &err), &err);
        if (i > 0)
            assert_memory_equal(first.root_hash, result.root_hash, 32);
    }
}

struct pair {
    struct tarball_entry first, second;
    const char *words;
};

static void refuses_entries_that_contradict(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {{.name = "a", .contents = "x"}, {.name = "a"}, "has contents"},
        {{.name = "a", .contents = "x"}, {.name = ".wh.a"}, "has contents"},
        {{.name = "a/", .type = '5'}, {.name = "a"}, "replaced by a file"},
        {{.name = "a"}, {.name = "a/", .type = '5'}, "replaced by a directory"},
        {{.name = "a"}, {.name = "a/b"}, "no directory"},
        {{.name = "l", .type = '2', .link = "/etc"}, {.name = "l/passwd"}, "no directory"},
        {{.name = "l", .type = '2', .link = "l"}, {.name = "l/l/l"}, "no directory"},
        {{.name = "d/", .type = '5'}, {.name = "a", .type = '1', .link = "d"}, "to a directory"},
        {{.name = "b"}, {.name = "a", .type = '1', .link = "c"}, "no earlier entry"},
        {{.name = "b"}, {.name = "a", .type = '1', .link = "x/c"}, "no such path"},
        {{.name = "b"}, {.name = "b", .type = '1', .link = "b"}, "only name"},
        {{.name = "b"}, {.name = ".wh."}, "replaced by a file"},
        {{.name = "b"}, {.name = ".wh..."}, "replaced by a file"},
        {{.name = "b"}, {.name = "./"}, "replaced by a file"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        ARCHIVE;
        tarball_add(&tar, pairs[i].first);
        tarball_add(&tar, pairs[i].second);
        tarball_end(&tar);
        check_refuses(&tar, pairs[i].words);
    }
}

static void refuses_names_that_are_too_long(void **state)
{
    (void)state;
    char record[300] = "path=";
    memset(record + 5, 'n', 256);
    const char *const records[] = {record, NULL};
    ARCHIVE;
    tarball_add_pax(&tar, 'x', records);
    tarball_add(&tar, (struct tarball_entry){.name = "a"});
    check_refuses(&tar, "more than 255 bytes");
}

static void refuses_files_larger_than_the_disk(void **state)
{
    (void)state;
    static const char *const sizes[] = {"size=137438953473", "size=9223372036854775807",
                                        "size=45634027521"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *const records[] = {sizes[i], NULL};
        ARCHIVE;
        tarball_add_pax(&tar, 'x', records);
        tarball_add(&tar, (struct tarball_entry){.name = "a"});
        check_refuses(&tar, "a file of");
    }
}

static void refuses_bombs_of_holes(void **state)
{
    (void)state;
    static const char *const records[] = {"GNU.sparse.size=40000000000", "GNU.sparse.major=0",
                                          "GNU.sparse.minor=1", "GNU.sparse.numblocks=0", NULL};
    ARCHIVE;
    struct layer_result result;
    struct error err;
    struct layer_options options = {.disk_limit = 1 << 30};
    tarball_add_pax(&tar, 'x', records);
    tarball_add(&tar, (struct tarball_entry){.name = "a"});
    check_refused(hash_bytes(buf_span(&tar), 4096, &options, &result, &err), &err, "room for");
}

static void refuses_attributes_that_do_not_fit(void **state)
{
    (void)state;
    char record[5000] = "SCHILY.xattr.user.large=";
    memset(record + strlen(record), 'v', 4200);
    const char *const records[] = {record, NULL};
    ARCHIVE;
    tarball_add_pax(&tar, 'x', records);
    tarball_add(&tar, (struct tarball_entry){.name = "a"});
    check_refuses(&tar, "don't fit");
}

static void refuses_more_names_than_memory_is_allowed(void **state)
{
    (void)state;
    ARCHIVE;
    struct layer_result result;
    struct error err;
    struct layer_options options = {.metadata_limit = 1 << 20};
    char name[32];
    for (int i = 0; i < 9000; i++) {
        (void)snprintf(name, sizeof name, "file-%d", i);
        tarball_add(&tar, (struct tarball_entry){.name = name});
    }
    tarball_end(&tar);
    check_refused(hash_bytes(buf_span(&tar), 1 << 20, &options, &result, &err), &err,
                  "too many files");
    check_ok(hash_tar(&tar, &result, &err), &err);
}

static void refuses_damaged_streams(void **state)
{
    (void)state;
    ARCHIVE;
    BUF_AUTO blob = BUF_WITH_LIMIT(1 << 24);
    struct layer_result result;
    struct error err;
    fill(&tar);
    gzip(buf_span(&tar), &blob);
    check_refused(hash_bytes(span_of(blob.data, blob.size - 1), 4096, NULL, &result, &err), &err,
                  "truncated");
    blob.data[blob.size - 8] ^= 1;
    check_refused(hash_bytes(buf_span(&blob), 4096, NULL, &result, &err), &err, "checksum");
    blob.data[blob.size - 8] ^= 1;
    check_ok(buf_append_text(&blob, "x", &err), &err);
    check_refused(hash_bytes(buf_span(&blob), 4096, NULL, &result, &err), &err, "no gzip member");
    blob.data[2] = 7;
    check_refused(hash_bytes(buf_span(&blob), 4096, NULL, &result, &err), &err, "header");
}

/* A layer that is small enough to be tried thousands of times. */
static void fill_small(struct buf *blob)
{
    ARCHIVE;
    static const char *const records[] = {"SCHILY.xattr.user.a=b", "mtime=1.5", NULL};
    tarball_add_pax(&tar, 'x', records);
    tarball_add(&tar, (struct tarball_entry){.name = "d/f", .contents = "12345"});
    tarball_add(&tar, (struct tarball_entry){.name = "d/.wh..wh..opq"});
    tarball_end(&tar);
    gzip(buf_span(&tar), blob);
}

static void refuses_gzip_truncated_at_every_byte(void **state)
{
    (void)state;
    BUF_AUTO blob = BUF_WITH_LIMIT(1 << 20);
    fill_small(&blob);
    for (size_t size = 1; size < blob.size; size++) {
        struct layer_result result;
        struct error err;
        check_error(hash_bytes(span_of(blob.data, size), 4096, NULL, &result, &err), &err,
                    ERROR_INVALID);
    }
}

static void finds_every_flipped_bit_of_gzip_data(void **state)
{
    (void)state;
    BUF_AUTO blob = BUF_WITH_LIMIT(1 << 20);
    struct layer_result expected, result;
    struct error err = {0};
    fill_small(&blob);
    check_ok(hash_bytes(buf_span(&blob), 4096, NULL, &expected, &err), &err);
    for (size_t bit = 0; bit < blob.size * 8; bit++) {
        blob.data[bit / 8] = (uint8_t)(blob.data[bit / 8] ^ 1U << bit % 8);
        /* Bits of header and padding that carry no meaning may differ; the contents may not. */
        if (hash_bytes(buf_span(&blob), 4096, NULL, &result, &err) == 0) {
            assert_memory_equal(result.diff_id, expected.diff_id, 32);
            assert_memory_not_equal(result.blob_digest, expected.blob_digest, 32);
        }
        blob.data[bit / 8] = (uint8_t)(blob.data[bit / 8] ^ 1U << bit % 8);
    }
}

static int stop(void *arg, uint64_t bytes)
{
    *(uint64_t *)arg = bytes;
    return -1;
}

static void stops_when_the_caller_wants(void **state)
{
    (void)state;
    ARCHIVE;
    uint64_t seen = 0;
    struct layer_result result;
    struct error err;
    struct layer_options options = {.progress = stop, .progress_arg = &seen};
    fill(&tar);
    check_error(hash_bytes(buf_span(&tar), 1000, &options, &result, &err), &err, ERROR_REFUSED);
    assert_true(seen > 0);
}

static int broken_read(void *arg, void *out, size_t size, size_t *got, struct error *err)
{
    (void)arg;
    (void)out;
    (void)size;
    (void)got;
    return error_set(err, ERROR_PROTOCOL, "the registry hung up");
}

static void passes_on_the_error_of_the_source(void **state)
{
    (void)state;
    struct layer_result result;
    struct error err;
    struct layer_source source = {broken_read, NULL};
    check_refused(layer_hash(&source, NULL, &result, &err), &err, "the registry hung up");
    assert_int_equal(err.code, ERROR_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_layer_has_the_public_root_hash),
        cmocka_unit_test(gives_the_digests_of_tar_and_blob),
        cmocka_unit_test(does_not_depend_on_how_it_is_packed_or_read),
        cmocka_unit_test(builds_the_disk_that_it_hashes),
        cmocka_unit_test(ends_a_vhd_with_its_footer),
        cmocka_unit_test(builds_the_same_bytes_twice),
        cmocka_unit_test(paths_cannot_leave_the_root),
        cmocka_unit_test(refuses_entries_that_contradict),
        cmocka_unit_test(refuses_names_that_are_too_long),
        cmocka_unit_test(refuses_files_larger_than_the_disk),
        cmocka_unit_test(refuses_bombs_of_holes),
        cmocka_unit_test(refuses_attributes_that_do_not_fit),
        cmocka_unit_test(refuses_more_names_than_memory_is_allowed),
        cmocka_unit_test(refuses_damaged_streams),
        cmocka_unit_test(refuses_gzip_truncated_at_every_byte),
        cmocka_unit_test(finds_every_flipped_bit_of_gzip_data),
        cmocka_unit_test(stops_when_the_caller_wants),
        cmocka_unit_test(passes_on_the_error_of_the_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
