#include "enclave/libos/threads/deliver.h"

#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/unistd_64.h>

#include "enclave/libos/door/door.h"
#include "enclave/libos/log.h"
#include "enclave/libos/processes/fork.h"
#include "enclave/libos/processes/persona.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/threads/alarm.h"
#include "enclave/libos/threads/finish.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/posted.h"
#include "enclave/libos/threads/signal_frame.h"
#include "enclave/libos/threads/stop.h"
#include "enclave/libos/threads/wait.h"

extern __attribute__((visibility("hidden"))) const uint8_t __ehdr_start[];

/* signal(7): these are interrupted whatever SA_RESTART says. futex(2) is with a time. */
static bool may_restart(const struct program_frame *frame)
{
    switch (frame->number) {
    case __NR_poll:
    case __NR_ppoll:
    case __NR_select:
    case __NR_pselect6:
    case __NR_epoll_wait:
    case __NR_epoll_pwait:
    case __NR_epoll_pwait2:
    case __NR_nanosleep:
    case __NR_clock_nanosleep:
    case __NR_pause:
    case __NR_rt_sigsuspend:
    case __NR_rt_sigtimedwait:
    case __NR_semop:
    case __NR_semtimedop:
        return false;
    case __NR_futex:
        return frame->r10 == 0;
    default:
        return true;
    }
}

/* A thread that is another process for a while goes on as what it was. */
static void end_by(struct program_frame *frame, int number)
{
    if (persona_is_there()) {
        (void)persona_end(frame, DOOR_DIED | (unsigned)number);
        return;
    }
    if (!remote_is_child()) /* whose parent is told */
        log_number("the program ended by the signal ", (uint64_t)number);
    finish_all(DOOR_DIED | (unsigned)number);
}

static void enter(struct program_frame *frame, const struct signal_info *info,
                  const struct thread_exception *fault, bool was_interrupted)
{
    const struct signal_action *action = signal_action(info->number);
    bool again = was_interrupted && action->flags & SA_RESTART && may_restart(frame);
    uint64_t flags = action->flags;
    if (signal_frame_enter(frame, info, fault, again) < 0) {
        end_by(frame, SIGSEGV); /* no stack for the handler */
        return;
    }
    if (flags & SA_RESETHAND) {
        const struct signal_action none = {0};
        (void)signal_set_action(info->number, &none, NULL);
    }
}

void deliver_look_again(void)
{
    if (lock_is_kicked() || posted_is_there())
        program_want();
}

void wait_poll(void)
{
    posted_take();
    alarm_poll();
}

/* --- what becomes of them -------------------------------------------------------------------- */

static bool stops(int number)
{
    return SIGNAL_STOPS & SIGNAL_BIT(number) &&
           signal_action(number)->handler == (uintptr_t)SIG_DFL;
}

static bool is_to_stop(const struct thread *self)
{
    uint64_t bits = signal_pending(self) & ~self->signals.mask & SIGNAL_STOPS;
    for (; bits != 0; bits &= bits - 1) {
        if (stops(__builtin_ctzll(bits) + 1))
            return true;
    }
    return false;
}

/* Its parent does not stand still with it: it moves, and stops there. */
static bool leave_to_stop(struct program_frame *frame)
{
    bool again = frame->number != PROGRAM_NO_CALL && frame->rax == (uint64_t)-EINTR;
    if (again)
        frame->rax = frame->number;
    (void)fork_move(frame, again ? frame->number : PROGRAM_NO_CALL);
    return deliver_signals(frame);
}

bool deliver_signals(struct program_frame *frame)
{
    static const struct thread_exception nothing;
    struct thread *self = thread_self();
    struct signal_thread *signals = &self->signals;
    bool was_interrupted = frame->number != PROGRAM_NO_CALL && frame->rax == (uint64_t)-EINTR;
    bool is_handled = false;
    struct signal_info info;
    lock_take_kick();
    posted_take(); /* a wake may have come while this thread was outside */
    if (self->must_end && persona_is_there())
        (void)persona_end(frame, DOOR_DIED | SIGKILL);
    if (self->must_end) {
        remote_end_thread();
        finish_thread(0);
    }
    if (self->process->is_halted)
        stop_stay();
    if (persona_is_forked() && is_to_stop(self))
        return leave_to_stop(frame);
    while (signal_take(self, ~signals->mask, &info) != 0) {
        if (signal_is_ignored(info.number))
            continue;
        if (stops(info.number)) {
            stop_by(info.number);
            return deliver_signals(frame);
        }
        if (signal_action(info.number)->handler == (uintptr_t)SIG_DFL) {
            end_by(frame, info.number);
            return deliver_signals(frame);
        }
        enter(frame, &info, &nothing, was_interrupted && !is_handled);
        is_handled = true;
    }
    if (signals->has_before) {
        signals->has_before = false;
        signal_set_mask(self, signals->before);
        return deliver_signals(frame); /* what the mask before lets through */
    }
    if (!was_interrupted || is_handled)
        return false;
    frame->rax = frame->number;
    return true;
}

/* --- exceptions ------------------------------------------------------------------------------- */

static struct signal_info describe(const struct program_frame *frame,
                                   const struct thread_exception *exception)
{
    uint64_t rip = frame->rip;
    switch (exception->vector) {
    case 0:
        return (struct signal_info){SIGFPE, FPE_INTDIV, {rip}};
    case 1:
        return (struct signal_info){SIGTRAP, TRAP_TRACE, {rip}};
    case 3:
        return (struct signal_info){SIGTRAP, SI_KERNEL, {0}};
    case 6:
        return (struct signal_info){SIGILL, ILL_ILLOPN, {rip}};
    case 14: /* a page that is mapped does not allow it */
        if (exception->is_lost)
            return (struct signal_info){SIGBUS, BUS_ADRERR, {exception->address}};
        return (struct signal_info){
            SIGSEGV,
            memory_allows(exception->address, 1, 0) ? SEGV_ACCERR : SEGV_MAPERR,
            {exception->address}};
    case 16:
    case 19:
        return (struct signal_info){SIGFPE, FPE_FLTINV, {rip}};
    case 17:
        return (struct signal_info){SIGBUS, BUS_ADRALN, {0}};
    default:
        return (struct signal_info){SIGSEGV, SI_KERNEL, {0}};
    }
}

void deliver_exception(struct program_frame *frame, const struct thread_exception *exception)
{
    const struct signal_info info = describe(frame, exception);
    uint64_t handler = signal_action(info.number)->handler;
    bool is_blocked = thread_self()->signals.mask & SIGNAL_BIT(info.number);
    if (!is_blocked && handler != (uintptr_t)SIG_DFL && handler != (uintptr_t)SIG_IGN) {
        enter(frame, &info, exception, false);
        return;
    }
    if (persona_is_there()) {
        end_by(frame, info.number);
        return;
    }
    log_number("the program ended by the exception ", exception->vector);
    log_number("at ", frame->rip - (uintptr_t)__ehdr_start);
    log_number("accessing ", exception->address);
    finish_all(DOOR_DIED | (unsigned)info.number);
}
