/* fork(2): a copy of this process, in an enclave of its own. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROCESSES_FORK_H
#define CAISSON_ENCLAVE_LIBOS_PROCESSES_FORK_H

#include "enclave/libos/program/snapshot.h"

/* With the lock, which is let go meanwhile: its number. `exit_signal` is the one of its end.
 * -EAGAIN where there is no enclave for it, -ENOMEM. */
int fork_process(int exit_signal, const struct snapshot_thread *thread);

#endif
