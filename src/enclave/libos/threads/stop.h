/*
 * A process that stands still: SIGSTOP and its like, until SIGCONT (signal(7)).
 *
 * The first thread that takes such a signal says so to the first enclave, whose parent hears of it,
 * and stands; the others are interrupted, and stand where they would go on in the program. What
 * they waited for is asked for again. SIGCONT ends it as soon as it is sent (signal.c), whether or
 * not it is blocked or handled. With the lock.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_THREADS_STOP_H
#define CAISSON_ENCLAVE_LIBOS_THREADS_STOP_H

/* This thread has taken the signal: returns when the process goes on, or the thread must end. */
void stop_by(int number);

/* For any thread before it goes on in the program: likewise, if its process stands still. */
void stop_stay(void);

#endif
