/* How long an instruction of x86-64 is, and where it leads: no more than sites.h needs to know. The
 * bytes are hostile; what this does not know is no instruction. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_X86_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define X86_SIZE_MAX 15

struct x86_instruction {
    uint8_t size;     /* bytes */
    bool is_relative; /* a branch to `distance` from the next instruction */
    bool uses_rip;    /* an operand in memory, relative to the next instruction */
    bool ends;        /* what follows is reached otherwise, if at all: RET, JMP, HLT, UD2, INT3 */
    int32_t distance;
};

/* False where no instruction that is known lies within these bytes. Intel SDM volume 2, chapter 2
 * and appendix A; for 64-bit mode, without APX. */
bool x86_read(const uint8_t *code, size_t size, struct x86_instruction *out);

/* Its bytes alone, which is quicker; 0 where there is none. */
size_t x86_size(const uint8_t *code, size_t size);

#endif
