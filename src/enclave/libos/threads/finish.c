#include "enclave/libos/threads/finish.h"

#include <asm/errno.h>
#include <asm/signal.h>
#include <stdatomic.h>

#include "enclave/libos/door/door_calls.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/spent.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/threads/wait.h"

static _Atomic uint64_t outcome;
static atomic_bool is_over;

static void (*tell)(uint64_t result);
static bool (*renew)(uint64_t result);

void finish_tells(void (*wanted)(uint64_t result))
{
    tell = wanted;
}

void finish_renews(bool (*wanted)(uint64_t result))
{
    renew = wanted;
}

/* One thread tells; others wait for the end, which comes of that. */
static void tell_result(uint64_t result)
{
    static const struct thread *teller;
    struct thread *self = thread_self();
    if (!tell || teller == self)
        return;
    self->signals.mask = UINT64_MAX;
    while (teller)
        (void)wait_on(NULL, DOOR_FOREVER, NULL, 0);
    teller = self;
    lock_release();
    tell(result);
    lock_take();
}

_Noreturn void finish_all(uint64_t result)
{
    if (renew && !is_over && renew(result))
        program_end(PROGRAM_RENEWED);
    tell_result(result);
    uint64_t all = thread_bits(thread_self());
    if (!is_over)
        outcome = result;
    is_over = true;
    lock_end();
    lock_wake_later(all, all);
    lock_release();
    program_end(outcome);
}

/* Whatever the lost thread holds stays held. The host wakes the others, or they stay where they
 * are. */
void finish_lost(void)
{
    outcome = DOOR_DIED | SIGKILL;
    is_over = true;
    lock_end();
}

bool finish_outcome(uint64_t *result)
{
    bool over = is_over;
    *result = outcome;
    return over;
}

_Noreturn void lock_given_up(void)
{
    program_end(outcome);
}

static struct wait_queue thread_ended;

/* Those that wait or run in the program end when they are about to go on there (deliver.c). */
static uint64_t tell_others(const struct thread *self)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < THREADS_MAX; i++) {
        struct thread *other = thread_at(i);
        if (other == self || other->state == THREAD_FREE || other->service)
            continue;
        other->must_end = true;
        bits |= thread_bit(other);
    }
    return bits;
}

int finish_others(void)
{
    struct thread *self = thread_self();
    uint64_t mask = self->signals.mask;
    if (self->must_end)
        return -EINTR;
    self->signals.mask = UINT64_MAX;
    for (uint64_t others; (others = tell_others(self)) != 0;) {
        lock_wake_later(others, others);
        (void)wait_on(&thread_ended, DOOR_FOREVER, NULL, 0);
    }
    signal_set_mask(self, mask);
    self->number = process_self()->number;
    return 0;
}

_Noreturn void finish_thread(uint64_t code)
{
    if (thread_count() == 1)
        finish_all(code & DOOR_CODE);
    wait_wake_all(&thread_ended);
    signal_forget(thread_self());
    spent_end(thread_self());
    thread_free(thread_self());
    lock_release();
    program_end(DOOR_ENDED);
}
