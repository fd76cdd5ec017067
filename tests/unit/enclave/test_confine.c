/* What the processes of caisson-enclave-host may still do, each in a process of its own: every
 * system call that is not listed here is refused. What is allowed is listed twice, here and there.
 */
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enclave/host_confine.h"

#define CALLS   512 /* numbers that are tried: some beyond the last one that there is */
#define X32     0x40000000
#define SECONDS 60 /* at most, should one be let through and wait */

enum kind {
    HOLDS,
    FIRST,
    CHILD,
    QUOTER,
    QUOTER_OF_PROCESSOR,
    NURSERY,
    NURSERY_OF_PROCESSOR,
    KINDS
};

static int confine_child(struct error *err)
{
    return host_confine_nursery(err) < 0 ? -1 : host_confine(err);
}

static int (*const confine[KINDS])(struct error *) = {
    [HOLDS] = host_confine,
    [FIRST] = host_confine_first,
    [CHILD] = confine_child,
    [QUOTER] = host_confine_quoter,
    [QUOTER_OF_PROCESSOR] = host_confine_quoter_of_processor,
    [NURSERY] = host_confine_nursery,
    [NURSERY_OF_PROCESSOR] = host_confine_nursery_of_processor,
};

/* By all. */
static const long allowed[] = {
    SYS_read,
    SYS_pread64,
    SYS_write,
    SYS_writev,
    SYS_pwritev2,
    SYS_sendto,
    SYS_sendmsg,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_shutdown,
    SYS_socketpair,
    SYS_close,
    SYS_fstat,
    SYS_poll,
    SYS_ppoll,
    SYS_eventfd2,
    SYS_pipe2,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    SYS_mincore,
    SYS_brk,
    SYS_futex,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_arch_prctl,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigtimedwait,
    SYS_sigaltstack,
    SYS_getpid,
    SYS_gettid,
    SYS_getrandom,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_restart_syscall,
    SYS_exit,
    SYS_exit_group,
};

/* By these besides. */
static const struct {
    long number;
    unsigned kinds; /* a bit each */
} more[] = {
    {SYS_bind, 1U << FIRST},
    {SYS_connect, 1U << FIRST | 1U << QUOTER_OF_PROCESSOR},
    {SYS_listen, 1U << FIRST},
    {SYS_accept4, 1U << FIRST},
    {SYS_getsockname, 1U << FIRST},
    {SYS_getpeername, 1U << FIRST},
    {SYS_setsockopt, 1U << FIRST | 1U << QUOTER_OF_PROCESSOR},
    {SYS_getsockopt, 1U << FIRST},
    {SYS_getppid, 1U << NURSERY | 1U << NURSERY_OF_PROCESSOR},
    {SYS_close_range, 1U << NURSERY | 1U << NURSERY_OF_PROCESSOR},
    {SYS_prlimit64, 1U << NURSERY | 1U << NURSERY_OF_PROCESSOR},
    {SYS_seccomp, 1U << NURSERY | 1U << NURSERY_OF_PROCESSOR},
    {SYS_clone, 1U << NURSERY | 1U << NURSERY_OF_PROCESSOR},
    {SYS_tgkill, 1U << NURSERY | 1U << NURSERY_OF_PROCESSOR},
    {SYS_openat, 1U << NURSERY_OF_PROCESSOR},
};

/* uretprobe and uprobe are the kernel's own trampolines': filters do not see them, and whoever
 * else makes them gets a signal. */
#define FIRST_PROBE 335
#define LAST_PROBE  336

static bool is_allowed(enum kind kind, long number)
{
    if (number >= FIRST_PROBE && number <= LAST_PROBE)
        return true;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        if (allowed[i] == number)
            return true;
    }
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        if (more[i].number == number && more[i].kinds >> kind & 1)
            return true;
    }
    return false;
}

/* What is told by the process that is confined: memory, which needs no call. */
static struct seen {
    int answers[CALLS]; /* 0, or the errno */
    bool is_confined, is_done;
} * seen;

typedef void body_fn(enum kind kind);

/* Runs it confined; the status of its end. */
static int run(enum kind kind, body_fn *body)
{
    int status = -1;
    memset(seen, 0, sizeof *seen);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct error err;
        static const int faults[] = {SIGSEGV, SIGILL, SIGBUS, SIGFPE, SIGSYS};
        for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) /* are cmocka's else */
            (void)signal(faults[i], SIG_DFL);
        (void)alarm(SECONDS);
        seen->is_confined = confine[kind](&err) == 0;
        if (seen->is_confined)
            body(kind);
        seen->is_done = true;
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(seen->is_confined);
    return status;
}

static void run_to_its_end(enum kind kind, body_fn *body)
{
    int status = run(kind, body);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !seen->is_done)
        fail_msg("kind %u ended with status 0x%x", kind, (unsigned)status);
}

/* --- every call ------------------------------------------------------------------------------- */

static int answer(long number, long a, long b, long c, long d, long e)
{
    return syscall(number, a, b, c, d, e, 0) < 0 ? errno : 0;
}

static void try_all(enum kind kind)
{
    for (long number = 0; number < CALLS; number++) {
        if (!is_allowed(kind, number))
            seen->answers[number] = answer(number, 0, 0, 0, 0, 0);
    }
}

/* Libc falls back from this one to clone(2). */
static int refusal(enum kind kind, long number)
{
    bool is_quoter = kind == QUOTER || kind == QUOTER_OF_PROCESSOR;
    return number == SYS_clone3 && !is_quoter ? ENOSYS : EPERM;
}

static void refuses_all_other_calls(void **state)
{
    (void)state;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        run_to_its_end(kind, try_all);
        for (long number = 0; number < CALLS; number++) {
            if (!is_allowed(kind, number) && seen->answers[number] != refusal(kind, number))
                fail_msg("kind %u, call %ld: %s", kind, number, strerror(seen->answers[number]));
        }
    }
}

/* --- what would do harm, with right arguments --------------------------------------------------
 */

static pid_t other; /* a process of this user's */
static char place[] = "/tmp/caisson-confine-XXXXXX";

/* In the order in which they are made. Signals are none. */
static void try_harm(enum kind kind)
{
    char *const words[] = {(char *)(uintptr_t) "true", NULL};
    const char *const file = place;
    const long self = getpid();
    int *at = seen->answers;
    (void)kind;
    *at++ = answer(SYS_open, (long)file, O_WRONLY, 0, 0, 0);
    *at++ = answer(SYS_open, (long)"/etc/passwd", O_RDONLY, 0, 0, 0);
    *at++ = answer(SYS_creat, (long)file, 0600, 0, 0, 0);
    *at++ = answer(SYS_openat, AT_FDCWD, (long)file, O_WRONLY | O_CREAT, 0600, 0);
    *at++ = answer(SYS_openat, AT_FDCWD, (long)file, O_WRONLY | O_TRUNC, 0, 0);
    *at++ = answer(SYS_openat, AT_FDCWD, (long)"/tmp", O_RDWR | O_TMPFILE, 0600, 0);
    *at++ = answer(SYS_unlink, (long)file, 0, 0, 0, 0);
    *at++ = answer(SYS_truncate, (long)file, 0, 0, 0, 0);
    *at++ = answer(SYS_memfd_create, (long)"x", 0, 0, 0, 0);
    *at++ = answer(SYS_execve, (long)"/bin/true", (long)words, 0, 0, 0);
    *at++ = answer(SYS_execveat, AT_FDCWD, (long)"/bin/true", (long)words, 0, 0);
    *at++ = answer(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0, 0);
    *at++ = answer(SYS_ptrace, PTRACE_SEIZE, other, 0, 0, 0);
    *at++ = answer(SYS_kill, other, 0, 0, 0, 0);
    *at++ = answer(SYS_kill, self, 0, 0, 0, 0);
    *at++ = answer(SYS_kill, -1, 0, 0, 0, 0);
    *at++ = answer(SYS_tkill, other, 0, 0, 0, 0);
    *at++ = answer(SYS_pidfd_open, other, 0, 0, 0, 0);
    *at++ = answer(SYS_setpgid, 0, 0, 0, 0, 0);
    *at++ = answer(SYS_fork, 0, 0, 0, 0, 0);
    *at++ = answer(SYS_unshare, CLONE_NEWUSER, 0, 0, 0, 0);
    *at++ = answer(SYS_setuid, getuid(), 0, 0, 0, 0);
    *at++ = answer(SYS_umask, 022, 0, 0, 0, 0);
    *at++ = answer(SYS_chdir, (long)"/", 0, 0, 0, 0);
    *at++ = answer(SYS_io_uring_setup, 1, (long)seen, 0, 0, 0);
    *at++ = answer(SYS_socket, AF_NETLINK, SOCK_RAW, 0, 0, 0);
    *at++ = answer(SYS_socket, AF_PACKET, SOCK_DGRAM, 0, 0, 0);
    *at++ = answer(SYS_socket, AF_VSOCK, SOCK_STREAM, 0, 0, 0);
    *at++ = answer(SYS_socket, AF_ALG, SOCK_SEQPACKET, 0, 0, 0);
    *at = -1;
}

static void refuses_what_would_do_harm(void **state)
{
    (void)state;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        run_to_its_end(kind, try_harm);
        for (size_t i = 0; seen->answers[i] != -1; i++) {
            if (seen->answers[i] != EPERM)
                fail_msg("kind %u, the call %zu: %s", kind, i, strerror(seen->answers[i]));
        }
        assert_int_equal(access(place, F_OK), 0);
    }
}

/* --- what depends on arguments ---------------------------------------------------------------- */

enum { INET, INET6, UNIX, WIDE_INET, OWN_SIGNAL, OTHERS_SIGNAL, PROCESS, READS, ASKED };

/* Of all kinds. */
static const struct {
    long number, a, b, c, d;
    bool is_allowed;
} limited[] = {
    {SYS_newfstatat, 0, (long)"", 0, AT_EMPTY_PATH, true},
    {SYS_newfstatat, 0, (long)"", 0, AT_EMPTY_PATH | 1L << 32, true}, /* the kernel's int */
    {SYS_newfstatat, AT_FDCWD, (long)"/etc/passwd", 0, 0, false},
    {SYS_newfstatat, AT_FDCWD, (long)"/etc/passwd", 0, AT_SYMLINK_NOFOLLOW, false},
    {SYS_ioctl, 0, 0x4008A400, 0, 0, true}, /* SGX_IOC_ENCLAVE_CREATE */
    {SYS_ioctl, 0, 0xA4, 0, 0, false},
    {SYS_ioctl, 0, TIOCSTI, (long)"x", 0, false},
    {SYS_ioctl, 0, TIOCLINUX, (long)"x", 0, false},
    {SYS_ioctl, 0, TIOCSCTTY, 1, 0, false},
    {SYS_ioctl, 0, FIOSETOWN, 0, 0, false},
    {SYS_fcntl, 0, F_GETFD, 0, 0, true},
    {SYS_fcntl, 0, F_GETFL, 0, 0, true},
    {SYS_fcntl, 0, F_GETFL | 1L << 32, 0, 0, true},
    {SYS_fcntl, 0, F_SETOWN, 0, 0, false},
    {SYS_fcntl, 0, F_SETOWN_EX, 0, 0, false},
    {SYS_fcntl, 0, F_SETSIG, SIGIO, 0, false},
    {SYS_fcntl, 0, F_SETLEASE, F_UNLCK, 0, false},
    {SYS_fcntl, 0, F_DUPFD, 0, 0, false},
    {SYS_fcntl, 0, F_SETOWN | 1L << 32, 0, 0, false},
    {SYS_prctl, PR_SET_NAME, (long)"confined", 0, 0, true},
    {SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, true},
    {SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, true},
    {SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, true},
    {SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, false},
    {SYS_prctl, PR_SET_DUMPABLE, 1L << 32, 0, 0, false},
    {SYS_prctl, PR_SET_PTRACER, -1, 0, 0, false},
    {SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, false},
    {SYS_prctl, PR_SET_MM, PR_SET_MM_BRK, 0, 0, false},
    {SYS_prctl, PR_SET_SECCOMP, 0, 0, 0, false},
    {SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, false},
};

static void try_limited(enum kind kind)
{
    (void)kind;
    for (size_t i = 0; i < sizeof limited / sizeof *limited; i++)
        seen->answers[i] = answer(limited[i].number, limited[i].a, limited[i].b, limited[i].c,
                                  limited[i].d, 0);
}

static void refuses_what_else_these_can_do(void **state)
{
    (void)state;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        run_to_its_end(kind, try_limited);
        for (size_t i = 0; i < sizeof limited / sizeof *limited; i++) {
            if ((seen->answers[i] == EPERM) == limited[i].is_allowed)
                fail_msg("kind %u, the call %zu of them: %s", kind, i, strerror(seen->answers[i]));
        }
    }
}

static void try_arguments(enum kind kind)
{
    const long self = syscall(SYS_getpid), thread = syscall(SYS_gettid);
    (void)kind;
    seen->answers[INET] = answer(SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0);
    seen->answers[INET6] = answer(SYS_socket, AF_INET6, SOCK_DGRAM, 0, 0, 0);
    seen->answers[UNIX] = answer(SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0, 0);
    seen->answers[WIDE_INET] = answer(SYS_socket, AF_INET | 1L << 32, SOCK_STREAM, 0, 0, 0);
    seen->answers[OWN_SIGNAL] = answer(SYS_tgkill, self, thread, 0, 0, 0);
    seen->answers[OTHERS_SIGNAL] = answer(SYS_tgkill, other, other, 0, 0, 0);
    seen->answers[READS] = answer(SYS_openat, AT_FDCWD, (long)place, O_RDWR, 0, 0);
    long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    seen->answers[PROCESS] = pid < 0 ? errno : 0;
}

/* A family that the kernel has not is no refusal. */
static bool is_refused(int what)
{
    return seen->answers[what] == EPERM;
}

static void refuses_by_arguments(void **state)
{
    (void)state;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        bool is_nursery = kind == NURSERY || kind == NURSERY_OF_PROCESSOR;
        run_to_its_end(kind, try_arguments);
        assert_int_equal(is_refused(INET), kind != FIRST);
        assert_int_equal(is_refused(INET6), kind != FIRST);
        assert_int_equal(is_refused(UNIX), kind != QUOTER_OF_PROCESSOR);
        assert_true(is_refused(WIDE_INET));
        assert_int_equal(seen->answers[OWN_SIGNAL], 0);
        assert_int_equal(is_refused(OTHERS_SIGNAL), !is_nursery);
        assert_int_equal(is_refused(PROCESS), !is_nursery);
        assert_int_equal(is_refused(READS), kind != NURSERY_OF_PROCESSOR);
    }
}

/* --- other ways to the kernel ------------------------------------------------------------------
 */

static void call_as_x32(enum kind kind)
{
    (void)kind;
    (void)syscall(X32 | SYS_getpid);
}

/* getpid(2) of i386. */
static void call_as_i386(enum kind kind)
{
    long number = 20;
    (void)kind;
    __asm__ volatile("int $0x80" : "+a"(number) : : "r8", "r9", "r10", "r11", "memory");
}

static void ends_who_calls_as_other_architectures_do(void **state)
{
    (void)state;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        int status = run(kind, call_as_x32);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
        status = run(kind, call_as_i386);
        /* A kernel may have none of these calls. */
        assert_true(WIFSIGNALED(status) &&
                    (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV));
    }
}

/* --- what is needed --------------------------------------------------------------------------- */

static void *say_so(void *word)
{
    *(int *)word = 1;
    return NULL;
}

static void on_signal(int number)
{
    seen->answers[2] = number;
}

static void do_what_is_needed(enum kind kind)
{
    pthread_t id;
    int pair[2];
    char byte = 0;
    bool makes_threads = kind != QUOTER && kind != QUOTER_OF_PROCESSOR;
    if (makes_threads && pthread_create(&id, NULL, say_so, &seen->answers[0]) == 0)
        (void)pthread_join(id, NULL);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && send(pair[0], "x", 1, 0) == 1 &&
        recv(pair[1], &byte, 1, 0) == 1)
        seen->answers[1] = (unsigned char)byte;
    (void)signal(SIGUSR1, on_signal);
    (void)raise(SIGUSR1);
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    seen->answers[3] = memory != MAP_FAILED && mprotect(memory, 4096, PROT_READ) == 0;
}

static void lets_do_what_is_needed(void **state)
{
    (void)state;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        run_to_its_end(kind, do_what_is_needed);
        assert_int_equal(seen->answers[0], kind != QUOTER && kind != QUOTER_OF_PROCESSOR);
        assert_int_equal(seen->answers[1], 'x');
        assert_int_equal(seen->answers[2], SIGUSR1);
        assert_int_equal(seen->answers[3], 1);
    }
}

/* --- the stage -------------------------------------------------------------------------------- */

static int begin(void **state)
{
    (void)state;
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int fd = mkstemp(place);
    other = fork();
    if (other == 0) {
        (void)alarm(10 * SECONDS);
        for (;;)
            (void)pause();
    }
    return seen == MAP_FAILED || other < 0 || fd < 0 || close(fd) < 0 ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    (void)kill(other, SIGKILL);
    (void)waitpid(other, NULL, 0);
    (void)munmap(seen, sizeof *seen);
    return unlink(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_all_other_calls),
        cmocka_unit_test(refuses_what_would_do_harm),
        cmocka_unit_test(refuses_by_arguments),
        cmocka_unit_test(refuses_what_else_these_can_do),
        cmocka_unit_test(ends_who_calls_as_other_architectures_do),
        cmocka_unit_test(lets_do_what_is_needed),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
