/* System calls of a process of fork(2) that is in its parent's enclave still (processes/fork.h). */
#ifndef CAISSON_ENCLAVE_LIBOS_CALLS_SYSCALL_FORKED_H
#define CAISSON_ENCLAVE_LIBOS_CALLS_SYSCALL_FORKED_H

#include "enclave/libos/calls/syscall.h"

/* Makes the call by `make`, or has the process move and make it in its own enclave: then *frame is
 * the parent's, with the answer of fork(2), which is returned. */
uint64_t syscall_forked(struct program_frame *frame, syscall_fn *make);

#endif
