/*
 * Signals that come from outside of the lock: from the gate, and in a child's enclave by its wire.
 * Who posts wakes all threads; whichever has the lock first takes them, and from then on they are
 * like any other.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_THREADS_POSTED_H
#define CAISSON_ENCLAVE_LIBOS_THREADS_POSTED_H

#include <stdatomic.h>

#include "enclave/libos/threads/signal.h"

/* A signal of 1 to SIGNALS for the process, which the gate has allowed: by the gate's thread,
 * without the lock. */
void posted_put(int number);

/* Likewise, with all that it tells, for a process of this enclave: by one thread alone, which has
 * no struct thread. Waits for room, which the program's threads make whatever they mask, or for
 * their end: then the signal is nobody's. */
void posted_put_info(int process, const struct signal_info *info, const atomic_bool *is_over);

/* Whether some wait to be taken. */
bool posted_is_there(void);

/* With the lock: they are sent. */
void posted_take(void);

/* With the lock, around what lets this enclave know another process: the first enclave, which makes
 * it, may send it signals before its number is known here. What is for a process that nobody knows
 * waits meanwhile, and so does what came behind it; else it is nobody's. They nest. */
void posted_hold(void);
void posted_go_on(void);

#endif
