/* A child's enclave: the first thread of its process. What serves its process wire is child_serve()
 * (wire/child.h). */
#ifndef CAISSON_ENCLAVE_LIBOS_PROCESSES_CHILD_H
#define CAISSON_ENCLAVE_LIBOS_PROCESSES_CHILD_H

#include "enclave/libos/program/program.h"

/* In the place of the first thread, by program_serve(): loads what the order says, so that *frame
 * (struct program_frame) can be run, and comes back with PROGRAM_BEGINS, or with what the program
 * came to, which has ended already. */
_Noreturn void child_load(void *frame);

#endif
