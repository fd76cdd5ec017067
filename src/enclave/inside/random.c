#include "enclave/inside/enclave.h"

#define TRIES                                                                                      \
    10 /* Intel, "Digital Random Number Generator Software Implementation Guide", 5.2.1            \
        */

static bool draw(uint64_t *word)
{
    bool good = false;
    for (int i = 0; i < TRIES && !good; i++)
        __asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(good));
    return good;
}

bool enclave_random(void *out, uint64_t size)
{
    uint8_t *at = out;
    uint64_t word = 0;
    while (size > 0) {
        uint64_t part = size < sizeof word ? size : sizeof word;
        if (!draw(&word))
            return false;
        __builtin_memcpy(at, &word, part);
        at += part;
        size -= part;
    }
    return true;
}
