/* System calls that set, send and await signals. */
#include <linux/signal.h>
#include <linux/time_types.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/threads/finish.h"
#include "enclave/libos/threads/signal_frame.h"
#include "enclave/libos/threads/wait.h"

#define SET_SIZE  8 /* bytes of a set of signals */
#define INFO_SIZE 128
#define WORDS_AT  16   /* in the kernel's siginfo */
#define STACK_MIN 2048 /* MINSIGSTKSZ */

static struct signal_thread *mine(void)
{
    return &thread_self()->signals;
}

/* A set of the program's. */
static int take_set(uint64_t at, uint64_t size, uint64_t *out)
{
    if (size != SET_SIZE)
        return -EINVAL;
    if (!can_read(at, SET_SIZE))
        return -EFAULT;
    memcpy(out, (const void *)at, SET_SIZE);
    return 0;
}

int syscall_lend_mask(uint64_t at, uint64_t size)
{
    uint64_t set;
    int status = at != 0 ? take_set(at, size, &set) : 0;
    if (at != 0 && status == 0)
        signal_lend_mask(thread_self(), set);
    return status;
}

/* --- setting ---------------------------------------------------------------------------------- */

uint64_t syscall_rt_sigaction(struct program_frame *frame)
{
    struct signal_action wanted, before;
    bool is_set = frame->rsi != 0;
    if (frame->r10 != SET_SIZE)
        return SYSCALL_ERROR(EINVAL);
    if ((is_set && !can_read(frame->rsi, sizeof wanted)) ||
        (frame->rdx != 0 && !can_write(frame->rdx, sizeof before)))
        return SYSCALL_FAULT;
    if (is_set)
        memcpy(&wanted, (const void *)frame->rsi, sizeof wanted);
    int number = frame->rdi <= SIGNALS ? (int)frame->rdi : 0;
    int status = signal_set_action(number, is_set ? &wanted : NULL, &before);
    if (status == 0 && is_set && number == SIGCHLD) {
        bool ignores = wanted.handler == (uintptr_t)SIG_IGN;
        (void)own_make_call(OWN_CHILD_ACTION, ignores, wanted.flags & SA_NOCLDWAIT,
                            wanted.flags & SA_NOCLDSTOP);
    }
    if (status == 0 && frame->rdx != 0)
        memcpy((void *)frame->rdx, &before, sizeof before);
    return (uint64_t)status;
}

static int change_mask(uint64_t how, uint64_t set)
{
    uint64_t mask = mine()->mask;
    switch (how) {
    case SIG_BLOCK:
        mask |= set;
        break;
    case SIG_UNBLOCK:
        mask &= ~set;
        break;
    case SIG_SETMASK:
        mask = set;
        break;
    default:
        return -EINVAL;
    }
    signal_set_mask(thread_self(), mask);
    return 0;
}

uint64_t syscall_rt_sigprocmask(struct program_frame *frame)
{
    uint64_t before = mine()->mask;
    uint64_t set = 0;
    int status = frame->r10 != SET_SIZE ? -EINVAL : 0;
    if (status == 0 && frame->rsi != 0)
        status = take_set(frame->rsi, SET_SIZE, &set);
    if (status == 0 && frame->rdx != 0 && !can_write(frame->rdx, SET_SIZE))
        status = -EFAULT;
    if (status == 0 && frame->rsi != 0)
        status = change_mask(frame->rdi, set);
    if (status == 0 && frame->rdx != 0)
        memcpy((void *)frame->rdx, &before, sizeof before);
    return (uint64_t)status;
}

static int set_stack(const stack_t *wanted)
{
    if (wanted->ss_flags & ~SS_DISABLE)
        return -EINVAL;
    if (!(wanted->ss_flags & SS_DISABLE) && wanted->ss_size < STACK_MIN)
        return -ENOMEM;
    mine()->stack = (uintptr_t)wanted->ss_sp;
    mine()->stack_size = wanted->ss_flags & SS_DISABLE ? 0 : wanted->ss_size;
    return 0;
}

uint64_t syscall_sigaltstack(struct program_frame *frame)
{
    struct signal_thread *signals = mine();
    stack_t wanted;
    bool is_on = frame->rsp > signals->stack && frame->rsp - signals->stack <= signals->stack_size;
    const stack_t before = {.ss_sp = (void *)signals->stack, /* NOLINT: a number */
                            .ss_flags = signals->stack_size == 0 ? SS_DISABLE
                                        : is_on                  ? SS_ONSTACK
                                                                 : 0,
                            .ss_size = signals->stack_size};
    if ((frame->rdi != 0 && !can_read(frame->rdi, sizeof wanted)) ||
        (frame->rsi != 0 && !can_write(frame->rsi, sizeof before)))
        return SYSCALL_FAULT;
    if (frame->rdi != 0) {
        memcpy(&wanted, (const void *)frame->rdi, sizeof wanted);
        int status = is_on ? -EPERM : set_stack(&wanted);
        if (status < 0)
            return (uint64_t)status;
    }
    if (frame->rsi != 0)
        memcpy((void *)frame->rsi, &before, sizeof before);
    return 0;
}

uint64_t syscall_rt_sigreturn(struct program_frame *frame)
{
    if (signal_frame_leave(frame) < 0)
        finish_all(DOOR_DIED | SIGSEGV);
    return frame->rax;
}

/* --- awaiting --------------------------------------------------------------------------------- */

uint64_t syscall_rt_sigpending(struct program_frame *frame)
{
    uint64_t set = signal_pending(thread_self()) & mine()->mask;
    if (frame->rsi > SET_SIZE)
        return SYSCALL_ERROR(EINVAL);
    if (!can_write(frame->rdi, frame->rsi))
        return SYSCALL_FAULT;
    memcpy((void *)frame->rdi, &set, frame->rsi);
    return 0;
}

static uint64_t wait_for_signal(void)
{
    int status = 0;
    while (status == 0)
        status = wait_on(NULL, DOOR_FOREVER, NULL, 0);
    return (uint64_t)status;
}

uint64_t syscall_pause(struct program_frame *frame)
{
    (void)frame;
    return wait_for_signal();
}

uint64_t syscall_rt_sigsuspend(struct program_frame *frame)
{
    uint64_t set;
    int status = take_set(frame->rdi, frame->rsi, &set);
    if (status < 0)
        return (uint64_t)status;
    signal_lend_mask(thread_self(), set);
    return wait_for_signal();
}

static void give_info(uint64_t at, const struct signal_info *info)
{
    uint8_t *out = (uint8_t *)at;
    memset(out, 0, INFO_SIZE);
    memcpy(out, &info->number, sizeof info->number);
    memcpy(out + 8, &info->code, sizeof info->code);
    memcpy(out + WORDS_AT, info->words, sizeof info->words);
}

static int take_awaited(uint64_t set, uint64_t deadline, struct signal_info *info)
{
    struct thread *self = thread_self();
    int number;
    mine()->awaited = set;
    int status = 0;
    while ((number = signal_take(self, set, info)) == 0 && status == 0)
        status = wait_on(NULL, deadline, NULL, 0);
    if (number == 0) /* one that is awaited ends the wait as well */
        number = signal_take(self, set, info);
    mine()->awaited = 0;
    return number != 0 ? number : status == -ETIMEDOUT ? -EAGAIN : status;
}

uint64_t syscall_rt_sigtimedwait(struct program_frame *frame)
{
    struct __kernel_timespec time;
    struct signal_info info;
    uint64_t set;
    uint64_t deadline = DOOR_FOREVER;
    int status = take_set(frame->rdi, frame->r10, &set);
    if (status == 0 && ((frame->rsi != 0 && !can_write(frame->rsi, INFO_SIZE)) ||
                        (frame->rdx != 0 && !can_read(frame->rdx, sizeof time))))
        status = -EFAULT;
    if (status < 0)
        return (uint64_t)status;
    if (frame->rdx != 0) {
        memcpy(&time, (const void *)frame->rdx, sizeof time);
        if (!syscall_deadline(&time, DOOR_CLOCK_MONOTONIC, false, &deadline))
            return SYSCALL_ERROR(EINVAL);
    }
    set &= ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
    int number = take_awaited(set, deadline, &info);
    if (number > 0 && frame->rsi != 0 && can_write(frame->rsi, INFO_SIZE))
        give_info(frame->rsi, &info);
    return (uint64_t)number;
}
