/* Records of machines: what is read is what was written, and nothing that somebody bent. */
#include "../check.h"
#include "../remove_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/output.h"
#include "vm/record.h"

#define NAME "web"

struct fixture {
    char top[64];
    char *root;
    char *folder;
};

static void make_folder(const char *path)
{
    struct error err = {0};
    check_ok(dir_make_all(path, 0700, &err), &err);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(fixture->top, sizeof fixture->top, "%.32s/caisson-record-XXXXXX",
                   tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(fixture->top));
    fixture->root = text_format("%s/run", fixture->top);
    fixture->folder = text_format("%s/%s", fixture->root, NAME);
    make_folder(fixture->folder);
    (void)setenv("CAISSON_RUN", fixture->root, 1);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)remove_tree(fixture->top);
    free(fixture->root);
    free(fixture->folder);
    free(fixture);
    return 0;
}

static void write_sample(const struct fixture *fixture, enum record_status status)
{
    struct error err = {0};
    RECORD_AUTO record = {
        .tee = VM_TEE_SEV_SNP,
        .status = status,
        .auto_remove = true,
        .kvm = true,
        .paused = true,
        .monitor = 4242,
        .exit_code = 7,
        .created = 10,
        .started = 20,
        .finished = 30,
        .memory_mib = 512,
        .vcpus = 2,
        .scratch_size = 10ULL << 30,
        .grace_s = 32,
        .image = strdup("redis:7"),
        .command = strdup("redis-server \"quoted\""),
        .failure = strdup("why"),
        .policy_sha256 = {1, 2, 3},
        .port_count = 2,
    };
    (void)text_copy(record.name, sizeof record.name, NAME);
    check_ok(port_rule_parse("127.0.0.1:80:8080", &record.ports[0], &err), &err);
    check_ok(port_rule_parse("127.0.0.2:53:53/udp", &record.ports[1], &err), &err);
    check_ok(record_write(fixture->folder, &record, &err), &err);
}

static void gives_back_what_was_written(void **state)
{
    RECORD_AUTO record = {0};
    struct error err = {0};
    write_sample(*state, RECORD_EXITED);
    check_ok(record_read(NAME, &record, &err), &err);
    assert_string_equal(record.name, NAME);
    assert_int_equal(record.tee, VM_TEE_SEV_SNP);
    assert_int_equal(record.status, RECORD_EXITED);
    assert_true(record.auto_remove && record.kvm);
    assert_false(record.paused); /* what has ended is not */
    assert_int_equal(record.monitor, 4242);
    assert_int_equal(record.exit_code, 7);
    assert_int_equal(record.created, 10);
    assert_int_equal(record.started, 20);
    assert_int_equal(record.finished, 30);
    assert_int_equal(record.memory_mib, 512);
    assert_int_equal(record.vcpus, 2);
    assert_true(record.scratch_size == 10ULL << 30);
    assert_int_equal(record.grace_s, 32);
    assert_string_equal(record.image, "redis:7");
    assert_string_equal(record.command, "redis-server \"quoted\"");
    assert_string_equal(record.failure, "why");
    assert_int_equal(record.policy_sha256[2], 3);
    assert_int_equal(record.port_count, 2);
    assert_string_equal(record.ports[0].address, "127.0.0.1");
    assert_true(record.ports[1].udp);
}

static void tells_a_monitor_that_lives_from_one_that_does_not(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    TEXT_AUTO path = text_format("%s/lock", fixture->folder);
    write_sample(fixture, RECORD_RUNNING);
    {
        RECORD_AUTO record = {0};
        FD_AUTO lock = file_lock(path, false, &err);
        assert_true(lock >= 0);
        check_ok(record_read(NAME, &record, &err), &err);
        assert_int_equal(record.status, RECORD_RUNNING);
        assert_true(record.paused);
        check_refused(record_remove(NAME, &err), &err, "stop it first");
    }
    RECORD_AUTO record = {0};
    check_ok(record_read(NAME, &record, &err), &err);
    assert_int_equal(record.status, RECORD_EXITED);
    assert_int_equal(record.exit_code, 137);
    assert_string_equal(record.failure, "its monitor was killed");
    check_ok(record_remove(NAME, &err), &err);
    check_error(record_remove(NAME, &err), &err, ERROR_NOT_FOUND);
}

static void refuses_json_cut_anywhere(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    TEXT_AUTO path = text_format("%s/record.json", fixture->folder);
    write_sample(fixture, RECORD_EXITED);
    check_ok(file_read(path, &text, &err), &err);
    for (size_t size = 0; size + 2 < text.size; size += 13) {
        RECORD_AUTO record = {0};
        check_ok(output_write(path, span_of(text.data, size), 0600, &err), &err);
        check_error(record_read(NAME, &record, &err), &err, ERROR_INVALID);
        err = (struct error){0};
    }
}

/* Replaces one text of the record by another. */
static void bend(const struct fixture *fixture, const char *old, const char *new)
{
    struct error err = {0};
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    BUF_AUTO bent = BUF_WITH_LIMIT(65536);
    TEXT_AUTO path = text_format("%s/record.json", fixture->folder);
    write_sample(fixture, RECORD_EXITED);
    check_ok(file_read(path, &text, &err), &err);
    const char *at = strstr(buf_text(&text), old);
    assert_non_null(at);
    check_ok(buf_printf(&bent, &err, "%.*s%s%s", (int)(at - buf_text(&text)), buf_text(&text), new,
                        at + strlen(old)),
             &err);
    check_ok(output_write(path, buf_span(&bent), 0600, &err), &err);
}

static void refuses_values_out_of_range(void **state)
{
    static const char *const bends[][2] = {
        {"\"web\"", "\"../web\""},
        {"\"web\"", "\"\""},
        {"\"sev-snp\"", "\"tdx\""},
        {"\"010203", "\"01020"},
        {"\"010203", "\"zz0203"},
        {": 7,", ": 256,"},
        {": 7,", ": -1,"},
        {": 7,", ": \"7\","},
        {": 4242,", ": 4294967296,"},
        {": 512,", ": 99999999999,"},
        {"\"vcpus\": 2", "\"vcpus\": 65"},
        {"\"kvm\": true", "\"kvm\": 1"},
        {"127.0.0.1:80:8080/tcp", "80"},
        {"\"failure\"", "\"failures\""},
        {"\"exited\"", "\"asleep\""},
    };
    for (size_t i = 0; i < sizeof bends / sizeof *bends; i++) {
        RECORD_AUTO record = {0};
        struct error err = {0};
        bend(*state, bends[i][0], bends[i][1]);
        if (record_read(NAME, &record, &err) == 0)
            fail_msg("%s for %s is taken", bends[i][1], bends[i][0]);
    }
}

static void refuses_names_that_are_none(void **state)
{
    static const char *const names[] = {
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "-a",
        ".a",
        "_a",
        "a b",
        "ä",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        RECORD_AUTO record = {0};
        struct error err = {0};
        check_error(record_read(names[i], &record, &err), &err, ERROR_INVALID);
        check_error(record_remove(names[i], &err), &err, ERROR_INVALID);
    }
}

static void refuses_a_root_that_others_can_enter(void **state)
{
    struct fixture *fixture = *state;
    static const mode_t modes[] = {0701, 0710, 0755, 0777};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct error err = {0};
        char *root;
        assert_int_equal(chmod(fixture->root, modes[i]), 0);
        check_error(record_root(&root, &err), &err, ERROR_REFUSED);
        assert_null(root);
    }
}

static void refuses_a_root_that_is_a_link(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    char *root;
    TEXT_AUTO link = text_format("%s/link", fixture->top);
    assert_int_equal(symlink(fixture->root, link), 0);
    (void)setenv("CAISSON_RUN", link, 1);
    check_error(record_root(&root, &err), &err, ERROR_REFUSED);
}

static void lists_names_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    char **names = NULL;
    static const char *const folders[] = {"b", "a", ".hidden", "c"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        TEXT_AUTO path = text_format("%s/%s", fixture->root, folders[i]);
        make_folder(path);
    }
    check_ok(record_names(&names, &err), &err);
    static const char *const expected[] = {"a", "b", "c", NAME};
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(names[i], expected[i]);
    assert_null(names[4]);
    record_names_free(names);
}

#define RECORD_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECORD_TEST(gives_back_what_was_written),
        RECORD_TEST(tells_a_monitor_that_lives_from_one_that_does_not),
        RECORD_TEST(refuses_json_cut_anywhere),
        RECORD_TEST(refuses_values_out_of_range),
        RECORD_TEST(refuses_names_that_are_none),
        RECORD_TEST(refuses_a_root_that_others_can_enter),
        RECORD_TEST(refuses_a_root_that_is_a_link),
        RECORD_TEST(lists_names_in_order),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
