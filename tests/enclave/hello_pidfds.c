/* Processes by files that stand for them (pidfd_open(2)): each line says what was seen. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h> /* struct clone_args */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hello.h"

#define FAR       4194000
#define NOT_OURS  ((siginfo_t *)8) /* no memory of anybody's */
#define KIND      3                /* P_PIDFD */
#define WAIT_MOST 60000            /* milliseconds */

static int ends[2]; /* who is made waits here until it is let go */

static int pidfd_of(pid_t pid, unsigned flags)
{
    return (int)syscall(SYS_pidfd_open, pid, flags);
}

static int send(int file, int number, const siginfo_t *info, unsigned flags)
{
    return (int)syscall(SYS_pidfd_send_signal, file, number, info, flags);
}

static int wait_by(int file, siginfo_t *info, int options)
{
    return (int)syscall(SYS_waitid, KIND, file, info, options, NULL);
}

static int waits(int code)
{
    char byte;
    (void)close(ends[1]);
    return read(ends[0], &byte, 1) == 0 ? code : 1;
}

static int is_ready(int file, int timeout)
{
    struct pollfd polled = {.fd = file, .events = POLLIN};
    return poll(&polled, 1, timeout) == 1 && polled.revents & POLLIN;
}

static int pauses(int unused)
{
    while (unused == 0)
        unused = pause() == -1 ? 0 : 1;
    return 1;
}

static int refusals(void)
{
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
    char byte;
    int own = pidfd_of(getpid(), 0), null = open("/dev/null", O_RDONLY);
    NEED(own >= 0 && null >= 0 && fcntl(own, F_GETFD) == FD_CLOEXEC);
    NEED((fcntl(own, F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == O_RDWR);
    REFUSED(pidfd_of(0, 0), EINVAL);
    REFUSED(pidfd_of(-1, 0), EINVAL);
    REFUSED(pidfd_of(getpid(), 1), EINVAL);
    REFUSED(pidfd_of(FAR, 0), ESRCH);
    REFUSED(send(null, 0, NULL, 0), EBADF);
    REFUSED(send(-1, 0, NULL, 0), EBADF);
    REFUSED(send(own, 0, NULL, 64), EINVAL);
    REFUSED(send(own, 65, NULL, 0), EINVAL);
    REFUSED(send(own, -1, NULL, 0), EINVAL);
    REFUSED(send(own, SIGUSR2, &info, 0), EINVAL); /* it tells of another signal */
    REFUSED(send(own, SIGUSR1, NOT_OURS, 0), EFAULT);
    REFUSED(read(own, &byte, 1), EINVAL);
    REFUSED(write(own, "", 1), EINVAL);
    REFUSED(lseek(own, 0, SEEK_SET), ESPIPE);
    REFUSED(wait_by(own, &info, WEXITED), ECHILD); /* nobody is his own child */
    REFUSED(wait_by(null, &info, WEXITED), EBADF);
    REFUSED(wait_by(-1, &info, WEXITED), EINVAL);
    REFUSED(wait_by(FAR, &info, WEXITED), EBADF);
    NEED(send(own, 0, NULL, 0) == 0 && !is_ready(own, 0));
    return close(own) + close(null);
}

static int says(int file, const char *line)
{
    char path[64], text[512];
    (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", file);
    FILE *facts = fopen(path, "r");
    int found = 0;
    while (facts && fgets(text, sizeof text, facts))
        found += strcmp(text, line) == 0;
    if (facts)
        (void)fclose(facts);
    return found;
}

/* From the child's beginning to when it has been waited for. */
static int life(void)
{
    char line[64];
    siginfo_t info = {0};
    NEED(pipe(ends) == 0);
    pid_t pid = hello_fork(waits, 7);
    int file = pidfd_of(pid, 0), patient = pidfd_of(pid, O_NONBLOCK);
    NEED(pid > 0 && file >= 0 && patient >= 0);
    (void)snprintf(line, sizeof line, "Pid:\t%d\n", pid);
    NEED(says(file, line) == 1 && !is_ready(file, 0));
    REFUSED(wait_by(patient, &info, WEXITED), EAGAIN); /* it does not wait */
    NEED(wait_by(file, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
    NEED(is_ready(file, WAIT_MOST) && says(file, line) == 1);
    NEED(send(file, SIGUSR1, NULL, 0) == 0); /* one that has ended takes no notice */
    NEED(wait_by(file, &info, WEXITED | WNOWAIT) == 0 && info.si_pid == pid);
    NEED(wait_by(patient, &info, WEXITED) == 0);
    NEED(info.si_pid == pid && info.si_status == 7 && info.si_code == CLD_EXITED);
    NEED(is_ready(file, 0) && says(file, "Pid:\t-1\n") == 1);
    REFUSED(wait_by(file, &info, WEXITED), ECHILD);
    REFUSED(send(file, 0, NULL, 0), ESRCH);
    REFUSED(pidfd_of(pid, 0), ESRCH);
    return close(file) + close(patient);
}

static int signals(void)
{
    siginfo_t info = {0};
    pid_t pid = hello_fork(pauses, 0);
    int file = pidfd_of(pid, 0);
    NEED(pid > 0 && file >= 0);
    info.si_signo = SIGUSR1;
    info.si_code = SI_USER;
    REFUSED(send(file, SIGUSR1, &info, 0), EPERM); /* that is kill's to say */
    NEED(send(file, SIGSTOP, NULL, 0) == 0);
    NEED(wait_by(file, &info, WSTOPPED) == 0 && info.si_code == CLD_STOPPED);
    info.si_signo = SIGTERM;
    info.si_code = SI_QUEUE;
    NEED(send(file, SIGTERM, &info, 0) == 0 && send(file, SIGCONT, NULL, 0) == 0);
    NEED(wait_by(file, &info, WEXITED) == 0);
    NEED(info.si_code == CLD_KILLED && info.si_status == SIGTERM);
    return close(file);
}

static int once(void)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = 5}, got;
    NEED(pipe(ends) == 0);
    pid_t pid = hello_fork(waits, 0);
    int file = pidfd_of(pid, 0), poller = epoll_create1(0);
    NEED(pid > 0 && epoll_ctl(poller, EPOLL_CTL_ADD, file, &event) == 0);
    NEED(epoll_wait(poller, &got, 1, 0) == 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
    NEED(epoll_wait(poller, &got, 1, WAIT_MOST) == 1 && got.data.u32 == 5);
    NEED(epoll_wait(poller, &got, 1, 0) == 0); /* an edge */
    NEED(hello_end(pid) == 0);
    return close(file) + close(poller);
}

/* The file is its parent's alone. */
static int lacks(void *file)
{
    _exit(fcntl(*(int *)file, F_GETFD) == -1 ? 9 : 8);
}

static int is_whole(long pid, int file)
{
    siginfo_t info = {0};
    NEED(pid > 0 && file >= 0 && fcntl(file, F_GETFD) == FD_CLOEXEC);
    NEED(wait_by(file, &info, WEXITED) == 0 && info.si_pid == pid && info.si_status == 9);
    return close(file);
}

static int makes(void)
{
    int file = -1;
    struct clone_args args = {
        .flags = CLONE_PIDFD, .pidfd = (uintptr_t)&file, .exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        _exit(file == -1 && fcntl(ends[0], F_GETFD) == -1 ? 9 : 8);
    return is_whole(pid, file);
}

/* As posix_spawn(3) has it. */
static int spawns(void)
{
    static _Alignas(16) char stack[65536];
    int file = -1;
    int pid = clone(lacks, stack + sizeof stack, CLONE_PIDFD | CLONE_VM | CLONE_VFORK | SIGCHLD,
                    &file, &file);
    return is_whole(pid, file);
}

static int clones(void)
{
    int file;
    struct clone_args args = {.flags = CLONE_PIDFD, .pidfd = 8, .exit_signal = SIGCHLD};
    REFUSED(syscall(SYS_clone3, &args, sizeof args), EFAULT);
    REFUSED(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, NULL, &file, NULL, 0),
            EINVAL);
    long pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &file, NULL, 0);
    if (pid == 0)
        _exit(11);
    NEED(pid > 0 && is_ready(file, WAIT_MOST) && hello_end((pid_t)pid) == 11 && close(file) == 0);
    int result = makes();
    return result != 0 ? result : spawns();
}

/* Without a number for the file there is no child. */
static int no_room(int unused)
{
    const struct rlimit few = {16, 16};
    int file;
    (void)unused;
    NEED(setrlimit(RLIMIT_NOFILE, &few) == 0);
    while ((file = dup(0)) >= 0)
        continue;
    NEED(errno == EMFILE);
    REFUSED(pidfd_of(getpid(), 0), EMFILE);
    REFUSED(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &file, NULL, 0), EMFILE);
    struct clone_args args = {.flags = CLONE_PIDFD | CLONE_VM | CLONE_VFORK,
                              .pidfd = (uintptr_t)&file,
                              .exit_signal = 17};
    REFUSED(syscall(SYS_clone3, &args, sizeof args), EMFILE);
    REFUSED(waitpid(-1, NULL, 0), ECHILD);
    return 0;
}

static int says_all(int unused)
{
    (void)unused;
    printf("refusals: %d\n", refusals());
    printf("life: %d\n", life());
    printf("signals: %d\n", signals());
    printf("epoll: %d\n", once());
    printf("clone: %d\n", clones());
    return fflush(stdout);
}

/* A process sees the end of one that is not its child. */
static int sees(int file)
{
    siginfo_t info;
    REFUSED(wait_by(file, &info, WEXITED), ECHILD);
    return is_ready(file, WAIT_MOST) ? 0 : 1;
}

int hello_pidfds(void)
{
    (void)says_all(0);
    printf("no room: %d\n", hello_end(hello_fork(no_room, 0)));
    (void)fflush(stdout);
    NEED(hello_end(hello_fork(says_all, 0)) == 0);
    pid_t pid = hello_fork(pauses, 0);
    int file = pidfd_of(pid, 0);
    pid_t other = hello_fork(sees, file);
    NEED(pid > 0 && file >= 0 && other > 0 && send(file, SIGKILL, NULL, 0) == 0);
    printf("another's: %d\n", hello_end(other));
    return hello_end(pid) == 1000 + SIGKILL ? close(file) : 1;
}
