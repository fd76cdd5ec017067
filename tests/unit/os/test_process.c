/* Programs that are started: what they get, and what they do not. */
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/fd.h"
#include "os/process.h"

#define WAIT_MS 5000

/* Runs a shell's words with these descriptors kept; gives its standard output. */
static int run(const char *words, const int *keep, size_t keep_count, struct buf *out)
{
    const char *argv[] = {"/bin/sh", "-c", words, NULL};
    int ends[2];
    pid_t pid;
    int status;
    struct error err = {0};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct process_spec spec = {
        .argv = argv, .standard = {-1, ends[1], -1}, .keep = keep, .keep_count = keep_count};
    check_ok(process_start(&spec, &pid, &err), &err);
    (void)close(ends[1]);
    check_ok(fd_read_to_end(ends[0], out, &err), &err);
    (void)close(ends[0]);
    check_ok(process_wait(pid, &status, &err), &err);
    return status;
}

static void gets_only_the_descriptors_that_are_named(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(65536);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    /* Numbers that the shell itself does not come to. */
    int leak = fcntl(null, F_DUPFD, 50); /* without close-on-exec, as a library may do */
    int kept = fcntl(null, F_DUPFD_CLOEXEC, 60);
    char expected[64];
    assert_true(null >= 0 && leak >= 0 && kept >= 0);
    assert_int_equal(run("for f in /proc/$$/fd/*; do echo -n \"${f##*/} \"; done", &kept, 1, &out),
                     0);
    (void)snprintf(expected, sizeof expected, " %d ", leak);
    if (strstr(buf_text(&out), expected))
        fail_msg("%d leaks: %s", leak, buf_text(&out));
    (void)snprintf(expected, sizeof expected, " %d ", kept);
    if (!strstr(buf_text(&out), expected))
        fail_msg("%d is missing: %s", kept, buf_text(&out));
    (void)close(null);
    (void)close(leak);
    (void)close(kept);
}

static void gets_no_environment_but_the_path(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(65536);
    assert_int_equal(setenv("CAISSON_TEST_SECRET", "hunter2", 1), 0);
    assert_int_equal(run("tr '\\0' '\\n' < /proc/$$/environ", NULL, 0, &out), 0);
    assert_null(strstr(buf_text(&out), "hunter2"));
    assert_int_equal(strncmp(buf_text(&out), "PATH=", 5), 0);
}

static void blocks_no_signal_that_its_parent_blocks(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(65536);
    sigset_t all;
    sigset_t old;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &old);
    (void)run("exec grep -c SigBlk:.0000000000000000 /proc/self/status", NULL, 0, &out);
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    assert_string_equal(buf_text(&out), "1\n");
}

static void names_a_program_that_is_not_there(void **state)
{
    (void)state;
    const char *argv[] = {"caisson-no-such-program", NULL};
    struct process_spec spec = {.argv = argv, .standard = {-1, -1, -1}};
    struct error err = {0};
    pid_t pid;
    check_error(process_start(&spec, &pid, &err), &err, ERROR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "caisson-no-such-program is not installed"));
}

static void tells_why_a_program_cannot_run(void **state)
{
    (void)state;
    const char *argv[] = {"/dev/null", NULL};
    struct process_spec spec = {.argv = argv, .standard = {-1, -1, -1}};
    struct error err = {0};
    pid_t pid;
    check_error(process_start(&spec, &pid, &err), &err, ERROR_SYSTEM);
    assert_int_equal(err.sys, EACCES);
}

static void refuses_a_folder_that_is_not_there(void **state)
{
    (void)state;
    const char *argv[] = {"true", NULL};
    struct process_spec spec = {
        .argv = argv, .standard = {-1, -1, -1}, .folder = "/no/such/folder"};
    struct error err = {0};
    pid_t pid;
    check_error(process_start(&spec, &pid, &err), &err, ERROR_SYSTEM);
    assert_int_equal(err.sys, ENOENT);
}

static void refuses_to_keep_what_is_not_open(void **state)
{
    (void)state;
    const char *argv[] = {"true", NULL};
    const int keep[] = {1000};
    struct process_spec spec = {
        .argv = argv, .standard = {-1, -1, -1}, .keep = keep, .keep_count = 1};
    struct error err = {0};
    pid_t pid;
    check_error(process_start(&spec, &pid, &err), &err, ERROR_SYSTEM);
    assert_int_equal(err.sys, EBADF);
}

static const struct process_user stranger = {1879048191, 1879048190};

static void becomes_the_user_that_is_named_and_nothing_more(void **state)
{
    (void)state;
    const char *argv[] = {"grep", "-E", "^(Uid|Gid|Groups|CapEff|CapPrm):", "/proc/self/status",
                          NULL};
    int ends[2];
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(4096);
    pid_t pid;
    if (geteuid() != 0 || !process_can_become(&stranger))
        check_skip("only root becomes another user");
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct process_spec spec = {
        .argv = argv, .standard = {-1, ends[1], -1}, .user = &stranger, .die_with_parent = true};
    check_ok(process_start(&spec, &pid, &err), &err);
    (void)close(ends[1]);
    check_ok(fd_read_to_end(ends[0], &out, &err), &err);
    (void)close(ends[0]);
    check_ok(process_wait(pid, &(int){0}, &err), &err);
    assert_string_equal(buf_text(&out), "Uid:\t1879048191\t1879048191\t1879048191\t1879048191\n"
                                        "Gid:\t1879048190\t1879048190\t1879048190\t1879048190\n"
                                        "Groups:\t \nCapPrm:\t0000000000000000\n"
                                        "CapEff:\t0000000000000000\n");
}

/* A program of root's own folder, which the new user cannot enter. */
static void reaches_the_program_where_the_new_user_does_not(void **state)
{
    (void)state;
    char folder[] = "/tmp/caisson-process-XXXXXX";
    char program[64];
    int status = -1;
    struct error err = {0};
    pid_t pid;
    if (geteuid() != 0 || !process_can_become(&stranger))
        check_skip("only root becomes another user");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(program, sizeof program, "%s/true", folder);
    const char *copy[] = {"cp", "/bin/true", program, NULL};
    const char *argv[] = {program, NULL};
    struct process_spec spec = {.argv = copy, .standard = {-1, -1, -1}};
    check_ok(process_start(&spec, &pid, &err), &err);
    check_ok(process_wait(pid, &status, &err), &err);
    spec = (struct process_spec){.argv = argv, .standard = {-1, -1, -1}, .user = &stranger};
    check_ok(process_start(&spec, &pid, &err), &err);
    check_ok(process_wait(pid, &status, &err), &err);
    assert_int_equal(status, 0);
    assert_int_equal(unlink(program), 0);
    check_error(process_start(&spec, &pid, &err), &err, ERROR_UNAVAILABLE);
    assert_int_equal(rmdir(folder), 0);
}

/* As an ordinary user, in a process of its own. */
static void an_ordinary_user_becomes_nobody_else(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        const char *argv[] = {"true", NULL};
        struct process_spec spec = {.argv = argv, .standard = {-1, -1, -1}, .user = &stranger};
        struct error err = {0};
        pid_t child;
        bool dropped = geteuid() != 0 || setresuid(1000, 1000, 1000) == 0;
        bool refused = process_start(&spec, &child, &err) < 0 && err.sys == EPERM &&
                       strstr(err.text, "its user");
        _exit(dropped && refused && !process_can_become(&stranger) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* A parent that starts `sleep`, tells its process and waits to be killed. */
static pid_t start_parent(int tell, const struct process_user *user)
{
    pid_t parent = fork();
    if (parent != 0)
        return parent;
    const char *argv[] = {"sleep", "60", NULL};
    struct process_spec spec = {
        .argv = argv, .standard = {-1, -1, -1}, .die_with_parent = true, .user = user};
    pid_t pid = 0;
    (void)process_start(&spec, &pid, NULL);
    (void)!write(tell, &pid, sizeof pid);
    (void)pause();
    _exit(0);
}

static void check_dies_with_its_parent(const struct process_user *user)
{
    struct error err = {0};
    int ends[2];
    pid_t child = 0;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t parent = start_parent(ends[1], user);
    assert_int_equal(read(ends[0], &child, sizeof child), (ssize_t)sizeof child);
    assert_true(child > 0);
    int watch = process_watch(child, &err);
    assert_true(watch >= 0);
    struct pollfd wait = {.fd = watch, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 0), 0);
    assert_int_equal(kill(parent, SIGKILL), 0);
    assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    (void)close(watch);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void dies_with_its_parent(void **state)
{
    (void)state;
    check_dies_with_its_parent(NULL);
}

static void dies_with_its_parent_as_another_user_too(void **state)
{
    (void)state;
    if (geteuid() != 0 || !process_can_become(&stranger))
        check_skip("only root becomes another user");
    check_dies_with_its_parent(&stranger);
}

static void ends_a_program_that_takes_too_long(void **state)
{
    (void)state;
    const char *argv[] = {"sleep", "60", NULL};
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(100);
    check_refused(process_output(argv, 50, &out, &err), &err, "did not end in time");
}

static void refuses_more_output_than_the_limit(void **state)
{
    (void)state;
    const char *argv[] = {"yes", NULL};
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(100);
    check_error(process_output(argv, WAIT_MS, &out, &err), &err, ERROR_LIMIT);
}

static void refuses_a_program_that_fails(void **state)
{
    (void)state;
    const char *argv[] = {"false", NULL};
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(100);
    check_refused(process_output(argv, WAIT_MS, &out, &err), &err, "false ended with status");
}

static void gives_its_input_and_environment(void **state)
{
    (void)state;
    static uint8_t input[PROCESS_INPUT_MAX + 1];
    const char *argv[] = {"/bin/sh", "-c", "cat; echo $WORD; exit 3", NULL};
    const char *env[] = {"WORD=word", "PATH=/usr/bin:/bin", NULL};
    struct process_exchange exchange = {.argv = argv,
                                        .env = env,
                                        .input = span_of(input, PROCESS_INPUT_MAX),
                                        .timeout_ms = WAIT_MS};
    struct error err = {0};
    int status;
    BUF_AUTO out = BUF_WITH_LIMIT(65536);
    memset(input, 'x', sizeof input);
    check_ok(process_exchange(&exchange, &out, &status, &err), &err);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    assert_int_equal(out.size, PROCESS_INPUT_MAX + 5);
    assert_memory_equal(out.data + PROCESS_INPUT_MAX, "word\n", 5);
    exchange.input.size++;
    check_error(process_exchange(&exchange, &out, &status, &err), &err, ERROR_LIMIT);
}

/* No signal hits a caller whose program reads nothing. */
static void lives_with_a_program_that_reads_nothing(void **state)
{
    (void)state;
    const char *argv[] = {"true", NULL};
    const struct process_exchange exchange = {
        .argv = argv, .input = span_of_text("unread"), .timeout_ms = WAIT_MS};
    struct error err = {0};
    int status;
    BUF_AUTO out = BUF_WITH_LIMIT(100);
    check_ok(process_exchange(&exchange, &out, &status, &err), &err);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gets_only_the_descriptors_that_are_named),
        cmocka_unit_test(gets_no_environment_but_the_path),
        cmocka_unit_test(blocks_no_signal_that_its_parent_blocks),
        cmocka_unit_test(names_a_program_that_is_not_there),
        cmocka_unit_test(tells_why_a_program_cannot_run),
        cmocka_unit_test(refuses_a_folder_that_is_not_there),
        cmocka_unit_test(refuses_to_keep_what_is_not_open),
        cmocka_unit_test(becomes_the_user_that_is_named_and_nothing_more),
        cmocka_unit_test(reaches_the_program_where_the_new_user_does_not),
        cmocka_unit_test(an_ordinary_user_becomes_nobody_else),
        cmocka_unit_test(dies_with_its_parent),
        cmocka_unit_test(dies_with_its_parent_as_another_user_too),
        cmocka_unit_test(ends_a_program_that_takes_too_long),
        cmocka_unit_test(refuses_more_output_than_the_limit),
        cmocka_unit_test(refuses_a_program_that_fails),
        cmocka_unit_test(gives_its_input_and_environment),
        cmocka_unit_test(lives_with_a_program_that_reads_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
