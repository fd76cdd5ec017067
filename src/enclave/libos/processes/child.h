/* A child's enclave: the first thread of its process. What serves its process wire is child_serve()
 * (wire/child.h). */
#ifndef CAISSON_ENCLAVE_LIBOS_PROCESSES_CHILD_H
#define CAISSON_ENCLAVE_LIBOS_PROCESSES_CHILD_H

#include <stdbool.h>

#include "enclave/libos/program/program.h"

/* Whether there is an order, which nobody has taken: true once, in a child's enclave alone. */
bool child_take_program(void);

/* For another order, which is taken then: in the first thread, without the lock, where the process
 * before is over (PROGRAM_RENEWED). Does not come back when there is none: the enclave ends. */
void child_await_program(void);

/* What was taken, in the place of the first thread, by program_serve(): loads what the order says,
 * so that *frame (struct program_frame) can be run, and comes back with PROGRAM_BEGINS, or with
 * what the program came to, which has ended already. */
_Noreturn void child_load(void *frame);

#endif
