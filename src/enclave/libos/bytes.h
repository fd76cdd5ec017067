/* Little-endian numbers out of bytes whose bounds the caller has checked, and zeroed memory. */
#ifndef CAISSON_ENCLAVE_LIBOS_BYTES_H
#define CAISSON_ENCLAVE_LIBOS_BYTES_H

#include <stdint.h>
#include <string.h>

#include "enclave/libos/alloc.h"

static inline uint16_t get_le16(const uint8_t *in)
{
    return (uint16_t)(in[0] | in[1] << 8);
}

static inline uint32_t get_le32(const uint8_t *in)
{
    return get_le16(in) | (uint32_t)get_le16(in + 2) << 16;
}

/* Memory of `count` times `size` bytes; NULL when there is no room. libos_free() ends it. */
static inline void *alloc_array(size_t count, size_t size)
{
    size_t whole;
    return __builtin_mul_overflow(count, size, &whole) ? NULL : libos_alloc(whole);
}

/* The same, zeroed. */
static inline void *alloc_zeroed(size_t count, size_t size)
{
    void *memory = alloc_array(count, size);
    if (memory)
        memset(memory, 0, count * size);
    return memory;
}

/* Zeroed memory at a multiple of `unit`, a power of two: where it begins, in *memory, which
 * libos_free() ends. */
static inline void *alloc_aligned(size_t size, size_t unit, void **memory)
{
    *memory = alloc_zeroed(1, size + unit);
    return *memory ? (uint8_t *)*memory + (-(uintptr_t)*memory & (unit - 1)) : NULL;
}

#endif
