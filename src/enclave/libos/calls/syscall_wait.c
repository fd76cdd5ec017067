/* wait4(2) and waitid(2). */
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <limits.h>
#include <linux/resource.h>
#include <linux/wait.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"

#define OPTIONS_WAIT4 (WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL)
#define OPTIONS_WAITID                                                                             \
    (WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL)

#define INFO_SIZE 128 /* bytes of the kernel's siginfo */

/* Nothing stops or goes on here: who waits for that alone waits for ever, or for no child. */
static int await(int who, unsigned options, bool is_for_ends, struct process **out)
{
    struct process *self = process_self();
    *out = NULL;
    for (;;) {
        struct process *ended;
        int status = process_find_ended(self, who, options, &ended);
        if (status < 0)
            return status;
        *out = is_for_ends ? ended : NULL;
        if (*out || options & WNOHANG)
            return 0;
        status = wait_on(&process_changes, DOOR_FOREVER, NULL, 0);
        if (status < 0)
            return status;
    }
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
    int status = await((int)frame->rdi, options, true, &child);
    if (status < 0 || !child)
        return (uint64_t)status;
    if (frame->rsi != 0 && can_write(frame->rsi, sizeof(int)))
        memcpy((void *)frame->rsi, &child->status, sizeof child->status);
    if (can_write(frame->r10, sizeof(struct rusage)))
        put_usage(frame->r10);
    int number = child->number;
    process_forget(child);
    return (uint64_t)number;
}

/* --- waitid ----------------------------------------------------------------------------------- */

/* As wait4(2) means it; 0 or -EINVAL. */
static int take_who(uint64_t kind, uint64_t number, int *out)
{
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
    default:
        return -EINVAL;
    }
}

/* Without a child, zeros. */
static void put_info(uint64_t at, const struct process *child)
{
    uint8_t *out = (uint8_t *)at;
    memset(out, 0, INFO_SIZE);
    if (!child)
        return;
    bool has_died = (child->status & 0x7F) != 0;
    const int head[3] = {SIGCHLD, 0, has_died ? CLD_KILLED : CLD_EXITED};
    const int rest[3] = {child->number, (int)child->identity.ids[IDENTITY_USER].real,
                         (int)(has_died ? child->status & 0x7F : child->status >> 8)};
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
    int status = take_who(frame->rdi, frame->rsi, &who);
    if (status < 0)
        return (uint64_t)status;
    if ((frame->rdx != 0 && !can_write(frame->rdx, INFO_SIZE)) ||
        (frame->r8 != 0 && !can_write(frame->r8, sizeof(struct rusage))))
        return SYSCALL_FAULT;
    status = await(who, options, (options & WEXITED) != 0, &child);
    if (status < 0)
        return (uint64_t)status;
    if (frame->rdx != 0 && can_write(frame->rdx, INFO_SIZE))
        put_info(frame->rdx, child);
    if (can_write(frame->r8, sizeof(struct rusage)))
        put_usage(frame->r8);
    if (child && !(options & WNOWAIT))
        process_forget(child);
    return 0;
}
