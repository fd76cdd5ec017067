/* Further enclaves: an enclave of the model and its children, each in a process of its own,
 * exchange messages; and no process stays when one is killed. */
#include "../check.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../enclave/wire.h"
#include "enclave/host_confine.h"
#include "enclave/host_nursery.h"
#include "enclave/model.h"
#include "probe_enclave.h"

#define SECONDS 60  /* at most, where something hangs */
#define QUIET   200 /* milliseconds in which what should not come would */

static struct error err;
static struct probe_enclave probe;
static int told = -1; /* where the hosts' processes write their logs */

static void log_line(const char *line)
{
    (void)!write(told, line, strlen(line));
    (void)!write(told, "\n", 1);
}

/* The first host, as caisson-enclave-host is. */
static int be_first(const char *what, bool is_confined)
{
    const struct host_recipe recipe = {.driver = &driver_model,
                                       .image = &probe.image,
                                       .sigstruct = probe.sigstruct,
                                       .options = &probe.options,
                                       .confine_nursery = is_confined ? host_confine_nursery : NULL,
                                       .confine_child = is_confined ? host_confine : NULL};
    struct host_nursery nursery;
    struct enclave_host_run run = {.channel = -1, .tee = what, .log = log_line};
    if (host_nursery_begin(&recipe, &run, &nursery, &err) < 0)
        return -1;
    struct enclave *enclave = enclave_load(&driver_model, &probe.image, probe.sigstruct,
                                           &probe.options, &err);
    if (!enclave || (is_confined && host_confine(&err) < 0))
        return -1;
    nursery.base = enclave->base;
    run.nursery = &nursery;
    return enclave_host_run(enclave, &probe.image, &run, &err);
}

/* In a process of its own; what it logs is read from the descriptor. */
static pid_t start_first(const char *what, bool is_confined, int *log)
{
    int pipe_ends[2];
    assert_int_equal(pipe(pipe_ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(pipe_ends[0]);
        (void)alarm(SECONDS);
        told = pipe_ends[1];
        (void)dup2(told, STDERR_FILENO); /* which the nursery keeps */
        told = STDERR_FILENO;
        int status = be_first(what, is_confined);
        if (status < 0)
            log_line(err.text);
        _exit(status < 0 ? 1 : 0);
    }
    (void)close(pipe_ends[1]);
    *log = pipe_ends[0];
    return pid;
}

static size_t read_log(int log, char *out, size_t size, const char *until)
{
    size_t len = 0;
    ssize_t got;
    out[0] = '\0';
    while (len + 1 < size && !(until && strstr(out, until)) &&
           (got = read(log, out + len, size - 1 - len)) > 0) {
        len += (size_t)got;
        out[len] = '\0';
    }
    return len;
}

/* All that were forked below come to an end, and are this process's to wait for. */
static size_t wait_for_all(int *status_of, pid_t of)
{
    size_t count = 0;
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, 0)) > 0) {
        count++;
        if (pid == of)
            *status_of = status;
    }
    assert_int_equal(errno, ECHILD);
    return count;
}

static void expect_success(const char *what, bool is_confined)
{
    char text[4096];
    int log;
    int status = -1;
    pid_t pid = start_first(what, is_confined, &log);
    (void)read_log(log, text, sizeof text, NULL);
    (void)close(log);
    (void)wait_for_all(&status, pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || text[0])
        fail_msg("status %d: %s", status, text);
}

static void messages_go_between_enclaves_of_several_processes(void **state)
{
    (void)state;
    expect_success(WIRE_EXCHANGE, false);
}

static void the_filters_let_all_of_it_be_done(void **state)
{
    (void)state;
    expect_success(WIRE_EXCHANGE, true);
}

static void the_first_enclave_is_told_of_children_that_never_dial(void **state)
{
    (void)state;
    expect_success(WIRE_MISS, true);
}

static pid_t child_called(pid_t parent, const char *name)
{
    char path[64];
    char text[4096];
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[len] = '\0';
    for (char *at = text; *at;) {
        char comm[32] = "";
        pid_t pid = (pid_t)strtol(at, &at, 10);
        at += strspn(at, " ");
        (void)snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
        file = fopen(path, "re");
        if (!file)
            continue;
        (void)!fgets(comm, sizeof comm, file);
        (void)fclose(file);
        if (strncmp(comm, name, strlen(name)) == 0)
            return pid;
    }
    fail_msg("no process is called %s", name);
    return -1;
}

/* What is orphaned is this process's, which waits until none is left. */
static void no_process_stays_when_the_first_host_is_killed(void **state)
{
    (void)state;
    char text[4096];
    int log;
    int status = 0;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t pid = start_first(WIRE_STAY, true, &log);
    (void)read_log(log, text, sizeof text, "all are there");
    assert_non_null(strstr(text, "all are there"));
    assert_int_equal(kill(pid, SIGKILL), 0);
    size_t count = wait_for_all(&status, pid);
    assert_true(WIFSIGNALED(status));
    assert_true(count >= 2); /* itself and the nursery; who its children go to is the kernel's */
    assert_int_equal(read_log(log, text, sizeof text, NULL), 0); /* nobody writes any more */
    (void)close(log);
}

/* Its children go with it; the first one sees the ends of its wires. */
static void children_end_with_the_nursery_and_the_first_enclave_sees_it(void **state)
{
    (void)state;
    char text[4096];
    int log;
    int status = 0;
    pid_t pid = start_first(WIRE_STAY, false, &log);
    (void)read_log(log, text, sizeof text, "all are there");
    assert_int_equal(kill(child_called(pid, "enclave-nursery"), SIGKILL), 0);
    (void)read_log(log, text, sizeof text, NULL);
    (void)wait_for_all(&status, pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_non_null(strstr(text, "the library OS gave up"));
    (void)close(log);
}

/* --- what is kept ready ----------------------------------------------------------------------- */

static int say_that_one_is_made(struct error *unused)
{
    (void)unused;
    log_line("made");
    return 0;
}

/* A first host without an enclave, which orders as often as it is told. */
static void order_as_told(int orders)
{
    const struct host_recipe recipe = {.driver = &driver_model,
                                       .image = &probe.image,
                                       .sigstruct = probe.sigstruct,
                                       .options = &probe.options,
                                       .confine_child = say_that_one_is_made};
    const struct enclave_host_run run = {.channel = -1, .tee = WIRE_STAY, .log = log_line};
    struct host_nursery nursery;
    uint8_t order;
    told = STDERR_FILENO;
    if (host_nursery_begin(&recipe, &run, &nursery, &err) < 0)
        _exit(1);
    struct enclave *enclave = enclave_load(&driver_model, &probe.image, probe.sigstruct,
                                           &probe.options, &err);
    nursery.base = enclave ? enclave->base : 0;
    while (read(orders, &order, 1) == 1) {
        if (host_nursery_order(&nursery) != 0)
            log_line("refused");
    }
    _exit(0);
}

static void expect_made(int log, char *text, size_t size, size_t count)
{
    size_t len = strlen(text), expected = count * strlen("made\n");
    while (len < expected && len + 1 < size) {
        ssize_t got = read(log, text + len, size - 1 - len);
        assert_true(got > 0);
        len += (size_t)got;
        text[len] = '\0';
    }
    struct pollfd more = {log, POLLIN, 0};
    assert_int_equal(poll(&more, 1, QUIET), 0);
    assert_int_equal(len, expected);
    assert_null(strstr(text, "refused"));
}

static void one_is_kept_ready_once_a_second_was_wanted(void **state)
{
    char text[256] = "";
    int orders[2] = {-1, -1}, log[2] = {-1, -1}, status = -1;
    (void)state;
    assert_true(pipe(orders) == 0 && pipe(log) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)alarm(SECONDS);
        (void)dup2(log[1], STDERR_FILENO);
        (void)close(log[1]);
        (void)close(orders[1]);
        order_as_told(orders[0]);
    }
    (void)close(log[1]);
    (void)close(orders[0]);
    assert_int_equal(write(orders[1], "", 1), 1);
    expect_made(log[0], text, sizeof text, 1);
    assert_int_equal(write(orders[1], "", 1), 1);
    expect_made(log[0], text, sizeof text, 3);
    assert_int_equal(write(orders[1], "", 1), 1);
    expect_made(log[0], text, sizeof text, 4);
    (void)close(orders[1]);
    (void)wait_for_all(&status, pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    (void)close(log[0]);
}

static const char *image;

static int prepare(void **state)
{
    static const uint8_t fuse[MODEL_FUSE_SIZE] = {4, 5, 6};
    (void)state;
    probe_init(&probe, image);
    model_set_fuse(fuse);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    probe_fini(&probe);
    return 0;
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_go_between_enclaves_of_several_processes),
        cmocka_unit_test(the_filters_let_all_of_it_be_done),
        cmocka_unit_test(the_first_enclave_is_told_of_children_that_never_dial),
        cmocka_unit_test(no_process_stays_when_the_first_host_is_killed),
        cmocka_unit_test(children_end_with_the_nursery_and_the_first_enclave_sees_it),
        cmocka_unit_test(one_is_kept_ready_once_a_second_was_wanted),
    };
    if (argc != 2)
        return 2;
    image = argv[1];
    return cmocka_run_group_tests(tests, prepare, finish);
}
