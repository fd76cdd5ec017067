/*
 * SHA-256 of sixteen messages at once, a word of each in a register of 512 bits: on processors that
 * have AVX-512, quicker than their own instructions for SHA-256 with two (docs/performance.md).
 */
#include <immintrin.h>

#include "base/kept_vectors.h"
#include "crypto/digest_plain.h"
#include "crypto/sha256_rounds.h"

#define WIDE  __attribute__((target("avx512f,avx512bw")))
#define INNER WIDE static inline __attribute__((always_inline))

/* A word of each message. */
typedef __m512i lanes;

INNER lanes xor3(lanes a, lanes b, lanes c)
{
    return _mm512_ternarylogic_epi32(a, b, c, 0x96);
}

/* Pairs of rows change places between registers whose numbers differ in one bit, for each bit. */
INNER void transpose(lanes w[16])
{
    lanes t[16];
#pragma GCC unroll 8
    for (size_t i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(w[i], w[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(w[i], w[i + 1]);
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < 16; i += 4) {
        w[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        w[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        w[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        w[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i++) {
        size_t at = i % 4 + i / 4 * 8;
        t[at] = _mm512_shuffle_i32x4(w[at], w[at + 4], 0x88);
        t[at + 4] = _mm512_shuffle_i32x4(w[at], w[at + 4], 0xDD);
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i++) {
        w[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        w[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xDD);
    }
}

INNER void read_words(const uint8_t *blocks, size_t stride, lanes w[16])
{
    const lanes order = _mm512_broadcast_i32x4(
        _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; i++)
        w[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(blocks + i * stride), order);
    transpose(w);
}

/* v is a to h; instead of moving, the names turn. w has the last sixteen words of the schedule. */
INNER void one_round(lanes v[8], lanes w[16], size_t i)
{
    lanes a = v[(0 - i) % 8], b = v[(1 - i) % 8], c = v[(2 - i) % 8];
    lanes e = v[(4 - i) % 8], f = v[(5 - i) % 8], g = v[(6 - i) % 8];
    lanes s1 = xor3(_mm512_ror_epi32(e, 6), _mm512_ror_epi32(e, 11), _mm512_ror_epi32(e, 25));
    lanes s0 = xor3(_mm512_ror_epi32(a, 2), _mm512_ror_epi32(a, 13), _mm512_ror_epi32(a, 22));
    /* What is known sooner is added first: each round waits for its E. */
    lanes early = _mm512_add_epi32(
        v[(7 - i) % 8], _mm512_add_epi32(w[i % 16], _mm512_set1_epi32((int)sha256_rounds[i])));
    lanes late = _mm512_add_epi32(s1, _mm512_ternarylogic_epi32(e, f, g, 0xCA));
    v[(3 - i) % 8] = _mm512_add_epi32(_mm512_add_epi32(v[(3 - i) % 8], early), late);
    v[(7 - i) % 8] = _mm512_add_epi32(
        _mm512_add_epi32(early, late),
        _mm512_add_epi32(s0, _mm512_ternarylogic_epi32(a, b, c, 0xE8)));
    if (i >= 48)
        return;
    lanes x = w[(i + 1) % 16], y = w[(i + 14) % 16];
    s0 = xor3(_mm512_ror_epi32(x, 7), _mm512_ror_epi32(x, 18), _mm512_srli_epi32(x, 3));
    s1 = xor3(_mm512_ror_epi32(y, 17), _mm512_ror_epi32(y, 19), _mm512_srli_epi32(y, 10));
    w[i % 16] = _mm512_add_epi32(_mm512_add_epi32(w[i % 16], s0),
                                 _mm512_add_epi32(w[(i + 9) % 16], s1));
}

__attribute__((noinline)) WIDE static void hash_lanes(uint32_t h[8][SHA256_LANES],
                                                      const uint8_t *blocks, size_t stride,
                                                      size_t count)
{
    lanes state[8];
    for (size_t i = 0; i < 8; i++)
        state[i] = _mm512_loadu_si512(h[i]);
    for (size_t block = 0; block < count; block++) {
        lanes v[8], w[16];
        read_words(blocks + block * SHA256_BLOCK_SIZE, stride, w);
        for (size_t i = 0; i < 8; i++)
            v[i] = state[i];
#pragma GCC unroll 64
        for (size_t i = 0; i < 64; i++)
            one_round(v, w, i);
        for (size_t i = 0; i < 8; i++)
            state[i] = _mm512_add_epi32(state[i], v[i]);
    }
    for (size_t i = 0; i < 8; i++)
        _mm512_storeu_si512(h[i], state[i]);
}

#define KEPT_WIDE_EACH(move)                                                                       \
    KEPT_EACH(move)                                                                                \
    move(16) move(17) move(18) move(19) move(20) move(21) move(22) move(23) move(24) move(25)      \
        move(26) move(27) move(28) move(29) move(30) move(31)
#define KEPT_WIDE_STORE(n) "vmovdqa64 %%zmm" #n ", 64*" #n "(%0)\n\t"
#define KEPT_WIDE_LOAD(n)  "vmovdqa64 64*" #n "(%0), %%zmm" #n "\n\t"

/* Whole, as they are the program's. Masks are not used. */
void sha256_wide_lanes(uint32_t h[8][SHA256_LANES], const uint8_t *blocks, size_t stride,
                       size_t count)
{
    _Alignas(64) uint8_t kept[32 * 64];
    __asm__ volatile(KEPT_WIDE_EACH(KEPT_WIDE_STORE) : : "r"(kept) : "memory");
    hash_lanes(h, blocks, stride, count);
    __asm__ volatile(KEPT_WIDE_EACH(KEPT_WIDE_LOAD) : : "r"(kept) : "memory");
}
