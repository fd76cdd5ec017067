/*
 * For functions that use vector registers inside an enclave, whose code is compiled without them,
 * since they are the program's: they are kept meanwhile. What is above their lowest 128 bits is
 * not: only instructions that do not touch it may be used (SSE, SHA, AES; not AVX).
 *
 *     KEPT_VECTORS(kept);
 *     keep_vectors(kept);
 *     a function that uses them, and is not inlined;
 *     restore_vectors(kept);
 */
#ifndef CAISSON_BASE_KEPT_VECTORS_H
#define CAISSON_BASE_KEPT_VECTORS_H

#include <stdint.h>

#define KEPT_VECTORS(name) _Alignas(16) uint8_t name[16 * 16]

#define KEPT_EACH(move)                                                                            \
    move(0) move(1) move(2) move(3) move(4) move(5) move(6) move(7) move(8) move(9) move(10)       \
        move(11) move(12) move(13) move(14) move(15)
#define KEPT_STORE(n) "movaps %%xmm" #n ", 16*" #n "(%0)\n\t"
#define KEPT_LOAD(n)  "movaps 16*" #n "(%0), %%xmm" #n "\n\t"

static inline __attribute__((always_inline)) void keep_vectors(uint8_t kept[16 * 16])
{
    __asm__ volatile(KEPT_EACH(KEPT_STORE) : : "r"(kept) : "memory");
}

static inline __attribute__((always_inline)) void restore_vectors(const uint8_t kept[16 * 16])
{
    __asm__ volatile(KEPT_EACH(KEPT_LOAD) : : "r"(kept) : "memory");
}

#endif
