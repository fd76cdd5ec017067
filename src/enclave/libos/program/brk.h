/* The program's heap as brk(2) has it: between the program and PROGRAM_HEAP_SIZE behind it. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_BRK_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_BRK_H

#include <stdint.h>

struct brk {
    uint64_t begin, now; /* addresses: of its beginning and its end, */
    uint64_t most;       /* and where it ended at most */
};

/* An empty one of a new program; its pages are mapped already. */
void brk_begin(uint64_t at);

/* brk(2): where it ends then, which is where it did if that cannot be. */
uint64_t brk_move(uint64_t wanted);

/* For another enclave with the same memory, and from one: -EINVAL for what is not in the program's
 * memory. */
struct brk brk_get(void);
int brk_set(const struct brk *from);

#endif
