/* Who may do what to what System V's calls give a number: svipc(7). */
#ifndef CAISSON_ENCLAVE_LIBOS_SHARED_IPC_H
#define CAISSON_ENCLAVE_LIBOS_SHARED_IPC_H

#include <asm/ipcbuf.h>

#include "enclave/libos/processes/process.h"

#define IPC_MODE_BITS 0777U
#define IPC_READS     0444U
#define IPC_WRITES    0222U

bool ipc_owns(const struct process *by, const struct ipc64_perm *perm);

/* `wanted` has the bits of a mode, in whichever place. 0 or -EACCES. */
int ipc_check(const struct process *by, const struct ipc64_perm *perm, unsigned wanted);

#endif
