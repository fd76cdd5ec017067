#include "enclave/libos/threads/spent.h"

#include "enclave/libos/clock.h"

static uint64_t ended; /* nanoseconds of threads that are no more */

void spent_begin(struct thread *self)
{
    self->began = clock_now(DOOR_CLOCK_MONOTONIC);
}

void spent_wait(struct thread *self)
{
    if (self->began != 0)
        self->waits_since = clock_now(DOOR_CLOCK_MONOTONIC);
}

void spent_go_on(struct thread *self)
{
    if (self->waits_since != 0)
        self->waited += clock_now(DOOR_CLOCK_MONOTONIC) - self->waits_since;
    self->waits_since = 0;
}

uint64_t spent_thread(const struct thread *thread)
{
    if (thread->state == THREAD_FREE || thread->began == 0)
        return 0;
    uint64_t now = thread->waits_since ? thread->waits_since : clock_now(DOOR_CLOCK_MONOTONIC);
    return now - thread->began - thread->waited;
}

void spent_end(const struct thread *self)
{
    ended += spent_thread(self);
}

void spent_forget(void)
{
    ended = 0;
}

uint64_t spent_process(void)
{
    uint64_t sum = ended;
    for (size_t i = 0; i < THREADS_MAX; i++)
        sum += spent_thread(thread_at(i));
    return sum;
}
