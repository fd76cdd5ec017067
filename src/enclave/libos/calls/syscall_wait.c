/* wait4(2) and waitid(2). */
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <limits.h>
#include <linux/fcntl.h>
#include <linux/resource.h>
#include <linux/wait.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/files/process_file.h"

#define OPTIONS_WAIT4 (WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL)
#define OPTIONS_WAITID                                                                             \
    (WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL)

#define INFO_SIZE 128 /* bytes of the kernel's siginfo */

static int await(int who, unsigned options, struct process **out)
{
    struct process *self = process_self();
    for (;;) {
        int status = process_find_changed(self, who, options, out);
        if (status < 0 || *out || options & WNOHANG)
            return status;
        status = wait_on(&process_changes, DOOR_FOREVER, NULL, 0);
        if (status < 0)
            return status;
    }
}

/* It was told. */
static void forget(struct process *child)
{
    if (child->state == PROCESS_ENDED)
        process_forget(child);
    else
        child->news = PROCESS_NO_NEWS;
}

#define STATUS_CONTINUED 0xFFFFU
#define STATUS_STOPPED   0x7FU

static uint32_t status_of(const struct process *child)
{
    if (child->state == PROCESS_ENDED)
        return child->status;
    return child->news == PROCESS_CONTINUED ? STATUS_CONTINUED
                                            : (uint32_t)child->stopped_by << 8 | STATUS_STOPPED;
}

/* The time that processes take of a processor is not counted. */
static void put_usage(uint64_t at)
{
    if (at != 0)
        memset((void *)at, 0, sizeof(struct rusage));
}

uint64_t syscall_wait4(struct program_frame *frame)
{
    struct process *child;
    unsigned options = (unsigned)frame->rdx;
    if (options & ~(unsigned)OPTIONS_WAIT4)
        return SYSCALL_ERROR(EINVAL);
    if ((int)frame->rdi == INT_MIN)
        return SYSCALL_ERROR(ESRCH);
    if ((frame->rsi != 0 && !can_write(frame->rsi, sizeof(int))) ||
        (frame->r10 != 0 && !can_write(frame->r10, sizeof(struct rusage))))
        return SYSCALL_FAULT;
    int status = await((int)frame->rdi, options | WEXITED, &child);
    if (status < 0 || !child)
        return (uint64_t)status;
    const uint32_t told = status_of(child);
    if (frame->rsi != 0 && can_write(frame->rsi, sizeof(int)))
        memcpy((void *)frame->rsi, &told, sizeof told);
    if (can_write(frame->r10, sizeof(struct rusage)))
        put_usage(frame->r10);
    int number = child->number;
    forget(child);
    return (uint64_t)number;
}

/* --- waitid ----------------------------------------------------------------------------------- */

/* Of P_PIDFD; *is_patient is false where its file does not wait. */
static int take_pidfd(uint64_t number, int *out, bool *is_patient)
{
    const struct file *file = syscall_file(number);
    struct process *process;
    int status = (int)number < 0 ? -EINVAL : process_file_get(file, &process);
    if (status < 0)
        return status;
    *is_patient = !(file->flags & O_NONBLOCK);
    *out = process ? process->number : 0;
    return process ? 0 : -ECHILD;
}

/* As wait4(2) means it; 0 or a negative errno. */
static int take_who(uint64_t kind, uint64_t number, int *out, bool *is_patient)
{
    *is_patient = true;
    switch (kind) {
    case P_ALL:
        *out = -1;
        return 0;
    case P_PID:
        *out = (int)number;
        return *out > 0 ? 0 : -EINVAL;
    case P_PGID: {
        int group = (int)number == 0 ? process_self()->group : (int)number;
        *out = group == 1 ? 0 : -group; /* -1 is all */
        return group > 0 && (group > 1 || process_self()->group == 1) ? 0 : -EINVAL;
    }
    case P_PIDFD:
        return take_pidfd(number, out, is_patient);
    default:
        return -EINVAL;
    }
}

/* What siginfo tells of it: CLD_*, and an exit code or a signal. */
static int code_of(const struct process *child, int *value)
{
    bool has_died = (child->status & 0x7F) != 0;
    if (child->state == PROCESS_ENDED) {
        *value = (int)(has_died ? child->status & 0x7F : child->status >> 8);
        return has_died ? CLD_KILLED : CLD_EXITED;
    }
    bool goes_on = child->news == PROCESS_CONTINUED;
    *value = goes_on ? SIGCONT : child->stopped_by;
    return goes_on ? CLD_CONTINUED : CLD_STOPPED;
}

/* Without a child, zeros. */
static void put_info(uint64_t at, const struct process *child)
{
    uint8_t *out = (uint8_t *)at;
    memset(out, 0, INFO_SIZE);
    if (!child)
        return;
    int value;
    const int head[3] = {SIGCHLD, 0, code_of(child, &value)};
    const int rest[3] = {child->number, (int)child->identity.ids[IDENTITY_USER].real, value};
    memcpy(out, head, sizeof head);
    memcpy(out + 16, rest, sizeof rest);
}

uint64_t syscall_waitid(struct program_frame *frame)
{
    struct process *child;
    int who;
    unsigned options = (unsigned)frame->r10;
    if (options & ~(unsigned)OPTIONS_WAITID || !(options & (WEXITED | WSTOPPED | WCONTINUED)))
        return SYSCALL_ERROR(EINVAL);
    bool is_patient;
    int status = take_who(frame->rdi, frame->rsi, &who, &is_patient);
    if (status < 0)
        return (uint64_t)status;
    if ((frame->rdx != 0 && !can_write(frame->rdx, INFO_SIZE)) ||
        (frame->r8 != 0 && !can_write(frame->r8, sizeof(struct rusage))))
        return SYSCALL_FAULT;
    status = await(who, options | (is_patient ? 0 : WNOHANG), &child);
    if (status == 0 && !child && !is_patient && !(options & WNOHANG))
        status = -EAGAIN;
    if (status < 0)
        return (uint64_t)status;
    if (frame->rdx != 0 && can_write(frame->rdx, INFO_SIZE))
        put_info(frame->rdx, child);
    if (can_write(frame->r8, sizeof(struct rusage)))
        put_usage(frame->r8);
    if (child && !(options & WNOWAIT))
        forget(child);
    return 0;
}
