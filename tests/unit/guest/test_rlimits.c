#include "../check.h"

#include <sys/wait.h>
#include <unistd.h>

#include "guest/rlimits.h"

static int parse(const char *word, struct rlimits *limits, struct error *err)
{
    return rlimits_parse((struct policy_list){&word, word ? 1 : 0}, limits, err);
}

static void has_many_files_where_nothing_is_said(void **state)
{
    (void)state;
    struct rlimits limits;
    struct error err = {0};
    check_ok(parse(NULL, &limits, &err), &err);
    assert_int_equal(limits.given, 1U << RLIMIT_NOFILE);
    assert_int_equal(limits.values[RLIMIT_NOFILE].rlim_cur, 1048576);
    assert_int_equal(limits.values[RLIMIT_NOFILE].rlim_max, 1048576);
}

static void reads_limits(void **state)
{
    (void)state;
    static const char *const words[] = {"nofile=64:4096", "core=0:0", "memlock=-1:-1", "nproc=1:-1",
                                        "stack=8388608:9223372036854775807"};
    struct rlimits limits;
    struct error err = {0};
    check_ok(rlimits_parse((struct policy_list){words, 5}, &limits, &err), &err);
    assert_int_equal(limits.given, 1U << RLIMIT_NOFILE | 1U << RLIMIT_CORE | 1U << RLIMIT_MEMLOCK |
                                       1U << RLIMIT_NPROC | 1U << RLIMIT_STACK);
    assert_int_equal(limits.values[RLIMIT_NOFILE].rlim_cur, 64);
    assert_int_equal(limits.values[RLIMIT_NOFILE].rlim_max, 4096);
    assert_int_equal(limits.values[RLIMIT_CORE].rlim_max, 0);
    assert_true(limits.values[RLIMIT_MEMLOCK].rlim_cur == RLIM_INFINITY);
    assert_int_equal(limits.values[RLIMIT_NPROC].rlim_cur, 1);
    assert_true(limits.values[RLIMIT_NPROC].rlim_max == RLIM_INFINITY);
    assert_int_equal(limits.values[RLIMIT_STACK].rlim_max, INT64_MAX);
}

static void knows_the_kernels_names(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        int resource;
    } rows[] = {{"cpu=1:2", RLIMIT_CPU},           {"fsize=1:2", RLIMIT_FSIZE},
                {"data=1:2", RLIMIT_DATA},         {"stack=1:2", RLIMIT_STACK},
                {"core=1:2", RLIMIT_CORE},         {"rss=1:2", RLIMIT_RSS},
                {"nproc=1:2", RLIMIT_NPROC},       {"nofile=1:2", RLIMIT_NOFILE},
                {"memlock=1:2", RLIMIT_MEMLOCK},   {"as=1:2", RLIMIT_AS},
                {"locks=1:2", RLIMIT_LOCKS},       {"sigpending=1:2", RLIMIT_SIGPENDING},
                {"msgqueue=1:2", RLIMIT_MSGQUEUE}, {"nice=1:2", RLIMIT_NICE},
                {"rtprio=1:2", RLIMIT_RTPRIO},     {"rttime=1:2", RLIMIT_RTTIME}};
    assert_int_equal(sizeof rows / sizeof *rows, RLIMIT_NLIMITS);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rlimits limits;
        struct error err = {0};
        check_ok(parse(rows[i].word, &limits, &err), &err);
        assert_int_equal(limits.values[rows[i].resource].rlim_cur, 1);
        assert_int_equal(limits.values[rows[i].resource].rlim_max, 2);
    }
}

static void refuses_what_is_no_limit(void **state)
{
    (void)state;
    static const char *const words[] = {"",
                                        "=",
                                        ":",
                                        "=1:1",
                                        "1:1",
                                        "nofile",
                                        "nofile=",
                                        "nofile:1",
                                        "nofile:1=1",
                                        "nofile=1",
                                        "nofile=:",
                                        "nofile=1:",
                                        "nofile=:1",
                                        "nofile=1:1:1",
                                        "nofile=1:1 ",
                                        "nofile= 1:1",
                                        "nofile=+1:1",
                                        "nofile=01:1",
                                        "nofile=0x1:1",
                                        "nofile=-2:1",
                                        "nofile=1:-2",
                                        "nofile=--1:1",
                                        "nofile=9223372036854775808:1",
                                        "nofile=00000000000000000000000000000001:1",
                                        "NOFILE=1:1",
                                        "RLIMIT_NOFILE=1:1",
                                        "nofil=1:1",
                                        "nofiles=1:1",
                                        "nothing=1:1"};
    static const char *const twice[] = {"core=0:0", "core=0:0"};
    struct rlimits limits;
    struct error err;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        check_error(parse(words[i], &limits, &err), &err, ERROR_INVALID);
    check_error(rlimits_parse((struct policy_list){twice, 2}, &limits, &err), &err, ERROR_INVALID);
}

/* In a child: whoever lowers its limits cannot raise them again. */
static void gives_them_to_the_process(void **state)
{
    (void)state;
    static const char *const words[] = {"nofile=1024:1025", "core=0:0"};
    struct rlimits limits;
    struct error err = {0};
    int status;
    check_ok(rlimits_parse((struct policy_list){words, 2}, &limits, &err), &err);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit files, core;
        bool set = rlimits_set(&limits, &err) == 0 && getrlimit(RLIMIT_NOFILE, &files) == 0 &&
                   getrlimit(RLIMIT_CORE, &core) == 0 && files.rlim_cur == 1024 &&
                   files.rlim_max == 1025 && core.rlim_max == 0;
        _exit(set ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void tells_which_limit_the_kernel_refuses(void **state)
{
    (void)state;
    struct rlimits limits;
    struct error err = {0};
    check_ok(parse("core=1:0", &limits, &err), &err);
    limits.given = 1U << RLIMIT_CORE;
    check_refused(rlimits_set(&limits, &err), &err, "cannot set the limit core");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_many_files_where_nothing_is_said),
        cmocka_unit_test(reads_limits),
        cmocka_unit_test(knows_the_kernels_names),
        cmocka_unit_test(refuses_what_is_no_limit),
        cmocka_unit_test(gives_them_to_the_process),
        cmocka_unit_test(tells_which_limit_the_kernel_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
