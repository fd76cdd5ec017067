#include "enclave/libos/threads/finish.h"

#include <asm/signal.h>
#include <stdatomic.h>

#include "enclave/libos/door/door_calls.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"

static _Atomic uint64_t outcome;
static atomic_bool is_over;

_Noreturn void finish_all(uint64_t result)
{
    uint64_t all = thread_bits();
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

_Noreturn void finish_thread(uint64_t code)
{
    if (thread_count() == 1)
        finish_all(code & DOOR_CODE);
    signal_forget(thread_self());
    thread_free(thread_self());
    lock_release();
    program_end(DOOR_ENDED);
}
