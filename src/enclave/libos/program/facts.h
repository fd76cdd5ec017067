/* Where in memory lies what the program of this enclave was started with, for /proc. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_FACTS_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_FACTS_H

#include "enclave/libos/files/vfs.h"
#include "enclave/libos/program/load.h"
#include "enclave/libos/threads/thread.h"

struct program_facts {
    /* Addresses in the program's memory, which may have changed what lies there. */
    uint64_t arguments, environment, words_end; /* texts, one behind another */
    uint64_t auxiliary, auxiliary_end;
    uint64_t stack, stack_end;
    uint64_t heap;    /* where brk begins */
    uint64_t started; /* nanoseconds of the host's monotonic clock */
};

/* Those of the program that runs in this enclave; all zero before there is one. */
const struct program_facts *program_facts(void);

/* A program has been loaded and is about to run: `stack` is what program_stack() made. */
void program_facts_begin(const struct program *program, uint64_t stack);

#endif
