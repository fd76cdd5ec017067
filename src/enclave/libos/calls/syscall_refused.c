/* What takes capabilities that no container has, whatever its policy says: there is no such thing
 * to be administered. Each is told in the log once. */
#include <linux/fcntl.h>

#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/log.h"

uint64_t syscall_refused(struct program_frame *frame)
{
    static bool is_logged[512];
    uint64_t number = frame->number;
    if (number < sizeof is_logged && !is_logged[number])
        log_line("EPERM: an enclave has nothing to administer: ", syscall_name(number));
    if (number < sizeof is_logged)
        is_logged[number] = true;
    return SYSCALL_ERROR(EPERM);
}

/* With nothing to be parted from, nothing is. */
uint64_t syscall_unshare(struct program_frame *frame)
{
    const uint64_t shared = 0x00000200 | 0x00000400 | 0x00040000; /* CLONE_FS, FILES, SYSVSEM */
    const uint64_t known = shared | 0x7E020980; /* the namespaces, CLONE_VM, SIGHAND, THREAD */
    if ((frame->rdi & ~known) != 0)
        return SYSCALL_ERROR(EINVAL);
    if ((frame->rdi & ~shared) != 0)
        return syscall_refused(frame);
    return 0;
}
