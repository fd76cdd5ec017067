/* A process that was made by vfork(2) begins a program: in an enclave of its own. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROCESSES_SPAWN_H
#define CAISSON_ENCLAVE_LIBOS_PROCESSES_SPAWN_H

#include "enclave/libos/program/load.h"
#include "enclave/libos/program/program.h"

/* With the lock, in a thread that is such a process (persona.h): it is what it was again, and what
 * the call answers is its. The program was found already. -EAGAIN where there is no enclave for it,
 * -ENOMEM: it still is that process. */
int spawn_program(struct program_frame *frame, const struct program_name *name,
                  const struct program_words *words);

#endif
