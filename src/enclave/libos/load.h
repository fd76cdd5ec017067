/* From the program's file to memory and a stack with which it can begin. */
#ifndef CAISSON_ENCLAVE_LIBOS_LOAD_H
#define CAISSON_ENCLAVE_LIBOS_LOAD_H

#include <stddef.h>
#include <stdint.h>

struct program {
    uint64_t entry; /* addresses */
    uint64_t headers;
    uint64_t header_count;
    uint64_t heap; /* where brk begins: pages that are mapped already, PROGRAM_HEAP_SIZE bytes */
};

#define PROGRAM_HEAP_SIZE  (UINT64_C(16) << 20)
#define PROGRAM_STACK_SIZE (UINT64_C(1) << 20) /* bytes */

/* Reads it from a disk of the host's, whose bytes nothing checks yet. -ENOEXEC for a file that is
 * no program (the log says why), -EIO, -ENOMEM. */
int program_load(uint32_t disk, struct program *out);

/* A stack with the words (door_calls.h) and the auxiliary vector: its pointer. -E2BIG when the
 * words have more than a quarter of it, -EINVAL when they are not as many as is said. */
int program_stack(const struct program *program, const char *words, size_t size, size_t arguments,
                  size_t environment, uint64_t *stack);

#endif
