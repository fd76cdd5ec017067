/*
 * Programs beside the first process, for work with what strangers send: each on the disk of parts,
 * whose digest is measured; each run as nobody, without privileges, and with its standard
 * descriptors alone.
 */
#ifndef CAISSON_GUEST_PROGRAM_H
#define CAISSON_GUEST_PROGRAM_H

#include <sys/types.h>

#include "base/error.h"

struct program {
    const char *name; /* of its part */
    int ends[3];      /* become 0, 1 and 2; -1 for one that it has not */
    size_t file_size; /* bytes that it may write to a file */
    unsigned int cpu; /* seconds of CPU time; 0 for no limit */
};

/* Takes the program from the disk of parts: a descriptor, which is the caller's. */
int program_open(const char *part, struct error *err);

/* Starts it; it ends with its parent. The process is the caller's to reap. */
pid_t program_start(int executable, const struct program *program, struct error *err);

#endif
