#include "enclave/libos/program/scan.h"

#include <immintrin.h>

#include "base/kept_vectors.h"

#define WITH_SSE __attribute__((target("sse2")))
#define PART     sizeof(__m128i)

/* Where the bytes of one are that is all ones in its bytes: a bit for each. */
WITH_SSE static inline uint64_t bits(__m128i found)
{
    return (uint32_t)_mm_movemask_epi8(found);
}

WITH_SSE static inline __m128i load(const uint8_t *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

WITH_SSE static inline __m128i are(__m128i bytes, uint8_t mask, uint8_t value)
{
    return _mm_cmpeq_epi8(_mm_and_si128(bytes, _mm_set1_epi8((char)mask)),
                          _mm_set1_epi8((char)value));
}

WITH_SSE static inline __m128i syscalls(const uint8_t *at)
{
    return _mm_and_si128(are(load(at), 0xFF, 0x0F), are(load(at + 1), 0xFF, 0x05));
}

WITH_SSE static inline __m128i branches(const uint8_t *at)
{
    __m128i bytes = load(at);
    __m128i conditional = _mm_and_si128(are(bytes, 0xFF, 0x0F), are(load(at + 1), 0xF0, 0x80));
    return _mm_or_si128(are(bytes, 0xFE, 0xE8), conditional);
}

WITH_SSE static inline __m128i short_branches(const uint8_t *at)
{
    __m128i bytes = load(at);
    __m128i loops = _mm_or_si128(are(bytes, 0xFC, 0xE0), are(bytes, 0xFF, 0xEB));
    return _mm_or_si128(are(bytes, 0xF0, 0x70), loops);
}

#define SCAN_ALL(find)                                                                             \
    for (size_t i = 0; i < words; i++, code += SCAN_BYTES) {                                       \
        out[i] = 0;                                                                                \
        for (size_t part = 0; part < SCAN_BYTES; part += PART)                                     \
            out[i] |= bits(find(code + part)) << part;                                             \
    }

__attribute__((noinline)) WITH_SSE static void find_syscalls(const uint8_t *code, size_t words,
                                                             uint64_t *out)
{
    SCAN_ALL(syscalls)
}

__attribute__((noinline)) WITH_SSE static void find_branches(const uint8_t *code, size_t words,
                                                             uint64_t *out)
{
    SCAN_ALL(branches)
}

__attribute__((noinline)) WITH_SSE static void find_short_branches(const uint8_t *code,
                                                                   size_t words, uint64_t *out)
{
    SCAN_ALL(short_branches)
}

void scan_syscalls(const uint8_t *code, size_t words, uint64_t *out)
{
    KEPT_VECTORS(kept);
    keep_vectors(kept);
    find_syscalls(code, words, out);
    restore_vectors(kept);
}

void scan_branches(const uint8_t *code, size_t words, uint64_t *out)
{
    KEPT_VECTORS(kept);
    keep_vectors(kept);
    find_branches(code, words, out);
    restore_vectors(kept);
}

void scan_short_branches(const uint8_t *code, size_t words, uint64_t *out)
{
    KEPT_VECTORS(kept);
    keep_vectors(kept);
    find_short_branches(code, words, out);
    restore_vectors(kept);
}
