/*
 * Makes each system call that Linux has on x86-64 with arguments that are all zeros and all ones,
 * and many with arguments that are right, and prints what each answers. It runs in an enclave and
 * outside (tests/scenario/test_conform.py), as a user who may do nothing special.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/memfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALLS 512
#define USER  1000
#define PAGE  4096

static const char *const names[CALLS] = {
#include "enclave/libos/calls/syscall_names.inc"
};

static void say(const char *name, const char *how, long result)
{
    printf("%s %s: %s\n", name, how, result < 0 ? strerrorname_np(errno) : "ok");
}

/* --- every call ------------------------------------------------------------------------------- */

/* What never returns, makes a process, waits for ever, or is of all processes of a machine. */
static const long left_out[] = {SYS_exit,    SYS_exit_group,   SYS_fork,
                                SYS_vfork,   SYS_clone,        SYS_clone3,
                                SYS_execve,  SYS_execveat,     SYS_pause,
                                SYS_reboot,  SYS_rt_sigreturn, SYS_rt_sigsuspend,
                                SYS_seccomp, SYS_setsid,       SYS_setpgid,
                                SYS_sync,    SYS_vhangup,      SYS_restart_syscall,
                                SYS_kill,    SYS_munmap,       SYS_set_tid_address,
                                SYS_close,   SYS_close_range};
static const long waits_for_ever[] = {SYS_select, SYS_pselect6, SYS_ppoll};

static int is_among(long number, const long *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == number)
            return 1;
    }
    return 0;
}

static void call_all(void)
{
    for (long i = 0; i < CALLS; i++) {
        if (!names[i] || is_among(i, left_out, sizeof left_out / sizeof *left_out))
            continue;
        if (!is_among(i, waits_for_ever, sizeof waits_for_ever / sizeof *waits_for_ever))
            say(names[i], "zeros", syscall(i, 0L, 0L, 0L, 0L, 0L, 0L));
        say(names[i], "ones", syscall(i, -1L, -1L, -1L, -1L, -1L, -1L));
    }
}

/* --- with right arguments --------------------------------------------------------------------- */

static void say_number(const char *name, const char *how, long result)
{
    if (result < 0)
        say(name, how, result);
    else
        printf("%s %s: %ld\n", name, how, result);
}

static void call_memory(void)
{
    unsigned char seen[4] = {0};
    char *page = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(page, 1, 4 * PAGE);
    say("mlock", "right", mlock(page + 1, PAGE));
    say("mlock", "nothing there", mlock(page + (1L << 40), PAGE));
    say("mlock2", "right", (int)syscall(SYS_mlock2, page, PAGE, 1));
    say("mlock2", "unknown flag", (int)syscall(SYS_mlock2, page, PAGE, 2));
    say("munlock", "right", munlock(page, PAGE));
    say("mlockall", "nothing", mlockall(0));
    say("munlockall", "right", munlockall());
    say("msync", "right", msync(page, PAGE, MS_SYNC));
    say("msync", "both ways", msync(page, PAGE, MS_SYNC | MS_ASYNC));
    say("msync", "no page", msync(page + 1, PAGE, MS_SYNC));
    say("mincore", "right", mincore(page, 4 * PAGE, seen));
    printf("mincore tells: %d%d%d%d\n", seen[0] & 1, seen[1] & 1, seen[2] & 1, seen[3] & 1);
    say("mincore", "no page", mincore(page + 1, PAGE, seen));
    say("mprotect", "right", mprotect(page, PAGE, PROT_READ));
    say("mprotect", "no page", mprotect(page + 1, PAGE, PROT_READ));
    say("madvise", "right", madvise(page, PAGE, MADV_WILLNEED));
    say("madvise", "unknown", madvise(page, PAGE, 99));
    say("munmap", "right", munmap(page, 4 * PAGE));
    say("munmap", "no page", munmap((char *)1, PAGE));
    say("munmap", "no size", munmap(page, 0));
    say("mincore", "gone", mincore(page, PAGE, seen));
    say("msync", "gone", msync(page, PAGE, MS_ASYNC));
}

static void call_schedule(void)
{
    struct sched_param param = {0}, first = {.sched_priority = 1};
    struct timespec time;
    unsigned cpu = 9, node = 9;
    say_number("sched_getscheduler", "right", sched_getscheduler(0));
    say("sched_getscheduler", "nobody", sched_getscheduler(4194000));
    say("sched_getparam", "right", sched_getparam(0, &param));
    say("sched_setscheduler", "usual", sched_setscheduler(0, SCHED_OTHER, &param));
    say("sched_setscheduler", "priority", sched_setscheduler(0, SCHED_OTHER, &first));
    say("sched_setscheduler", "real time", sched_setscheduler(0, SCHED_FIFO, &first));
    say("sched_setscheduler", "unknown", sched_setscheduler(0, 77, &param));
    say("sched_setparam", "right", sched_setparam(0, &param));
    for (int policy = 0; policy < 7; policy++) {
        say_number("sched_get_priority_max", "each", sched_get_priority_max(policy));
        say_number("sched_get_priority_min", "each", sched_get_priority_min(policy));
    }
    say("sched_rr_get_interval", "right", sched_rr_get_interval(0, &time));
    say("sched_yield", "right", sched_yield());
    say("getcpu", "right", (int)syscall(SYS_getcpu, &cpu, &node, NULL));
    say("getcpu", "nowhere", (int)syscall(SYS_getcpu, 8L, NULL, NULL));
    say("getpriority", "right", getpriority(PRIO_PROCESS, 0));
    say("setpriority", "right", setpriority(PRIO_PROCESS, 0, 19));
    say_number("getpriority", "then", getpriority(PRIO_PROCESS, 0));
    say_number("ioprio_get", "unknown", syscall(SYS_ioprio_get, 9, 0));
    say("ioprio_set", "right", syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 4));
    say("ioprio_set", "real time", syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 4));
    say("ioprio_set", "unknown", syscall(SYS_ioprio_set, 1, 0, 5 << 13));
    say("clock_getres", "right", clock_getres(CLOCK_MONOTONIC, &time));
    printf("clock_getres tells: %ld\n", time.tv_nsec);
    say("clock_getres", "unknown", clock_getres(77, &time));
    say("clock_settime", "right", clock_settime(CLOCK_REALTIME, &time));
}

static void call_anonymous(void)
{
    char bytes[8] = "1234567";
    int file = memfd_create("a name", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    say("memfd_create", "right", file);
    say("memfd_create", "unknown", memfd_create("x", 0x40000000));
    say_number("write", "to it", write(file, bytes, sizeof bytes));
    say_number("fcntl", "no seals", fcntl(file, F_GET_SEALS));
    say("fcntl", "unknown seal", fcntl(file, F_ADD_SEALS, 0x400000));
    say("fcntl", "a seal", fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
    say("ftruncate", "sealed", ftruncate(file, 1));
    say("ftruncate", "sealed too", ftruncate(file, 100));
    say("ftruncate", "same size", ftruncate(file, sizeof bytes));
    say("pwrite64", "beyond a seal", pwrite(file, bytes, sizeof bytes, 4));
    say("pwrite64", "within", pwrite(file, bytes, 4, 4));
    say("fcntl", "more seals", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL));
    say("pwrite64", "sealed", pwrite(file, bytes, 4, 0));
    say("fcntl", "sealed for good", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
    say_number("fcntl", "all seals", fcntl(file, F_GET_SEALS));
    say("fallocate", "sealed", fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4));
    say("close", "it", close(file));
    file = memfd_create("", 0);
    say_number("fcntl", "never sealed", fcntl(file, F_GET_SEALS));
    say("fcntl", "cannot be", fcntl(file, F_ADD_SEALS, F_SEAL_GROW));
    say("close", "that", close(file));
    say("eventfd", "right", (int)syscall(SYS_eventfd, 3));
}

static void call_signals(void)
{
    struct signalfd_siginfo info[2];
    sigset_t set, other;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    int file = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    struct pollfd polled = {.fd = file, .events = POLLIN};
    say("signalfd4", "right", file);
    say("signalfd4", "unknown", signalfd(-1, &set, 0x1000000));
    say("signalfd4", "no such file", signalfd(99, &set, 0));
    say("signalfd4", "another file", signalfd(1, &set, 0));
    say("read", "no signal", read(file, info, sizeof info));
    say_number("poll", "no signal", poll(&polled, 1, 0));
    (void)raise(SIGUSR1);
    (void)raise(SIGUSR2);
    say_number("poll", "signals", poll(&polled, 1, -1));
    say("read", "no room", read(file, info, 8));
    say_number("read", "signals", read(file, info, sizeof info));
    printf("signals tell: %u %u %u\n", info[0].ssi_signo, info[1].ssi_signo,
           info[0].ssi_pid == (unsigned)getpid());
    sigemptyset(&other);
    say("signalfd4", "another set", signalfd(file, &other, 0));
    (void)raise(SIGUSR1);
    say("read", "not of the set", read(file, info, sizeof info));
    say_number("write", "to signals", write(file, info, 8));
    say("close", "signals", close(file));
}

static void call_segments(void)
{
    struct shmid_ds state;
    int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0400);
    say("shmget", "right", id);
    say("shmget", "no key", shmget(0x4d4d4d4d, PAGE, 0600));
    say("shmget", "no size", shmget(IPC_PRIVATE, 0, 0600));
    say("shmctl", "state", shmctl(id, IPC_STAT, &state));
    say("shmctl", "no such command", shmctl(id, 77, &state));
    say("shmctl", "no such segment", shmctl(0x7FFFFF00, IPC_STAT, &state));
    say("shmctl", "locks", shmctl(id, SHM_LOCK, NULL));
    say("shmat", "not to be written to", (long)shmat(id, NULL, 0));
    void *at = shmat(id, NULL, SHM_RDONLY);
    say("shmat", "right", (long)at == -1 ? -1 : 0);
    say("shmdt", "behind it", shmdt((char *)at + PAGE));
    say("shmdt", "right", shmdt(at));
    say("shmdt", "again", shmdt(at));
    say("shmctl", "removes", shmctl(id, IPC_RMID, NULL));
    say("shmctl", "removed", shmctl(id, IPC_RMID, NULL));
}

static void call_semaphores(void)
{
    struct sembuf one = {.sem_op = 1}, none = {.sem_op = -9, .sem_flg = IPC_NOWAIT};
    struct timespec time = {0, 1000000};
    int id = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600);
    say("semget", "right", id);
    say("semget", "no key", semget(0x4d4d4d4d, 2, 0600));
    say("semget", "none", semget(IPC_PRIVATE, 0, 0600));
    say("semop", "right", semop(id, &one, 1));
    say("semop", "none", semop(id, &one, 0));
    say("semop", "too few", semop(id, &none, 1));
    say("semop", "too many", semop(id, &one, 501));
    say_number("semctl", "a value", semctl(id, 0, GETVAL));
    say("semctl", "no such command", semctl(id, 0, 77));
    say("semctl", "no such semaphore", semctl(id, 2, GETVAL));
    none.sem_flg = 0;
    say("semtimedop", "a time", semtimedop(id, &none, 1, &time));
    say("semctl", "removes", semctl(id, 0, IPC_RMID));
    say("semop", "removed", semop(id, &one, 1));
}

static void call_files(void)
{
    char path[] = "/tmp/caisson-conform-XXXXXX";
    int ends[2], left = 0, off = 0;
    char bytes[] = "bytes";
    struct iovec part = {bytes, 5};
    struct timeval none = {0, 1000};
    struct timespec wait = {0, 1000000};
    struct winsize size;
    struct statx all;
    int file = mkstemp(path);
    say("pwritev2", "synchronous", (int)syscall(SYS_pwritev2, file, &part, 1, 0, 0, 2));
    say("preadv2", "unknown flag", (int)syscall(SYS_preadv2, file, &part, 1, 0, 0, 0x8000));
    say("ioctl", "FIONREAD", ioctl(file, FIONREAD, &left));
    printf("FIONREAD tells: %d\n", left);
    say("ioctl", "TIOCGWINSZ", ioctl(file, TIOCGWINSZ, &size));
    say("ioctl", "FIOASYNC", ioctl(file, FIOASYNC, &off));
    say("readahead", "right", (int)readahead(file, 0, 4));
    say("fadvise64", "right", -(errno = posix_fadvise(file, 0, 4, POSIX_FADV_WILLNEED)));
    say("fadvise64", "unknown", -(errno = posix_fadvise(file, 0, 4, 9)));
    say("statx", "right", statx(file, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &all));
    say("statx", "reserved", statx(file, "", AT_EMPTY_PATH, 0x80000000, &all));
    say("statx", "both ways", statx(file, "", AT_EMPTY_PATH | 0x6000, STATX_SIZE, &all));
    say("unlink", "it", unlink(path));
    say("unlink", "again", unlink(path));
    say("pipe", "right", pipe(ends));
    say("ioctl", "FIONREAD of a pipe",
        write(ends[1], "abc", 3) == 3 ? ioctl(ends[0], FIONREAD, &left) : -1);
    printf("FIONREAD tells: %d\n", left);
    say("readahead", "a pipe", (int)readahead(ends[0], 0, 4));
    say_number("fcntl", "F_GETPIPE_SZ", fcntl(ends[0], F_GETPIPE_SZ));
    say("fcntl", "F_GETPIPE_SZ of a file", fcntl(file, F_GETPIPE_SZ));
    say("fcntl", "F_SETOWN of a pipe", fcntl(ends[0], F_SETOWN, getpid()));
    say("fcntl", "O_ASYNC of a pipe", fcntl(ends[0], F_SETFL, O_ASYNC));
    say("fcntl", "O_NONBLOCK of a pipe", fcntl(ends[0], F_SETFL, O_NONBLOCK));
    say("fcntl", "F_SETSIG of a pipe", fcntl(ends[0], F_SETSIG, SIGUSR1));
    say("pread64", "a pipe", pread(ends[0], path, 1, 0));
    say_number("select", "a time", select(0, NULL, NULL, NULL, &none));
    printf("select leaves: %ld\n", (long)none.tv_usec);
    say_number("ppoll", "a time", (int)syscall(SYS_ppoll, NULL, 0, &wait, NULL, 8));
    printf("ppoll leaves: %ld\n", (long)wait.tv_nsec);
}

static void call_notify(void)
{
    int watcher = (int)syscall(SYS_inotify_init);
    say("inotify_init", "right", watcher);
    say("inotify_init1", "unknown flag", syscall(SYS_inotify_init1, 1));
    say_number("inotify_add_watch", "right", syscall(SYS_inotify_add_watch, watcher, "/tmp", 1));
    say("inotify_add_watch", "nothing", syscall(SYS_inotify_add_watch, watcher, "/tmp", 0));
    say("inotify_add_watch", "missing", syscall(SYS_inotify_add_watch, watcher, "/none", 1));
    say("inotify_add_watch", "no folder",
        syscall(SYS_inotify_add_watch, watcher, "/proc/self/status", 0x01000000 | 1));
    say("inotify_rm_watch", "right", syscall(SYS_inotify_rm_watch, watcher, 1));
    say("inotify_rm_watch", "again", syscall(SYS_inotify_rm_watch, watcher, 1));
    say("close", "a watcher", close(watcher));
}

#define KIND_PIDFD 3 /* P_PIDFD */

static void call_pidfds(void)
{
    siginfo_t info;
    int own = (int)syscall(SYS_pidfd_open, getpid(), 0);
    say("pidfd_open", "itself", own);
    say("pidfd_open", "nobody", syscall(SYS_pidfd_open, 4194000, 0));
    say("pidfd_open", "unknown flag", syscall(SYS_pidfd_open, getpid(), 1));
    say("pidfd_send_signal", "none", syscall(SYS_pidfd_send_signal, own, 0, NULL, 0));
    say("pidfd_send_signal", "unknown", syscall(SYS_pidfd_send_signal, own, 99, NULL, 0));
    say("pidfd_send_signal", "no pidfd", syscall(SYS_pidfd_send_signal, 0, 0, NULL, 0));
    say("waitid", "itself", syscall(SYS_waitid, KIND_PIDFD, own, &info, WEXITED, NULL));
    say("waitid", "no pidfd", syscall(SYS_waitid, KIND_PIDFD, 0, &info, WEXITED, NULL));
    say("close", "a pidfd", close(own));
}

/* A user who may do nothing special. */
static void become_nobody(void)
{
    if (geteuid() != 0)
        return;
    if (setgroups(0, NULL) != 0 || setgid(USER) != 0 || setuid(USER) != 0 || geteuid() == 0) {
        fprintf(stderr, "conform: no other user\n");
        exit(1);
    }
}

/* In a process of its own, which in an enclave moves to another one when it waits. */
static void go_on_in_child(void)
{
    const struct timespec while_ = {.tv_nsec = 1000000};
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        (void)nanosleep(&while_, NULL);
        return;
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        exit(1);
    exit(WEXITSTATUS(status));
}

int main(int argc, char *argv[])
{
    become_nobody();
    if (argc == 2 && strcmp(argv[1], "child") == 0)
        go_on_in_child();
    (void)umask(022);
    call_memory();
    call_schedule();
    call_anonymous();
    call_signals();
    call_segments();
    call_semaphores();
    call_files();
    call_pidfds();
    call_notify();
    call_all();
    return 0;
}
