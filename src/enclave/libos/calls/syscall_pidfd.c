/* System calls on processes by files that stand for them: pidfd_open(2) and what is done with it.
 */
#include <asm/siginfo.h>
#include <linux/fcntl.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/files/process_file.h"

/* PIDFD_NONBLOCK is O_NONBLOCK. A thread that is no process has no such file here. */
uint64_t syscall_pidfd_open(struct program_frame *frame)
{
    int number = (int)frame->rdi;
    if ((uint32_t)frame->rsi & ~(uint32_t)O_NONBLOCK || number <= 0)
        return SYSCALL_ERROR(EINVAL);
    struct process *process = process_find(number);
    if (!process)
        return thread_find(number) ? SYSCALL_ERROR(EINVAL) : SYSCALL_ERROR(ESRCH);
    return (uint64_t)process_file_open(process, (unsigned)frame->rsi, &syscall_files()->files);
}

/* CLONE_PIDFD: of a child that this process is making. */
uint64_t own_pidfd(struct program_frame *frame)
{
    struct process *process = process_find((int)frame->rdi);
    bool is_child = process && process->parent == process_self();
    if (!is_child)
        return SYSCALL_ERROR(ESRCH);
    return (uint64_t)process_file_open(process, 0, &syscall_files()->files);
}

/* kernel/signal.c, pidfd_send_signal(): what is told must be of this very signal. */
static int take_info(uint64_t at, int number, const struct process *to, struct signal_info *out)
{
    if (at == 0) {
        syscall_describe_sender(number, out);
        return 0;
    }
    int status = syscall_take_info(at, (uint64_t)number, to == process_self(), out);
    int told;
    if (status == -EFAULT)
        return status;
    memcpy(&told, (const void *)at, sizeof told);
    return told != number ? -EINVAL : status;
}

uint64_t syscall_pidfd_send_signal(struct program_frame *frame)
{
    struct process *process;
    struct signal_info info = {0};
    if ((uint32_t)frame->r10 != 0)
        return SYSCALL_ERROR(EINVAL);
    int status = process_file_get(syscall_file(frame->rdi), &process);
    if (status == 0)
        status = take_info(frame->rdx, (int)frame->rsi, process, &info);
    if (status < 0)
        return (uint64_t)status;
    if (info.number < 0 || info.number > SIGNALS)
        return SYSCALL_ERROR(EINVAL);
    return process ? (uint64_t)process_kill(process_self(), process->number, &info)
                   : SYSCALL_ERROR(ESRCH);
}
