#include "../check.h"

#include <sys/mman.h>

#include "../tarball.h"
#include "base/text.h"
#include "image/archive.h"
#include "os/fd.h"

#define TAR BUF_AUTO tar = BUF_WITH_LIMIT(1 << 22)

static int read_bytes(struct span bytes, struct archive *out, struct error *err)
{
    FD_AUTO fd = memfd_create("archive", MFD_CLOEXEC);
    assert_true(fd >= 0);
    check_ok(fd_write_all(fd, bytes, err), err);
    return archive_read(fd, out, err);
}

static int read_tar(const struct buf *tar, struct archive *out, struct error *err)
{
    return read_bytes(buf_span(tar), out, err);
}

/* The member is there, and these bytes stand at its place. */
static void check_member(const struct archive *archive, const struct buf *tar, const char *name,
                         const char *contents)
{
    struct error err = {0};
    const struct archive_member *member = archive_find(archive, name, &err);
    if (!member)
        fail_msg("%s", err.text);
    assert_int_equal(member->size, strlen(contents));
    assert_memory_equal(tar->data + member->offset, contents, strlen(contents));
}

static void fill(struct buf *tar)
{
    /* Longer than what is read at once, so that its end is reached by seeking. */
    static char large[100000];
    static const char *const records[] = {"path=a/path/by/pax", "mtime=1.5", NULL};
    memset(large, 'x', sizeof large - 1);
    tarball_add(tar, (struct tarball_entry){.name = "./dir/", .type = '5'});
    tarball_add(tar, (struct tarball_entry){.name = "./dir/large", .contents = large});
    tarball_add_pax(tar, 'g', (const char *const[]){"comment=hello", NULL});
    tarball_add_pax(tar, 'x', records);
    tarball_add(tar, (struct tarball_entry){.name = "short", .contents = "by pax"});
    tarball_add(tar, (struct tarball_entry){
                         .name = "././@LongLink", .type = 'L', .contents = "a/path/by/gnu"});
    tarball_add(tar, (struct tarball_entry){.name = "short", .contents = "by gnu"});
    tarball_add(tar, (struct tarball_entry){.name = "b/soft", .type = '2', .link = "../dir/large"});
    tarball_add(tar, (struct tarball_entry){.name = "b/hard", .type = '1', .link = "b/soft"});
    tarball_add(tar, (struct tarball_entry){.name = "last", .contents = "!"});
    tarball_end(tar);
}

static void finds_each_kind_of_name_at_its_place(void **state)
{
    (void)state;
    TAR;
    struct error err = {0};
    ARCHIVE_AUTO archive = {0};
    fill(&tar);
    check_ok(read_tar(&tar, &archive, &err), &err);
    check_member(&archive, &tar, "a/path/by/pax", "by pax");
    check_member(&archive, &tar, "a/path/by/gnu", "by gnu");
    check_member(&archive, &tar, "last", "!");
    const struct archive_member *large = archive_find(&archive, "dir/large", &err);
    assert_non_null(large);
    assert_int_equal(large->size, 99999);
    /* What `docker save` writes for a layer that it has written before. */
    assert_ptr_equal(archive_find(&archive, "b/soft", &err), large);
    assert_ptr_equal(archive_find(&archive, "b/hard", &err), large);
}

static void refuses_archives_cut_at_every_block(void **state)
{
    (void)state;
    TAR;
    fill(&tar);
    for (size_t size = 0; size < tar.size; size += 256) {
        struct error err = {0};
        ARCHIVE_AUTO archive = {0};
        check_error(read_bytes(span_of(tar.data, size), &archive, &err), &err, ERROR_INVALID);
    }
}

static void refuses_what_is_no_tar(void **state)
{
    (void)state;
    TAR;
    fill(&tar);
    for (size_t i = 0; i < 512; i++) {
        struct error err = {0};
        ARCHIVE_AUTO archive = {0};
        if (i == 154 || i == 155)
            continue; /* what follows the checksum's digits means nothing */
        tar.data[i] ^= 4;
        check_error(read_tar(&tar, &archive, &err), &err, ERROR_INVALID);
        tar.data[i] ^= 4;
    }
}

static void refuses_members_that_reach_past_the_end(void **state)
{
    (void)state;
    static const char *const sizes[] = {"00000010000", "77777777777",
                                        "\200\177\177\177\177\177\177\177\177\177\177\177"};
    static const char *const records[] = {"size=9223372036854775807", NULL};
    struct error err;
    for (size_t i = 0; i <= sizeof sizes / sizeof *sizes; i++) {
        TAR;
        ARCHIVE_AUTO archive = {0};
        bool by_pax = i == sizeof sizes / sizeof *sizes;
        if (by_pax)
            tarball_add_pax(&tar, 'x', records);
        tarball_add(&tar, (struct tarball_entry){.name = "a", .size = by_pax ? NULL : sizes[i]});
        tarball_end(&tar);
        check_error(read_tar(&tar, &archive, &err), &err, ERROR_INVALID);
    }
}

static void refuses_names_that_are_too_long(void **state)
{
    (void)state;
    TAR;
    struct error err;
    ARCHIVE_AUTO archive = {0};
    static char name[ARCHIVE_NAME_MAX + 1];
    memset(name, 'n', ARCHIVE_NAME_MAX);
    tarball_add(&tar, (struct tarball_entry){.name = "x", .type = 'L', .contents = name});
    tarball_add(&tar, (struct tarball_entry){.name = "a"});
    tarball_end(&tar);
    check_error(read_tar(&tar, &archive, &err), &err, ERROR_LIMIT);
}

static void refuses_more_members_than_the_limit(void **state)
{
    (void)state;
    BUF_AUTO tar = BUF_WITH_LIMIT((ARCHIVE_MEMBERS_MAX + 4) * 512);
    struct error err;
    ARCHIVE_AUTO archive = {0};
    for (size_t i = 0; i <= ARCHIVE_MEMBERS_MAX; i++)
        tarball_add(&tar, (struct tarball_entry){.name = "a"});
    tarball_end(&tar);
    check_error(read_tar(&tar, &archive, &err), &err, ERROR_LIMIT);
}

static void finds_nothing_but_plain_files(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *words;
    } cases[] = {{"twice", "two members"}, {"missing", "has no missing"},
                 {"dir", "no file"},       {"loop", "loop of links"},
                 {"leaves", "no file"},    {"absolute", "has no etc"},
                 {"one", "loop of links"}, {"dangling", "has no gone"},
                 {"sparse", "no file"},    {"dir/../plain", "has no dir"}};
    static const char *const records[] = {"GNU.sparse.major=0", "GNU.sparse.minor=1",
                                          "GNU.sparse.size=4", "GNU.sparse.numblocks=0", NULL};
    TAR;
    struct error err = {0};
    ARCHIVE_AUTO archive = {0};
    tarball_add(&tar, (struct tarball_entry){.name = "twice", .contents = "1"});
    tarball_add(&tar, (struct tarball_entry){.name = "./twice", .contents = "2"});
    tarball_add(&tar, (struct tarball_entry){.name = "dir/", .type = '5'});
    tarball_add(&tar, (struct tarball_entry){.name = "plain", .contents = "x"});
    tarball_add(&tar, (struct tarball_entry){.name = "loop", .type = '2', .link = "loop"});
    tarball_add(&tar, (struct tarball_entry){.name = "one", .type = '1', .link = "two"});
    tarball_add(&tar, (struct tarball_entry){.name = "two", .type = '2', .link = "./one"});
    tarball_add(&tar, (struct tarball_entry){.name = "leaves", .type = '2', .link = "../../etc"});
    tarball_add(&tar, (struct tarball_entry){.name = "absolute", .type = '2', .link = "/etc/x"});
    tarball_add(&tar, (struct tarball_entry){.name = "dangling", .type = '1', .link = "gone"});
    tarball_add_pax(&tar, 'x', records);
    tarball_add(&tar, (struct tarball_entry){.name = "sparse"});
    tarball_end(&tar);
    check_ok(read_tar(&tar, &archive, &err), &err);
    check_member(&archive, &tar, "plain", "x");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err = (struct error){0};
        assert_null(archive_find(&archive, cases[i].name, &err));
        if (!strstr(err.text, cases[i].words))
            fail_msg("%s: %s", cases[i].name, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_each_kind_of_name_at_its_place),
        cmocka_unit_test(refuses_archives_cut_at_every_block),
        cmocka_unit_test(refuses_what_is_no_tar),
        cmocka_unit_test(refuses_members_that_reach_past_the_end),
        cmocka_unit_test(refuses_names_that_are_too_long),
        cmocka_unit_test(refuses_more_members_than_the_limit),
        cmocka_unit_test(finds_nothing_but_plain_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
