/*
 * SHA-256 by the processor's instructions for it, for the code inside an enclave, where the vector
 * registers are the program's.
 */
#include <immintrin.h>

#include "base/kept_vectors.h"
#include "crypto/digest_plain.h"
#include "crypto/sha256_rounds.h"

#define WITH_SHA __attribute__((target("sha,sse4.1,ssse3")))

/* The eight words as the instructions want them: ABEF and CDGH, the highest first. */
struct state {
    __m128i abef, cdgh;
};

WITH_SHA static void read_state(const uint32_t h[8], struct state *out)
{
    __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)h), 0xB1);
    __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(h + 4)), 0x1B);
    out->abef = _mm_alignr_epi8(badc, hgfe, 8);
    out->cdgh = _mm_blend_epi16(hgfe, badc, 0xF0);
}

WITH_SHA static void write_state(const struct state *state, uint32_t h[8])
{
    __m128i feba = _mm_shuffle_epi32(state->abef, 0x1B);
    __m128i dchg = _mm_shuffle_epi32(state->cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)(void *)h, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i *)(void *)(h + 4), _mm_alignr_epi8(dchg, feba, 8));
}

WITH_SHA static inline __attribute__((always_inline)) void read_words(const uint8_t *block,
                                                                      __m128i w[4])
{
    const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++)
        w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i)),
                                order);
}

/* Four rounds; w has the last sixteen words of the schedule. */
WITH_SHA static inline __attribute__((always_inline)) void four_rounds(struct state *state,
                                                                       __m128i w[4], size_t i)
{
    __m128i words = w[i % 4];
    __m128i sum = _mm_add_epi32(
        words, _mm_load_si128((const __m128i *)(const void *)&sha256_rounds[4 * i]));
    state->cdgh = _mm_sha256rnds2_epu32(state->cdgh, state->abef, sum);
    state->abef = _mm_sha256rnds2_epu32(state->abef, state->cdgh, _mm_shuffle_epi32(sum, 0x0E));
    if (i >= 12)
        return;
    words = _mm_add_epi32(_mm_sha256msg1_epu32(words, w[(i + 1) % 4]),
                          _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4));
    w[i % 4] = _mm_sha256msg2_epu32(words, w[(i + 3) % 4]);
}

WITH_SHA static inline void add(struct state *to, const struct state *state)
{
    to->abef = _mm_add_epi32(to->abef, state->abef);
    to->cdgh = _mm_add_epi32(to->cdgh, state->cdgh);
}

WITH_SHA static void hash_block(struct state *state, const uint8_t *block)
{
    struct state next = *state;
    __m128i w[4];
    read_words(block, w);
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; i++)
        four_rounds(&next, w, i);
    add(state, &next);
}

__attribute__((noinline)) WITH_SHA static void hash_blocks(uint32_t h[8], const uint8_t *blocks,
                                                           size_t count)
{
    struct state state;
    read_state(h, &state);
    for (size_t i = 0; i < count; i++)
        hash_block(&state, blocks + i * SHA256_BLOCK_SIZE);
    write_state(&state, h);
}

/* One after the other, each waits for its own rounds half of the time. */
WITH_SHA static void hash_two(struct state *a, const uint8_t *block_a, struct state *b,
                              const uint8_t *block_b)
{
    struct state next_a = *a, next_b = *b;
    __m128i w[4], v[4];
    read_words(block_a, w);
    read_words(block_b, v);
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; i++) {
        four_rounds(&next_a, w, i);
        four_rounds(&next_b, v, i);
    }
    add(a, &next_a);
    add(b, &next_b);
}

__attribute__((noinline)) WITH_SHA static void hash_pairs(uint32_t h_a[8], const uint8_t *a,
                                                          uint32_t h_b[8], const uint8_t *b,
                                                          size_t count)
{
    struct state state_a, state_b;
    read_state(h_a, &state_a);
    read_state(h_b, &state_b);
    for (size_t i = 0; i < count * SHA256_BLOCK_SIZE; i += SHA256_BLOCK_SIZE)
        hash_two(&state_a, a + i, &state_b, b + i);
    write_state(&state_a, h_a);
    write_state(&state_b, h_b);
}

void sha256_ni_blocks(uint32_t h[8], const uint8_t *blocks, size_t count)
{
    KEPT_VECTORS(kept);
    keep_vectors(kept);
    hash_blocks(h, blocks, count);
    restore_vectors(kept);
}

void sha256_ni_pairs(uint32_t h_a[8], const uint8_t *a, uint32_t h_b[8], const uint8_t *b,
                     size_t count)
{
    KEPT_VECTORS(kept);
    keep_vectors(kept);
    hash_pairs(h_a, a, h_b, b, count);
    restore_vectors(kept);
}
