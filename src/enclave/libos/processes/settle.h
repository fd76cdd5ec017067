/* How a process that the first enclave has made gets an enclave in which it begins a program. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROCESSES_SETTLE_H
#define CAISSON_ENCLAVE_LIBOS_PROCESSES_SETTLE_H

#include "enclave/libos/processes/order.h"

/* What every order for the process says; its secret is the caller's to wipe. */
struct order settle_order(const struct process *process, enum order_kind kind);

/* With the lock, which is let go meanwhile: sends the order, whose `path_size` and `size` are those
 * of the path and of what is in `texts`. Signals for the process wait in its line from then on,
 * which is to be started. -EAGAIN where there is no enclave for it. */
int settle_program(struct process *process, const struct order *order, const char *path,
                   const void *texts);

/* The same, and the process runs. */
int settle_and_run(struct process *process, const struct order *order, const char *path,
                   const void *texts);

#endif
