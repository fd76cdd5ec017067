/* How the program that runs in this enclave ends, and a thread of it. */
#ifndef CAISSON_ENCLAVE_LIBOS_THREADS_FINISH_H
#define CAISSON_ENCLAVE_LIBOS_THREADS_FINISH_H

#include <stdbool.h>
#include <stdint.h>

/* Before the program runs: what is called once, without the lock, before it is over. */
void finish_tells(void (*tell)(uint64_t result));

/* Likewise: what is called first, with the lock. True, without the lock, where only this thread's
 * program is over: the enclave goes on, and program_run() comes back with PROGRAM_RENEWED. */
void finish_renews(bool (*renew)(uint64_t result));

/* With the lock. Ends all threads; the first result (door_calls.h) counts. */
_Noreturn void finish_all(uint64_t result);

/* A thread of the library OS went wrong, and is lost: no other goes on. */
void finish_lost(void);

/* Whether the program is over, and what it came to (door_calls.h). Without the lock. */
bool finish_outcome(uint64_t *result);

/* With the lock, for another program: ends all other threads, waits until they are gone, and makes
 * this one the first. -EINTR when this thread is itself to end; signals are not looked at. */
int finish_others(void);

/* With the lock: this thread ends, and with the last one the program, by this exit code. */
_Noreturn void finish_thread(uint64_t code);

#endif
