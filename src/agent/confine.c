#include "agent/confine.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* Others are an error to the caller, as for files that are not there: a C library asks for some
 * that it can do without. */
static const int allowed[] = {
    SCMP_SYS(accept4),        SCMP_SYS(brk),
    SCMP_SYS(clock_gettime),  SCMP_SYS(close),
    SCMP_SYS(connect),        SCMP_SYS(exit),
    SCMP_SYS(exit_group),     SCMP_SYS(fcntl),
    SCMP_SYS(futex),          SCMP_SYS(getpeername),
    SCMP_SYS(getpid),         SCMP_SYS(getrandom),
    SCMP_SYS(getsockopt),     SCMP_SYS(madvise),
    SCMP_SYS(mmap),           SCMP_SYS(mremap),
    SCMP_SYS(munmap),         SCMP_SYS(poll),
    SCMP_SYS(read),           SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),        SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sendmsg),        SCMP_SYS(sendto),
    SCMP_SYS(shutdown),       SCMP_SYS(write),
    SCMP_SYS(writev),
};

static int add_rules(scmp_filter_ctx filter)
{
    int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                                  SCMP_A0(SCMP_CMP_EQ, AF_INET),
                                  SCMP_A1(SCMP_CMP_MASKED_EQ, 0xF, SOCK_STREAM));
    for (size_t i = 0; result == 0 && i < sizeof allowed / sizeof *allowed; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    return result;
}

int confine(struct error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int result = filter ? add_rules(filter) : -ENOMEM;
    if (result == 0) /* of all threads */
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    return result < 0 ? error_system(err, -result, "cannot install the filter") : 0;
}
