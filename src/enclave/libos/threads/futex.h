/*
 * futex(2): waiting for a word of the program's memory to change. Callers hold the lock and have
 * checked the addresses; both the look at the word and every wake happen under the lock, so that
 * none gets lost. Private and shared are the same. Of words in memory that is shared with other
 * enclaves (shared/shared.h) both happen in the first one, by an object and an offset in it; the
 * lock is let go meanwhile.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_THREADS_FUTEX_H
#define CAISSON_ENCLAVE_LIBOS_THREADS_FUTEX_H

#include <stdint.h>

#define FUTEX_ALL UINT32_MAX /* any bits */

/* 0 when woken, -EAGAIN where the word has another value, -ETIMEDOUT, -EINTR. */
int futex_wait(uint64_t address, uint32_t value, uint32_t bits, uint64_t deadline);

/* Those that were woken, `count` at most. */
int futex_wake(uint64_t address, uint32_t count, uint32_t bits);

/* The same by an object; 0 is this enclave's memory, by addresses. Who waits has looked at the word
 * under the lock. */
int futex_wait_shared(uint32_t object, uint64_t offset, uint32_t bits, uint64_t deadline);
int futex_wake_shared(uint32_t object, uint64_t offset, uint32_t count, uint32_t bits);

/* Wakes some, and has others wait for another word: those that were woken or moved. Of a shared
 * word all of them are woken. */
int futex_requeue(uint64_t from, uint64_t to, uint32_t wake, uint32_t move);

/* FUTEX_WAKE_OP: `operation` as futex(2) encodes it. -ENOSYS for one that is not there. */
int futex_wake_op(uint64_t first, uint64_t second, uint32_t wake, uint32_t wake_second,
                  uint32_t operation);

/* Of a robust lock whose owner ends: marks it so and wakes one that waits (futex(2), "The robust
 * futex lists"). */
void futex_owner_died(uint64_t address, uint32_t owner);

#endif
