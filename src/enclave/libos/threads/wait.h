/*
 * Waiting: a thread that cannot go on joins a queue, lets go of the lock and parks at the host.
 *
 * Whoever changes what others wait for wakes its queue. Being woken, a spurious return of the
 * host's, a handle that is ready: whoever waited looks again, and relies on none of them. What it
 * looks at may have gone meanwhile: files need a reference, the program's memory a new check.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_THREADS_WAIT_H
#define CAISSON_ENCLAVE_LIBOS_THREADS_WAIT_H

#include "enclave/libos/threads/thread.h"

/* All zero is an empty one. */
struct wait_queue {
    struct thread *first;
};

/* Where threads wait for files to change, and what says that some have (pipe.h, file_changed). */
extern struct wait_queue wait_files;
void wait_files_changed(void);

/* With the lock. Waits until the queue (or NULL) is woken, one of the host's handles is ready, or
 * the host's monotonic clock has reached the deadline (DOOR_FOREVER: none). 0 to look again,
 * -ETIMEDOUT, or -EINTR when a signal is to be dealt with. */
int wait_on(struct wait_queue *queue, uint64_t deadline, const struct door_ready *handles,
            size_t count);

/* Looks for what else the host may have woken or interrupted a thread for: signals of the gate,
 * timers (deliver.c; a test's own where there is no enclave). */
void wait_poll(void);

/* Takes this thread out of its queue, and wakes it. */
void wait_wake_thread(struct thread *thread);
void wait_wake_all(struct wait_queue *queue);

/* The deadline that is so many nanoseconds away. */
uint64_t wait_deadline(uint64_t nanoseconds);

#endif
