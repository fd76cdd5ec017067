/* What the program of this enclave was started with: what /proc tells of it. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_FACTS_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_FACTS_H

#include "enclave/libos/files/vfs.h"
#include "enclave/libos/program/load.h"
#include "enclave/libos/threads/thread.h"

struct program_facts {
    char path[PROGRAM_PATH_MAX]; /* of the file that was loaded, from the root on */
    struct node *file;           /* counted */
    char name[THREAD_NAME_SIZE]; /* of its first thread, when it begins */
    /* Addresses in the program's memory, which may have changed what lies there. */
    uint64_t arguments, environment, words_end; /* texts, one behind another */
    uint64_t auxiliary, auxiliary_end;
    uint64_t stack, stack_end;
    uint64_t heap;    /* where brk begins */
    uint64_t started; /* nanoseconds of the host's monotonic clock */
};

/* Those of the program that runs in this enclave; all zero before there is one. */
const struct program_facts *program_facts(void);

/* A program has been loaded and is about to run: `named` is the path that was asked for, `path`
 * that of its file or its interpreter, `stack` what program_stack() made. */
void program_facts_begin(struct vfs *vfs, const char *named, const char *path,
                         const struct program *program, uint64_t stack);

/* Forgets them. */
void program_facts_end(void);

#endif
