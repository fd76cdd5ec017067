/* What the filters of profiles do is asked of the kernel itself, in children that install them. */
#include "../check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "format/seccomp.h"
#include "guest/syscallfilter.h"

static int compile(const char *text, struct syscallfilter *out, struct error *err)
{
    struct arena arena = {.limit = 1 << 22};
    struct value profile;
    check_ok(value_read_object(span_of_text(text), 8, &arena, &profile, err), err);
    int made = syscallfilter_compile(&profile, out, err);
    arena_fini(&arena);
    return made;
}

static void refuses(const char *text, const char *because)
{
    struct error err = {0};
    struct syscallfilter filter;
    check_refused(compile(text, &filter, &err), &err, because);
    assert_null(filter.instructions);
}

/* How a child ends that makes one system call behind the profile's filter: the call's errno, or
 * 1000 and the signal. */
static int outcome(const char *text, long (*call)(void))
{
    struct error err = {0};
    struct syscallfilter filter;
    check_ok(compile(text, &filter, &err), &err);
    pid_t child = fork();
    if (child == 0) {
        /* cmocka catches them. */
        (void)signal(SIGSYS, SIG_DFL);
        (void)signal(SIGSEGV, SIG_DFL);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscallfilter_install(&filter, &err) < 0)
            _exit(200);
        long result = call();
        _exit(result == -1 ? errno : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    syscallfilter_fini(&filter);
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static long call_getppid(void)
{
    return syscall(SYS_getppid);
}

/* Of the caller's own process group, argument 1 being of no meaning. */
static long call_getpgid(void)
{
    return syscall(SYS_getpgid, 0, 6);
}

static long call_getppid_of_i386(void)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(64) : "memory");
    return result > 0 ? 0 : -1;
}

#define PROFILE(action, more) "{\"defaultAction\":\"SCMP_ACT_" action "\"" more "}"
#define RULES(rules)          ",\"syscalls\":[" rules "]"
#define RULE(name, action, more)                                                                   \
    "{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_" action "\"" more "}"

static void answers_with_the_rules_error(void **state)
{
    (void)state;
    assert_int_equal(outcome(PROFILE("ALLOW", ""), call_getppid), 0);
    assert_int_equal(outcome(PROFILE("ALLOW", RULES(RULE("getppid", "ERRNO", ""))), call_getppid),
                     EPERM);
    assert_int_equal(outcome(PROFILE("ALLOW", RULES(RULE("getppid", "ERRNO", ",\"errnoRet\":38"))),
                             call_getppid),
                     ENOSYS);
    assert_int_equal(outcome(PROFILE("ALLOW", RULES(RULE("getpgid", "ERRNO", ""))), call_getppid),
                     0);
}

/* The address sanitizer asks for the signal stack before it lets a program end. */
#define EXITS RULE("exit_group", "ALLOW", "") "," RULE("sigaltstack", "ALLOW", "")

static void answers_with_the_defaults_error(void **state)
{
    (void)state;
    assert_int_equal(outcome(PROFILE("ERRNO", RULES(EXITS)), call_getppid), EPERM);
    assert_int_equal(
        outcome(PROFILE("ERRNO", ",\"defaultErrnoRet\":77" RULES(EXITS)), call_getppid), 77);
    assert_int_equal(
        outcome(PROFILE("ERRNO", RULES(EXITS "," RULE("getppid", "ALLOW", ""))), call_getppid), 0);
}

static void ends_processes(void **state)
{
    (void)state;
    assert_int_equal(
        outcome(PROFILE("ALLOW", RULES(RULE("getppid", "KILL_PROCESS", ""))), call_getppid),
        1000 + SIGSYS);
    assert_int_equal(outcome(PROFILE("KILL", RULES(EXITS)), call_getppid), 1000 + SIGSYS);
    assert_int_equal(outcome(PROFILE("ALLOW", RULES(RULE("getppid", "TRAP", ""))), call_getppid),
                     1000 + SIGSYS);
}

static void compares_arguments(void **state)
{
    (void)state;
    static const struct {
        const char *operator;
        unsigned int value, second;
        bool holds; /* for 6 */
    } cases[] = {
        {"EQ", 6, 0, true},        {"EQ", 7, 0, false},        {"NE", 6, 0, false},
        {"NE", 7, 0, true},        {"LT", 6, 0, false},        {"LT", 7, 0, true},
        {"LE", 5, 0, false},       {"LE", 6, 0, true},         {"GE", 7, 0, false},
        {"GE", 6, 0, true},        {"GT", 6, 0, false},        {"GT", 5, 0, true},
        {"MASKED_EQ", 3, 2, true}, {"MASKED_EQ", 3, 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text,
                       PROFILE("ALLOW", RULES(RULE("getpgid", "ERRNO",
                                                   ",\"args\":[{\"index\":1,\"value\":%u,"
                                                   "\"valueTwo\":%u,\"op\":\"SCMP_CMP_%s\"}]"))),
                       cases[i].value, cases[i].second, cases[i].operator);
        int expected = cases[i].holds ? EPERM : 0;
        int got = outcome(text, call_getpgid);
        if (got != expected)
            fail_msg("%s: %d, expected %d", text, got, expected);
    }
}

static void ends_what_calls_by_another_convention(void **state)
{
    (void)state;
    assert_true(outcome(PROFILE("ALLOW", ""), call_getppid_of_i386) > 1000);
    assert_true(
        outcome(PROFILE("ALLOW", ",\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_AARCH64\"]"),
                call_getppid_of_i386) > 1000);
    assert_int_equal(
        outcome(PROFILE("ALLOW", ",\"architectures\":[\"SCMP_ARCH_X86\"]"), call_getppid), 0);
}

static void passes_over_unknown_calls_where_the_default_is_as_strict(void **state)
{
    (void)state;
    assert_int_equal(outcome(PROFILE("ERRNO", RULES(EXITS "," RULE("not_yet_a_call", "ALLOW", ""))),
                             call_getppid),
                     EPERM);
    assert_int_equal(
        outcome(PROFILE("KILL_PROCESS", RULES(EXITS "," RULE("not_yet_a_call", "KILL", ""))),
                call_getppid),
        1000 + SIGSYS);
    refuses(PROFILE("ALLOW", RULES(RULE("not_yet_a_call", "ERRNO", ""))),
            "no such rule for \"not_yet_a_call\"");
    refuses(PROFILE("LOG", RULES(RULE("not_yet_a_call", "TRACE", ""))),
            "no such rule for \"not_yet_a_call\"");
    refuses(PROFILE("ERRNO", RULES(RULE("not_yet_a_call", "TRAP", ""))),
            "no such rule for \"not_yet_a_call\"");
    refuses(PROFILE("KILL", RULES(RULE("not_yet_a_call", "KILL_PROCESS", ""))),
            "no such rule for \"not_yet_a_call\"");
}

static void reads_flags(void **state)
{
    (void)state;
    struct error err = {0};
    const char *text = PROFILE(
        "ALLOW", ",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\",\"SECCOMP_FILTER_FLAG_TSYNC\"]");
    struct syscallfilter filter;
    check_ok(compile(text, &filter, &err), &err);
    assert_int_equal(filter.flags, 2);
    assert_true(filter.count > 0);
    syscallfilter_fini(&filter);
    assert_null(filter.instructions);
}

#define CONDITION(index, op) "{\"index\":" index ",\"value\":0,\"op\":\"" op "\"}"
#define CONDITIONS(list)     PROFILE("ALLOW", RULES(RULE("getpgid", "ERRNO", ",\"args\":[" list "]")))
#define EQ(index)            CONDITION(index, "SCMP_CMP_EQ")

static void refuses_what_it_does_not_know(void **state)
{
    (void)state;
    refuses("{\"defaultAction\":\"\"}", "\"\" is unknown");
    refuses(PROFILE("NOTIFY", ""), "SCMP_ACT_NOTIFY");
    refuses("{\"defaultAction\":\"allow\"}", "\"allow\"");
    refuses(PROFILE("ALLOW", ",\"defaultErrnoRet\":1"), "returns no error");
    refuses(PROFILE("ERRNO", ",\"defaultErrnoRet\":4096"), "defaultErrnoRet");
    refuses(PROFILE("ALLOW", ",\"architectures\":[\"X86_64\"]"), "architectures: \"X86_64\"");
    refuses(PROFILE("ALLOW", ",\"flags\":[\"SECCOMP_FILTER_FLAG_NEW_LISTENER\"]"), "flags: ");
    refuses(PROFILE("ALLOW", ",\"flags\":[\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]"), "flags: ");
    refuses(PROFILE("ALLOW", RULES(RULE("getppid", "NOTIFY", ""))), "syscalls[0]: ");
    refuses(PROFILE("ALLOW", RULES(RULE("getppid", "KILL", ",\"errnoRet\":1"))),
            "returns no error");
    refuses(PROFILE("ALLOW", RULES(RULE("getppid", "ERRNO", ",\"errnoRet\":4096"))), "errnoRet");
    refuses(CONDITIONS(CONDITION("0", "")), "\"\" is unknown");
    refuses(CONDITIONS(CONDITION("0", "SCMP_CMP_IN")), "SCMP_CMP_IN");
    refuses(CONDITIONS(EQ("6")), "index");
    refuses(
        CONDITIONS(EQ("0") "," EQ("1") "," EQ("2") "," EQ("3") "," EQ("4") "," EQ("5") "," EQ("0")),
        "7 elements; at most 6");
    /* Some runtimes mean one of them, some both. */
    refuses(CONDITIONS(EQ("0") "," EQ("0")), "no such rule");
}

#define BAD_RULE(members) PROFILE("ALLOW", RULES(RULE("getppid", "ERRNO", "") ",{" members "}"))

/* Keys and types, with the place. */
static void refuses_what_is_no_profile(void **state)
{
    (void)state;
    refuses("{}", "\"defaultAction\" is missing");
    refuses("{\"defaultAction\":1}", "\"defaultAction\": expected");
    refuses("{\"defaultAction\":null}", "\"defaultAction\": expected");
    refuses(PROFILE("ALLOW", ",\"comment\":\"\""), "\"comment\" is unknown");
    refuses(PROFILE("ALLOW", ",\"archMap\":[]"), "\"archMap\" is unknown");
    /* Another process would say what a system call returns. */
    refuses(PROFILE("ALLOW", ",\"listenerPath\":\"/run/x\""), "listenerPath");
    refuses(PROFILE("ALLOW", ",\"listenerMetadata\":\"\""), "listenerMetadata");
    refuses(PROFILE("ERRNO", ",\"defaultErrnoRet\":-1"), "defaultErrnoRet");
    refuses(PROFILE("ERRNO", ",\"defaultErrnoRet\":\"1\""), "defaultErrnoRet");
    refuses(PROFILE("ALLOW", ",\"architectures\":{}"), "\"architectures\"");
    refuses(PROFILE("ALLOW", ",\"architectures\":[1]"), "architectures");
    refuses(PROFILE("ALLOW", ",\"flags\":\"\""), "\"flags\"");
    refuses(PROFILE("ALLOW", ",\"syscalls\":{}"), "\"syscalls\"");
    refuses(PROFILE("ALLOW", RULES("[]")), "syscalls[0]: ");
    refuses(BAD_RULE("\"action\":\"SCMP_ACT_KILL\""), "syscalls[1]: key \"names\" is missing");
    refuses(BAD_RULE("\"names\":[\"getppid\"]"), "syscalls[1]: key \"action\" is missing");
    refuses(BAD_RULE("\"names\":[7],\"action\":\"SCMP_ACT_KILL\""), "syscalls[1]: ");
    refuses(BAD_RULE("\"names\":[7],\"action\":\"SCMP_ACT_ALLOW\""), "syscalls[1]: ");
    refuses(BAD_RULE("\"names\":[],\"action\":\"SCMP_ACT_KILL\",\"includes\":{}"),
            "\"includes\" is unknown");
    refuses(CONDITIONS("[]"), "args[0]: ");
    refuses(CONDITIONS("{\"index\":0,\"value\":0}"), "args[0]: key \"op\"");
    refuses(CONDITIONS("{\"index\":0,\"op\":\"SCMP_CMP_EQ\"}"), "args[0]: key \"value\"");
    refuses(CONDITIONS("{\"index\":0,\"value\":-1,\"op\":\"SCMP_CMP_EQ\"}"), "\"value\"");
    refuses(CONDITIONS("{\"index\":0,\"value\":0,\"op\":\"SCMP_CMP_EQ\",\"x\":0}"),
            "\"x\" is unknown");
}

static void installs_nothing_where_there_is_none(void **state)
{
    (void)state;
    struct error err = {0};
    const struct syscallfilter none = {0};
    check_ok(syscallfilter_install(&none, &err), &err);
    assert_int_equal(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_with_the_rules_error),
        cmocka_unit_test(answers_with_the_defaults_error),
        cmocka_unit_test(ends_processes),
        cmocka_unit_test(compares_arguments),
        cmocka_unit_test(ends_what_calls_by_another_convention),
        cmocka_unit_test(passes_over_unknown_calls_where_the_default_is_as_strict),
        cmocka_unit_test(reads_flags),
        cmocka_unit_test(refuses_what_it_does_not_know),
        cmocka_unit_test(refuses_what_is_no_profile),
        cmocka_unit_test(installs_nothing_where_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
