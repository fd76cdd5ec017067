#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/secret.h"
#include "os/fd.h"

static const char *const plain_env[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                                        "/sbin:/bin",
                                        NULL};

/* What a child tells its parent when it cannot become the program. */
struct child_failure {
    int sys;
    int at; /* index into child_steps */
};

enum child_step {
    STEP_USER,
    STEP_PARENT,
    STEP_STANDARD,
    STEP_KEEP,
    STEP_FOLDER,
    STEP_PRIVILEGES,
    STEP_EXEC
};

static const char *const child_steps[] = {
    [STEP_USER] = "its user",
    [STEP_PARENT] = "its parent has ended",
    [STEP_STANDARD] = "its standard streams",
    [STEP_KEEP] = "its descriptors",
    [STEP_FOLDER] = "its folder",
    [STEP_PRIVILEGES] = "dropping its privileges",
    [STEP_EXEC] = "exec",
};

/* Puts the standard streams in place. The copies are made above 2 first: one may be another's
 * place. */
static int place_standard(const struct process_spec *spec)
{
    int copies[3];
    for (int i = 0; i < 3; i++) {
        copies[i] = spec->standard[i] >= 0 ? fcntl(spec->standard[i], F_DUPFD_CLOEXEC, 3)
                                           : open("/dev/null", O_RDWR | O_CLOEXEC);
        if (copies[i] >= 0 && copies[i] < 3)
            copies[i] = fcntl(copies[i], F_DUPFD_CLOEXEC, 3);
        if (copies[i] < 0)
            return -1;
    }
    for (int i = 0; i < 3; i++) {
        if (dup2(copies[i], i) < 0)
            return -1;
    }
    return 0;
}

/* Everything from 3 on closes at exec but for what the program is to have. */
static int limit_descriptors(const struct process_spec *spec)
{
    if (syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) < 0)
        return -1;
    for (size_t i = 0; i < spec->keep_count; i++) {
        if (fcntl(spec->keep[i], F_SETFD, 0) < 0)
            return -1;
    }
    return 0;
}

static void reset_signals(void)
{
    for (int i = 1; i < NSIG; i++)
        (void)signal(i, SIG_DFL);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The capabilities go with the user. */
static int become_user(const struct process_user *user)
{
    if (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0)
        return -1;
    return setresuid(user->uid, user->uid, user->uid);
}

/* The program's file, opened as who can reach it; looked up as execvpe() does. -1 with errno. */
static int open_program(const char *name)
{
    const char *path = strchr(name, '/') ? NULL : getenv("PATH");
    if (!path)
        return open(name, O_PATH | O_CLOEXEC);
    for (size_t len; *path; path += len + (path[len] == ':')) {
        char file[PATH_MAX];
        len = strcspn(path, ":");
        int size = snprintf(file, sizeof file, "%.*s/%s", (int)len, path, name);
        int fd = len > 0 && size < (int)sizeof file ? open(file, O_PATH | O_CLOEXEC) : -1;
        if (fd >= 0)
            return fd;
    }
    errno = ENOENT;
    return -1;
}

/* The new user may not reach the program's folder, though it may run the program. */
static void execute(const struct process_spec *spec, int program_fd)
{
    const char *const *env = spec->env ? spec->env : plain_env;
    /* exec does not change the strings; its type only cannot say so. */
    union {
        const char *const *in;
        char *const *out;
    } argv = {spec->argv}, envp = {env};
    (void)execvpe(spec->argv[0], argv.out, envp.out);
    if (program_fd >= 0 && (errno == EACCES || errno == ENOENT))
        (void)execveat(program_fd, "", argv.out, envp.out, AT_EMPTY_PATH);
}

static enum child_step become(const struct process_spec *spec, pid_t parent)
{
    int program_fd = -1;
    if (spec->user && (program_fd = open_program(spec->argv[0])) < 0)
        return STEP_EXEC;
    /* First: another user has no claim on the signal that the next step asks for. */
    if (spec->user && become_user(spec->user) < 0)
        return STEP_USER;
    if (spec->die_with_parent &&
        (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent))
        return STEP_PARENT;
    if (place_standard(spec) < 0)
        return STEP_STANDARD;
    if (limit_descriptors(spec) < 0)
        return STEP_KEEP;
    if (chdir(spec->folder ? spec->folder : "/") < 0)
        return STEP_FOLDER;
    if (spec->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return STEP_PRIVILEGES;
    reset_signals();
    execute(spec, program_fd);
    return STEP_EXEC;
}

static int report_failure(const struct process_spec *spec, pid_t pid, struct child_failure failure,
                          struct error *err)
{
    (void)waitpid(pid, NULL, 0);
    (void)error_system(err, failure.sys, "cannot start %s: %s", spec->argv[0],
                       child_steps[failure.at]);
    if (err && failure.at == STEP_EXEC && failure.sys == ENOENT) {
        (void)error_set(err, ERROR_UNAVAILABLE, "%s is not installed", spec->argv[0]);
    }
    return -1;
}

int process_start(const struct process_spec *spec, pid_t *pid, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_system(err, errno, "pipe");
    FD_AUTO read_end = ends[0];
    FD_AUTO write_end = ends[1];
    pid_t parent = getpid();
    *pid = fork();
    if (*pid < 0)
        return error_system(err, errno, "fork");
    if (*pid == 0) {
        struct child_failure failure = {.at = (int)become(spec, parent)};
        failure.sys = errno;
        (void)!write(write_end, &failure, sizeof failure);
        _exit(127);
    }
    fd_close(&write_end);
    struct child_failure failure;
    size_t got;
    if (fd_read_full(read_end, &failure, sizeof failure, &got, err) < 0)
        return -1;
    return got == sizeof failure ? report_failure(spec, *pid, failure, err) : 0;
}

bool process_can_become(const struct process_user *user)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(become_user(user) < 0 ? 1 : 0);
    return pid > 0 && process_wait(pid, &status, NULL) == 0 && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

int process_wait(pid_t pid, int *status, struct error *err)
{
    while (waitpid(pid, status, 0) < 0) {
        if (errno != EINTR)
            return error_system(err, errno, "waiting for process %d", (int)pid);
    }
    return 0;
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads until the end of the pipe or the deadline. */
static int collect(int fd, int64_t deadline, struct buf *out, struct error *err)
{
    uint8_t piece[4096];
    int status = 1;
    while (status > 0) {
        int64_t left = deadline - now_ms();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (left <= 0 || poll(&wait, 1, (int)left) == 0) {
            status = error_set(err, ERROR_UNAVAILABLE, "it did not end in time");
            break;
        }
        ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno != EINTR)
            status = error_system(err, errno, "read");
        else if (got == 0)
            status = 0;
        else if (got > 0 && buf_append(out, span_of(piece, (size_t)got), err) < 0)
            status = -1;
    }
    secret_wipe(piece, sizeof piece);
    return status;
}

/* A pipe's reading end with the bytes in it already: nobody has to write while the program runs. */
static int prepare_input(struct span input, struct error *err)
{
    int ends[2];
    if (input.size > PROCESS_INPUT_MAX)
        return error_set(err, ERROR_LIMIT, "%zu bytes of input; at most %d are accepted",
                         input.size, PROCESS_INPUT_MAX);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_system(err, errno, "pipe");
    FD_AUTO read_end = ends[0];
    FD_AUTO write_end = ends[1];
    return fd_write_all(write_end, input, err) < 0 ? -1 : fd_take(&read_end);
}

int process_exchange(const struct process_exchange *exchange, struct buf *out, int *status,
                     struct error *err)
{
    int ends[2];
    pid_t pid;
    FD_AUTO input = exchange->input.size > 0 ? prepare_input(exchange->input, err) : -1;
    if (exchange->input.size > 0 && input < 0)
        return -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_system(err, errno, "pipe");
    FD_AUTO read_end = ends[0];
    FD_AUTO write_end = ends[1];
    const struct process_spec spec = {.argv = exchange->argv,
                                      .env = exchange->env,
                                      .standard = {input, write_end, -1},
                                      .die_with_parent = true};
    if (process_start(&spec, &pid, err) < 0)
        return -1;
    fd_close(&write_end);
    int collected = collect(read_end, now_ms() + exchange->timeout_ms, out, err);
    if (collected < 0)
        (void)kill(pid, SIGKILL);
    if (process_wait(pid, status, collected < 0 ? NULL : err) < 0 || collected < 0)
        return error_context(err, "%s", exchange->argv[0]);
    return 0;
}

int process_output(const char *const *argv, int timeout_ms, struct buf *out, struct error *err)
{
    const struct process_exchange exchange = {.argv = argv, .timeout_ms = timeout_ms};
    int status;
    if (process_exchange(&exchange, out, &status, err) < 0)
        return -1;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return error_set(err, ERROR_UNAVAILABLE, "%s ended with status 0x%x", argv[0],
                         (unsigned int)status);
    return 0;
}
