/*
 * The one lock of the library OS, held during a system call and let go while a thread waits.
 *
 * Theory of operation: whoever finds it taken turns a little, then sets its bit among those that
 * wait, tries once more, and parks at the host. Whoever lets go wakes one of them. A host that
 * wakes nobody holds the program up; one that wakes at will only makes threads look again.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_THREADS_LOCK_H
#define CAISSON_ENCLAVE_LIBOS_THREADS_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Does not return, without the lock, when the program is over: lock_given_up(). */
void lock_take(void);
void lock_release(void);

/* For the gate's thread, which is none of those that are woken by bits, and waits for nothing while
 * it has the lock. It gets it also when the program is over; false where nobody lets go of it any
 * more. */
bool lock_take_by_gate(void);

/* The gate's thread looks (DOOR_CALLED) when the lock is let go. */
void lock_wake_gate_later(void);

/* The holder goes on having it, whatever lock_take() and lock_release() it comes by, until it has
 * called the second one as often as the first: for who waits for another enclave in the middle of
 * something (shared/shared.h). Others wait as long. */
void lock_keep(void);
void lock_keep_no_more(void);
bool lock_is_kept(void); /* by this thread */

/* Wakes these threads (of thread_bit()) when the lock is let go, and interrupts those of
 * `kicked` if they run in the program. */
void lock_wake_later(uint64_t bits, uint64_t kicked);

/* Whether this thread is one of `kicked` and has not looked at what there is to do since then. It
 * takes that with the lock, before it looks. */
bool lock_is_kicked(void);
void lock_take_kick(void);

/* From now on nobody gets the lock, whoever holds it. */
void lock_end(void);

/* Ends this thread of a program that is over; a test's own where there is no enclave. */
_Noreturn void lock_given_up(void);

#endif
