/*
 * Enclaves that have arrived and wait for an order: new ones, and those whose process has ended
 * (order.h).
 *
 * A process can write into all of its enclave, into what the library OS has there, too. So one that
 * has run a process is used again only for those that may do just the same: of the same users,
 * groups and capabilities, below the container's root, and not started from outside. The host sees
 * that it is used again.
 *
 * In the first enclave, with the lock.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROCESSES_SPARES_H
#define CAISSON_ENCLAVE_LIBOS_PROCESSES_SPARES_H

#include <stdbool.h>
#include <stddef.h>

#include "enclave/libos/processes/process.h"

struct line;
struct wire;

#define SPARES_NEW  1 /* at most */
#define SPARES_USED 4 /* likewise */

/* Whether the enclave of this process may be another one's, and the other way round. */
bool spares_may_share(const struct process *process);

/* The thread of this wire waits, lock let go, until a line takes the enclave, which is returned;
 * NULL where it has ended, or is to go. `ran` is who its processes were, NULL of a new one. There
 * is a limit of each. */
struct line *spares_wait(struct wire *wire, const struct identity *ran);

/* One that this process may have, for the line, which its thread gets from then on: its wire; NULL
 * for none. Those that have run something come first. */
struct wire *spares_take(const struct process *process, struct line *line);
bool spares_has(const struct process *process);

/* How many nobody has taken: each has a thread. */
size_t spares_count(void);

/* All of them go: how many. */
size_t spares_dismiss(void);

#endif
