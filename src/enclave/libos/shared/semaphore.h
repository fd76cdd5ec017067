/*
 * Sets of System V semaphores (semget(2)), for all processes of the container: in the first
 * enclave, under its lock.
 *
 * The operations of one call are done together or not at all. Who cannot do them yet waits until
 * something of the set has changed, and tries again; the set may have gone then. What SEM_UNDO is
 * to take back is kept by process, and is done at its end (exit, a signal, an enclave that is
 * gone).
 */
#ifndef CAISSON_ENCLAVE_LIBOS_SHARED_SEMAPHORE_H
#define CAISSON_ENCLAVE_LIBOS_SHARED_SEMAPHORE_H

#include <linux/sem.h>

#include "enclave/libos/processes/process.h"

#define SEMAPHORE_SETS_MAX       128
#define SEMAPHORES_MAX           512 /* of a set */
#define SEMAPHORE_OPERATIONS_MAX 500 /* of a call */
#define SEMAPHORE_VALUE_MAX      32767

/* A command of the library OS' own beside semctl(2)'s: how many the set has. */
#define SEMAPHORE_COUNT 0x1000U

/* What commands tell, or take: so many bytes of it. */
struct semaphore_told {
    uint32_t size;
    union {
        struct semid64_ds state;
        struct seminfo info;
        uint16_t values[SEMAPHORES_MAX];
    };
};

/* semget(2): an id or a negative errno. */
int semaphore_get(const struct process *by, int key, int count, unsigned flags);

/* semctl(2): as it answers. `value` is SETVAL's. */
int semaphore_control(const struct process *by, int id, int number, unsigned command, int value,
                      struct semaphore_told *told);

/* semtimedop(2): 0, or a negative errno; -EAGAIN also when the deadline has come. */
int semaphore_operate(const struct process *by, int id, const struct sembuf *operations,
                      size_t count, uint64_t deadline);

/* A process has ended. */
void semaphore_left(int process);

#endif
