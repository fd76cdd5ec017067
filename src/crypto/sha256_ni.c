/*
 * SHA-256 by the processor's instructions for it, for the code inside an enclave: that is compiled
 * without vector registers, since they are the program's, and so those that are used are kept here.
 * None of these instructions touches what is above their lowest 128 bits.
 */
#include <immintrin.h>

#include "crypto/digest_plain.h"
#include "crypto/sha256_rounds.h"

#define WITH_SHA  __attribute__((target("sha,sse4.1,ssse3")))
#define KEPT      16 /* registers, of 16 bytes */
#define KEPT_SIZE 16

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

/* Four rounds an instruction pair; w has the last sixteen words of the schedule. */
WITH_SHA static void hash_block(struct state *state, const uint8_t *block)
{
    const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i abef = state->abef;
    __m128i cdgh = state->cdgh;
    __m128i w[4];
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++)
        w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i)),
                                order);
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; i++) {
        __m128i words = w[i % 4];
        __m128i sum = _mm_add_epi32(
            words, _mm_load_si128((const __m128i *)(const void *)&sha256_rounds[4 * i]));
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
        if (i >= 12)
            continue;
        words = _mm_add_epi32(_mm_sha256msg1_epu32(words, w[(i + 1) % 4]),
                              _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4));
        w[i % 4] = _mm_sha256msg2_epu32(words, w[(i + 3) % 4]);
    }
    state->abef = _mm_add_epi32(state->abef, abef);
    state->cdgh = _mm_add_epi32(state->cdgh, cdgh);
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

#define EACH_REGISTER(move)                                                                        \
    move(0) move(1) move(2) move(3) move(4) move(5) move(6) move(7) move(8) move(9) move(10)       \
        move(11) move(12) move(13) move(14) move(15)
#define KEEP(n)  "movaps %%xmm" #n ", 16*" #n "(%0)\n\t"
#define AGAIN(n) "movaps 16*" #n "(%0), %%xmm" #n "\n\t"

void sha256_ni_blocks(uint32_t h[8], const uint8_t *blocks, size_t count)
{
    _Alignas(KEPT_SIZE) uint8_t kept[KEPT * KEPT_SIZE];
    __asm__ volatile(EACH_REGISTER(KEEP) : : "r"(kept) : "memory");
    hash_blocks(h, blocks, count);
    __asm__ volatile(EACH_REGISTER(AGAIN) : : "r"(kept) : "memory");
}
