#include "enclave/libos/threads/wait.h"

#include <asm/errno.h>
#include <linux/poll.h>

#include "enclave/libos/clock.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/spent.h"

struct wait_queue wait_files;

static void join(struct wait_queue *queue, struct thread *thread)
{
    struct thread **place = &queue->first;
    while (*place)
        place = &(*place)->next;
    *place = thread;
    thread->next = NULL;
    thread->queue = queue;
}

static void part(struct thread *thread)
{
    struct thread **place = &thread->queue->first;
    while (*place != thread)
        place = &(*place)->next;
    *place = thread->next;
    thread->queue = NULL;
}

void wait_wake_thread(struct thread *thread)
{
    if (thread->queue)
        part(thread);
    thread->is_woken = true;
    lock_wake_later(thread_bit(thread), 0);
}

void wait_wake_all(struct wait_queue *queue)
{
    while (queue->first)
        wait_wake_thread(queue->first);
}

void wait_files_changed(void)
{
    wait_wake_all(&wait_files);
}

/* One stay outside: whether there is something to look at. *is_called when the host says so of what
 * a mirror's thread has to say. */
static bool park(struct thread *thread, uint64_t deadline, const struct door_ready *handles,
                 size_t count, bool *is_called)
{
    struct door_ready call = {.events = POLLIN};
    count = door_put_ready(handles, count);
    if (thread->mirror) {
        call.handle = thread->mirror->handle;
        count = door_add_ready(&call, count);
    }
    lock_release();
    int64_t ready = door_park(deadline, count);
    if (thread->mirror && ready > 0)
        door_get_one_ready(&call, count - 1);
    lock_take();
    *is_called = call.ready != 0;
    return thread->is_woken || (count > 0 && ready > (*is_called ? 1 : 0));
}

/* Whether the wait is over for something that came to this thread itself. */
static bool is_interrupted(const struct thread *thread, bool is_called)
{
    struct thread_mirror *mirror = thread->mirror;
    return mirror ? mirror->is_called(mirror, is_called) : signal_interrupts(thread);
}

int wait_on(struct wait_queue *queue, uint64_t deadline, const struct door_ready *handles,
            size_t count)
{
    struct thread *self = thread_self();
    int result = 0;
    bool is_called = false;
    if (self->is_hasty || (self->mirror && self->mirror->is_hasty))
        return -EAGAIN;
    self->is_woken = false;
    if (queue)
        join(queue, self);
    spent_wait(self);
    for (;;) {
        wait_poll(); /* what woke this thread before, at another stay, may be this one's */
        if (is_interrupted(self, is_called)) {
            result = -EINTR;
            break;
        }
        if (park(self, deadline, handles, count, &is_called))
            break;
        if (deadline != DOOR_FOREVER && clock_now(DOOR_CLOCK_MONOTONIC) >= deadline) {
            result = -ETIMEDOUT;
            break;
        }
    }
    spent_go_on(self);
    if (self->queue)
        part(self);
    return result;
}

uint64_t wait_deadline(uint64_t nanoseconds)
{
    uint64_t now = clock_now(DOOR_CLOCK_MONOTONIC);
    return nanoseconds < DOOR_FOREVER - now ? now + nanoseconds : DOOR_FOREVER;
}
