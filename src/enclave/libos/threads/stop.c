#include "enclave/libos/threads/stop.h"

#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/wait.h"

/* All other threads of the process, which run in the program or wait. */
static void interrupt_others(const struct thread *self)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < THREADS_MAX; i++) {
        const struct thread *other = thread_at(i);
        if (other != self && other->state != THREAD_FREE && other->process == self->process &&
            !other->service)
            bits |= thread_bit(other);
    }
    lock_wake_later(bits, bits);
}

/* Signals wait meanwhile: none of them is to be dealt with before. */
static void stand(struct thread *self)
{
    uint64_t mask = self->signals.mask;
    self->signals.mask = UINT64_MAX;
    while (self->process->is_halted && !self->must_end)
        (void)wait_on(NULL, DOOR_FOREVER, NULL, 0);
    self->signals.mask = mask;
}

void stop_stay(void)
{
    struct thread *self = thread_self();
    self->stands = true;
    stand(self);
    self->stands = false;
}

void stop_by(int number)
{
    struct thread *self = thread_self();
    self->process->is_halted = self->stands = true;
    interrupt_others(self);
    bool is_told = own_make_call(OWN_STOPPED, (uint64_t)number, 0, 0) == 0;
    if (is_told)
        stand(self);
    else
        signal_go_on(self->process);
    if (is_told && !self->must_end)
        (void)own_make_call(OWN_STOPPED, 0, 0, 0);
    self->stands = false;
}
