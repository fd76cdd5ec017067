#include "../check.h"

#include <sys/wait.h>
#include <unistd.h>

#include "guest/rlimits.h"

static int parse(const char *text, struct rlimits *limits, struct error *err)
{
    struct arena arena = {.limit = 1 << 20};
    struct value object;
    check_ok(value_read_object(span_of_text(text), 4, &arena, &object, err), err);
    rlimits_init(limits);
    int parsed = rlimits_parse(&object, limits, err);
    arena_fini(&arena);
    return parsed;
}

static void has_many_files_where_nothing_is_said(void **state)
{
    (void)state;
    struct rlimits limits;
    struct error err = {0};
    check_ok(parse("{}", &limits, &err), &err);
    assert_int_equal(limits.given, 1U << RLIMIT_NOFILE);
    assert_int_equal(limits.values[RLIMIT_NOFILE].rlim_cur, 1048576);
    assert_int_equal(limits.values[RLIMIT_NOFILE].rlim_max, 1048576);
}

static void reads_limits(void **state)
{
    (void)state;
    struct rlimits limits;
    struct error err = {0};
    check_ok(parse("{\"nofile\":[1024,4096],\"core\":[0,0],\"memlock\":[-1,-1],\"nproc\":[1024,-1],"
                   "\"stack\":[8388608,1073741824]}",
                   &limits, &err),
             &err);
    assert_int_equal(limits.given, 1U << RLIMIT_NOFILE | 1U << RLIMIT_CORE | 1U << RLIMIT_MEMLOCK |
                                       1U << RLIMIT_NPROC | 1U << RLIMIT_STACK);
    assert_int_equal(limits.values[RLIMIT_NOFILE].rlim_cur, 1024);
    assert_int_equal(limits.values[RLIMIT_NOFILE].rlim_max, 4096);
    assert_int_equal(limits.values[RLIMIT_CORE].rlim_max, 0);
    assert_true(limits.values[RLIMIT_MEMLOCK].rlim_cur == RLIM_INFINITY);
    assert_true(limits.values[RLIMIT_NPROC].rlim_max == RLIM_INFINITY);
    assert_int_equal(limits.values[RLIMIT_STACK].rlim_max, 1 << 30);
}

static void refuses_limits_that_let_the_host_choose_what_fails(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"nofile\":[1023,4096]}",
        "{\"nofile\":[0,0]}",
        "{\"nofile\":[1024,1048577]}",
        "{\"nofile\":[-1,-1]}",
        "{\"memlock\":[8388607,8388608]}",
        "{\"nproc\":[1023,-1]}",
        "{\"stack\":[8388607,8388608]}",
        "{\"stack\":[8388608,-1]}",
        "{\"stack\":[-1,-1]}",
        "{\"nofile\":[4096,1024]}",
        "{\"core\":[-1,0]}",
        "{\"core\":[-2,0]}",
        "{\"core\":[0,-2]}",
    };
    struct rlimits limits;
    struct error err;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check_error(parse(texts[i], &limits, &err), &err, ERROR_REFUSED);
}

static void refuses_what_is_no_limit(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"fsize\":[1,1]}",
        "{\"cpu\":[1,1]}",
        "{\"NOFILE\":[1024,1024]}",
        "{\"nofile\":1024}",
        "{\"nofile\":[1024]}",
        "{\"nofile\":[]}",
        "{\"nofile\":[1024,1024,1024]}",
        "{\"nofile\":[\"1024\",1024]}",
        "{\"nofile\":[\"1024\",1024]}",

        "{\"core\":[null,0]}",
    };
    struct rlimits limits;
    struct error err;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check_error(parse(texts[i], &limits, &err), &err, ERROR_INVALID);
}

/* In a child: whoever lowers its limits cannot raise them again. */
static void gives_them_to_the_process(void **state)
{
    (void)state;
    struct rlimits limits;
    struct error err = {0};
    int status;
    check_ok(parse("{\"nofile\":[1024,1025],\"core\":[0,0]}", &limits, &err), &err);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_many_files_where_nothing_is_said),
        cmocka_unit_test(reads_limits),
        cmocka_unit_test(refuses_limits_that_let_the_host_choose_what_fails),
        cmocka_unit_test(refuses_what_is_no_limit),
        cmocka_unit_test(gives_them_to_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
