#include "enclave/host_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "enclave/hardware_ioctl.h"

#define WORD UINT64_C(0xFFFFFFFF)

/* What holding an enclave takes: bytes of descriptors that are open, memory, threads, signals and
 * time. SYSCALLs of the enclave do not come this far: they trap (Syscall User Dispatch). */
static const int of_all[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pwritev2),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(socketpair),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(eventfd2),
    SCMP_SYS(pipe2),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(mincore),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(arch_prctl),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* Likewise, of which an argument, under a mask, says more: the kernel takes its lowest 32 bits. */
static const struct {
    int number;
    unsigned argument;
    scmp_datum_t mask, value;
} limited[] = {
    {SCMP_SYS(newfstatat), 3, WORD, AT_EMPTY_PATH}, /* glibc's fstat() */
    {SCMP_SYS(ioctl), 1, _IOC_TYPEMASK << _IOC_TYPESHIFT, HARDWARE_MAGIC << _IOC_TYPESHIFT},
    {SCMP_SYS(fcntl), 1, WORD, F_GETFD}, /* none that sends signals */
    {SCMP_SYS(fcntl), 1, WORD, F_SETFD},
    {SCMP_SYS(fcntl), 1, WORD, F_GETFL},
    {SCMP_SYS(fcntl), 1, WORD, F_SETFL},
    {SCMP_SYS(fcntl), 1, WORD, F_DUPFD_CLOEXEC},
    {SCMP_SYS(prctl), 0, WORD, PR_SET_NAME},
    {SCMP_SYS(prctl), 0, WORD, PR_SET_PDEATHSIG},
    {SCMP_SYS(prctl), 0, WORD, PR_SET_NO_NEW_PRIVS},
    {SCMP_SYS(prctl), 0, WORD, PR_SET_SYSCALL_USER_DISPATCH}, /* the model's */
};

/* Of the first enclave's, in whose network all sockets are: TCP and UDP, and no other kind. */
static const int of_network[] = {
    SCMP_SYS(bind),        SCMP_SYS(connect),     SCMP_SYS(listen),     SCMP_SYS(accept4),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(setsockopt), SCMP_SYS(getsockopt),
};

/* And what making a further one takes, up to the child's own filter. */
static const int of_nursery[] = {
    SCMP_SYS(clone),     SCMP_SYS(getppid), SCMP_SYS(close_range),
    SCMP_SYS(prlimit64), SCMP_SYS(seccomp), SCMP_SYS(tgkill), /* a child's own, of any number */
};

#define MAKES_FILES (O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))

/* Asking aesmd, by a socket of a file's. */
static const int of_aesmd[] = {SCMP_SYS(connect), SCMP_SYS(setsockopt)};

enum process {
    HOLDS_ENCLAVE,
    HOLDS_FIRST,
    IS_QUOTER,
    IS_QUOTER_OF_PROCESSOR,
    IS_NURSERY,
    IS_NURSERY_OF_PROCESSOR
};

static int allow(scmp_filter_ctx filter, const int *numbers, size_t count)
{
    int status = 0;
    for (size_t i = 0; status == 0 && i < count; i++)
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, numbers[i], 0);
    return status;
}

static int allow_limited(scmp_filter_ctx filter)
{
    int status = 0;
    for (size_t i = 0; status == 0 && i < sizeof limited / sizeof *limited; i++)
        status = seccomp_rule_add(
            filter, SCMP_ACT_ALLOW, limited[i].number, 1,
            SCMP_CMP(limited[i].argument, SCMP_CMP_MASKED_EQ, limited[i].mask, limited[i].value));
    /* Once not, never again. */
    return status < 0 ? status
                      : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 2,
                                         SCMP_A0(SCMP_CMP_MASKED_EQ, WORD, PR_SET_DUMPABLE),
                                         SCMP_A1(SCMP_CMP_EQ, 0));
}

/* Threads are made by clone(2), whose flags a filter sees; libc falls back to it. */
static int allow_threads(scmp_filter_ctx filter)
{
    int status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    return status < 0 ? status
                      : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

/* To its own threads alone: nobody else is stopped or ended. */
static int allow_own_signals(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
}

/* Files that are there, as /dev/sgx_enclave. */
static int allow_files(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, MAKES_FILES, 0));
}

static int allow_sockets(scmp_filter_ctx filter)
{
    static const scmp_datum_t families[] = {AF_INET, AF_INET6};
    int status = allow(filter, of_network, sizeof of_network / sizeof *of_network);
    for (size_t i = 0; status == 0 && i < sizeof families / sizeof *families; i++)
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                  SCMP_A0(SCMP_CMP_EQ, families[i]));
    return status;
}

static int allow_aesmd(scmp_filter_ctx filter)
{
    int status = allow(filter, of_aesmd, sizeof of_aesmd / sizeof *of_aesmd);
    return status < 0 ? status
                      : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                         SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
}

static int fill(scmp_filter_ctx filter, enum process process)
{
    int status = allow(filter, of_all, sizeof of_all / sizeof *of_all);
    if (status == 0)
        status = allow_limited(filter);
    if (status == 0 && process != IS_QUOTER && process != IS_QUOTER_OF_PROCESSOR)
        status = allow_threads(filter);
    if (status == 0 && process < IS_NURSERY)
        status = allow_own_signals(filter);
    if (status == 0 && process == HOLDS_FIRST)
        status = allow_sockets(filter);
    if (status == 0 && process == IS_QUOTER_OF_PROCESSOR)
        status = allow_aesmd(filter);
    if (status == 0 && process >= IS_NURSERY)
        status = allow(filter, of_nursery, sizeof of_nursery / sizeof *of_nursery);
    if (status == 0 && process == IS_NURSERY_OF_PROCESSOR)
        status = allow_files(filter);
    return status < 0 ? status : seccomp_load(filter);
}

static int confine(enum process process, struct error *err)
{
    const struct rlimit none = {0, 0};
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
        return error_system(err, errno, "confinement");
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int status = filter ? fill(filter, process) : -ENOMEM;
    seccomp_release(filter);
    return status < 0 ? error_system(err, -status, "seccomp") : 0;
}

int host_confine(struct error *err)
{
    return confine(HOLDS_ENCLAVE, err);
}

int host_confine_first(struct error *err)
{
    return confine(HOLDS_FIRST, err);
}

int host_confine_nursery(struct error *err)
{
    return confine(IS_NURSERY, err);
}

int host_confine_nursery_of_processor(struct error *err)
{
    return confine(IS_NURSERY_OF_PROCESSOR, err);
}

int host_confine_quoter(struct error *err)
{
    return confine(IS_QUOTER, err);
}

int host_confine_quoter_of_processor(struct error *err)
{
    return confine(IS_QUOTER_OF_PROCESSOR, err);
}
