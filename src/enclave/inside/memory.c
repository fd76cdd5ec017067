/* What the compiler calls without being asked to; string instructions, because it would make calls
 * of loops. These take some 30 cycles before they begin, so what is small is copied by words, of
 * which the last may overlap the one before. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);

#define SMALL 32 /* bytes */

static uint64_t load(const uint8_t *from)
{
    uint64_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return word;
}

static void store(uint8_t *to, uint64_t word)
{
    __builtin_memcpy(to, &word, sizeof word);
}

/* Up to 7 bytes. */
static void copy_few(uint8_t *to, const uint8_t *from, size_t size)
{
    uint32_t first, last;
    if (size >= sizeof first) {
        __builtin_memcpy(&first, from, sizeof first);
        __builtin_memcpy(&last, from + size - sizeof last, sizeof last);
        __builtin_memcpy(to, &first, sizeof first);
        __builtin_memcpy(to + size - sizeof last, &last, sizeof last);
    } else if (size > 0) {
        uint8_t a = from[0], b = from[size / 2], c = from[size - 1];
        to[0] = a;
        to[size / 2] = b;
        to[size - 1] = c;
    }
}

/* Up to SMALL bytes; all are read before any is written. */
static inline __attribute__((always_inline)) void copy_small(uint8_t *to, const uint8_t *from,
                                                             size_t size)
{
    if (size < sizeof(uint64_t)) {
        copy_few(to, from, size);
        return;
    }
    uint64_t a = load(from), d = load(from + size - 8), b = a, c = d;
    if (size > 16) {
        b = load(from + 8);
        c = load(from + size - 16);
    }
    store(to, a);
    store(to + size - 8, d);
    if (size > 16) {
        store(to + 8, b);
        store(to + size - 16, c);
    }
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    void *result = to;
    if (size <= SMALL)
        copy_small(to, from, size);
    else
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return result;
}

void *memmove(void *to, const void *from, size_t size)
{
    void *result = to;
    if (size <= SMALL) {
        copy_small(to, from, size);
        return result;
    }
    if ((uintptr_t)to <= (uintptr_t)from)
        return memcpy(to, from, size);
    to = (unsigned char *)to + size - 1;
    from = (const unsigned char *)from + size - 1;
    __asm__ volatile("std\n\trep movsb\n\tcld"
                     : "+D"(to), "+S"(from), "+c"(size)
                     :
                     : "memory", "cc");
    return result;
}

void *memset(void *to, int byte, size_t size)
{
    void *result = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
    return result;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a;
    const unsigned char *right = b;
    for (size_t i = 0; i < size; i++) {
        if (left[i] != right[i])
            return left[i] - right[i];
    }
    return 0;
}
