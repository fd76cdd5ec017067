/* Of clone(2), what makes a process. */
#ifndef CAISSON_ENCLAVE_LIBOS_CALLS_SYSCALL_FORK_H
#define CAISSON_ENCLAVE_LIBOS_CALLS_SYSCALL_FORK_H

#include <linux/sched.h>
#include <linux/types.h>

#include "enclave/libos/program/program.h"

/* Whether these are no thread's flags, but those of fork(2), vfork(2) or posix_spawn(3). */
bool syscall_is_process(const struct clone_args *args);

/* Makes it; `args->stack` is the stack pointer. The number, or a negative errno's. */
uint64_t syscall_make_process(struct program_frame *frame, const struct clone_args *args);

#endif
