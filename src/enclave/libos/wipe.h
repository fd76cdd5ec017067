/* Secrets inside an enclave: what base/secret.h does, without a library. */
#ifndef CAISSON_ENCLAVE_LIBOS_WIPE_H
#define CAISSON_ENCLAVE_LIBOS_WIPE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Overwrites the bytes; the compiler may not leave it out. */
static inline void libos_wipe(void *data, size_t size)
{
    memset(data, 0, size);
    __asm__ volatile("" : : "r"(data) : "memory");
}

/* Compares in a time that depends on the size alone. */
static inline bool libos_same(const uint8_t *a, const uint8_t *b, size_t size)
{
    uint8_t difference = 0;
    for (size_t i = 0; i < size; i++) {
        difference = (uint8_t)(difference | (a[i] ^ b[i]));
        __asm__ volatile("" : "+r"(difference));
    }
    return difference == 0;
}

#endif
