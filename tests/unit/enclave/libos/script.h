/* A list of file operations, run on Linux or on the library OS, with what each answers as text. */
#ifndef CAISSON_TESTS_LIBOS_SCRIPT_H
#define CAISSON_TESTS_LIBOS_SCRIPT_H

#include <stdint.h>

#include "base/buf.h"
#include "enclave/libos/files/vfs.h"

struct operation {
    const char *verb;
    const char *path;
    const char *other; /* a second path, a name, or bytes */
    uint64_t number;   /* a mode, flags, a size */
    uint64_t number2;
};

/* Runs them in the process' own root, as the system has them. */
void script_run_system(const struct operation *operations, size_t count, struct buf *out);
/* The same in the library OS. */
void script_run_vfs(struct vfs *vfs, const struct operation *operations, size_t count,
                    struct buf *out);

/* Says of everything below the root what it is, in the order of names. */
void script_dump_system(const char *path, struct buf *out);
void script_dump_vfs(struct vfs *vfs, const char *path, struct buf *out);

#endif
