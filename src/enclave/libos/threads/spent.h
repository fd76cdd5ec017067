/*
 * How long threads of this enclave's program have worked: the time since they began, less what they
 * have waited. A host that lets a thread stand still is not seen. All of it under the lock.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_THREADS_SPENT_H
#define CAISSON_ENCLAVE_LIBOS_THREADS_SPENT_H

#include "enclave/libos/threads/thread.h"

/* This thread begins, begins to wait, goes on, and has ended. */
void spent_begin(struct thread *self);
void spent_wait(struct thread *self);
void spent_go_on(struct thread *self);
void spent_end(const struct thread *self);
/* For another process: none has ended. */
void spent_forget(void);

/* Nanoseconds: of a thread, and of all, also those that have ended. */
uint64_t spent_thread(const struct thread *thread);
uint64_t spent_process(void);

#endif
