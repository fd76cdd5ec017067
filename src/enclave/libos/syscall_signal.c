/* Signals, of which none comes yet: what a program sets is kept, and told when it asks. */
#include <asm/signal.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/syscall_parts.h"

#define SIGNALS  64
#define SET_SIZE 8 /* bytes */

/* The kernel's struct for x86-64. */
struct action {
    uint64_t handler, flags, restorer, mask;
};

static struct action actions[SIGNALS + 1];
static uint64_t mask;

uint64_t syscall_rt_sigaction(struct program_frame *frame)
{
    uint64_t number = frame->rdi;
    struct action wanted;
    if (frame->r10 != SET_SIZE || number < 1 || number > SIGNALS ||
        (frame->rsi != 0 && (number == SIGKILL || number == SIGSTOP)))
        return SYSCALL_ERROR(EINVAL);
    if ((frame->rsi != 0 && !can_read(frame->rsi, sizeof wanted)) ||
        (frame->rdx != 0 && !can_write(frame->rdx, sizeof wanted)))
        return SYSCALL_FAULT;
    if (frame->rsi != 0)
        memcpy(&wanted, (const void *)frame->rsi, sizeof wanted);
    if (frame->rdx != 0)
        memcpy((void *)frame->rdx, &actions[number], sizeof wanted);
    if (frame->rsi != 0)
        actions[number] = wanted;
    return 0;
}

static int change_mask(uint64_t how, uint64_t set)
{
    switch (how) {
    case SIG_BLOCK:
        mask |= set;
        return 0;
    case SIG_UNBLOCK:
        mask &= ~set;
        return 0;
    case SIG_SETMASK:
        mask = set;
        return 0;
    default:
        return -EINVAL;
    }
}

uint64_t syscall_rt_sigprocmask(struct program_frame *frame)
{
    uint64_t before = mask;
    if (frame->r10 != SET_SIZE)
        return SYSCALL_ERROR(EINVAL);
    if ((frame->rsi != 0 && !can_read(frame->rsi, SET_SIZE)) ||
        (frame->rdx != 0 && !can_write(frame->rdx, SET_SIZE)))
        return SYSCALL_FAULT;
    if (frame->rsi != 0) {
        uint64_t set;
        memcpy(&set, (const void *)frame->rsi, sizeof set);
        int status = change_mask(frame->rdi,
                                 set & ~(1ULL << (SIGKILL - 1) | 1ULL << (SIGSTOP - 1)));
        if (status < 0)
            return (uint64_t)status;
    }
    if (frame->rdx != 0)
        memcpy((void *)frame->rdx, &before, sizeof before);
    return 0;
}
