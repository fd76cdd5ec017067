/* From the program's file to memory and a stack with which it can begin. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_LOAD_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "enclave/libos/files/vfs.h"
#include "enclave/libos/program/script.h"

struct program {
    uint64_t start; /* addresses: of the interpreter, where there is one, else the entry */
    uint64_t entry;
    uint64_t interpreter; /* where it begins, or 0 */
    uint64_t headers;
    uint64_t header_count;
    uint32_t uid, gid; /* whose it is, as the auxiliary vector tells; set by the caller */
    uint64_t heap; /* where brk begins: pages that are mapped already, PROGRAM_HEAP_SIZE bytes */
};

#define PROGRAM_HEAP_SIZE  (UINT64_C(16) << 20)
#define PROGRAM_STACK_SIZE (UINT64_C(1) << 20) /* bytes */

#define PROGRAM_PATH_MAX 4096 /* bytes with the end */

/* The program that runs when the words are to: what their path names, or, where that is a script,
 * its interpreter; the words are its then. Those that are not the caller's any more are never
 * freed. What opening a file says, -ENOEXEC, -ELOOP for too many scripts. */
int program_find(struct vfs *vfs, struct program_words *words, char path[PROGRAM_PATH_MAX]);

/* Loads the file of this path, and its dynamic linker. -ENOEXEC for a file that is no program (the
 * log says why), -EACCES for one that may not be executed, -EIO, -ENOMEM, or what finding it says.
 */
int program_load(struct vfs *vfs, const char *path, struct program *out);

/* A stack with the texts (the path, the arguments, the environment, each with its end) and the
 * auxiliary vector: its pointer. -E2BIG when the words have more than a quarter of it, -EINVAL when
 * they are not as many as is said. */
int program_stack(const struct program *program, const char *words, size_t size, size_t arguments,
                  size_t environment, uint64_t *stack);

#endif
