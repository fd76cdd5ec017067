#include "crypto/sha384_four.h"

void sha384_four_plain(const uint8_t *messages, size_t size, uint8_t out[SHA384_FOUR][SHA384_SIZE])
{
    for (size_t i = 0; i < SHA384_FOUR; i++)
        sha384_digest(span_of(messages + i * size, size), out[i]);
}

#ifndef __x86_64__
void sha384_four(const uint8_t *messages, size_t size, uint8_t out[SHA384_FOUR][SHA384_SIZE])
{
    sha384_four_plain(messages, size, out);
}
#else

#include <immintrin.h>

#define BLOCK       128
#define ROUNDS      80
#define WORDS       16 /* of a block, and of the schedule that is kept */
#define STATE_WORDS 8
#define AVX2        __attribute__((target("avx2")))
#define INLINE      AVX2 inline __attribute__((always_inline))

/* One 64-bit word of each of the four messages. */
typedef uint64_t lanes __attribute__((vector_size(32)));

/* FIPS 180-4, sections 4.2.3 and 5.3.4. */
static const uint64_t round_constants[ROUNDS] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};
static const uint64_t initial_state[STATE_WORDS] = {
    0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939,
    0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4};

static INLINE lanes rotate(lanes x, int bits)
{
    return x >> bits | x << (64 - bits);
}

/* Reads words 4 x `quarter` to 4 x `quarter` + 3 of the four blocks, which lie `size` bytes apart,
 * and turns them from rows into columns. */
static AVX2 void load(const uint8_t *block, size_t size, int quarter, lanes words[WORDS])
{
    const __m256i swap = _mm256_set_epi64x(0x08090a0b0c0d0e0f, 0x0001020304050607,
                                           0x08090a0b0c0d0e0f, 0x0001020304050607);
    __m256i row[SHA384_FOUR];
    for (size_t i = 0; i < SHA384_FOUR; i++) {
        const uint8_t *at = block + i * size + (size_t)quarter * 32;
        row[i] = _mm256_shuffle_epi8(_mm256_loadu_si256((const __m256i *)(const void *)at), swap);
    }
    __m256i low_ab = _mm256_unpacklo_epi64(row[0], row[1]);
    __m256i high_ab = _mm256_unpackhi_epi64(row[0], row[1]);
    __m256i low_cd = _mm256_unpacklo_epi64(row[2], row[3]);
    __m256i high_cd = _mm256_unpackhi_epi64(row[2], row[3]);
    words[4 * quarter] = (lanes)_mm256_permute2x128_si256(low_ab, low_cd, 0x20);
    words[4 * quarter + 1] = (lanes)_mm256_permute2x128_si256(high_ab, high_cd, 0x20);
    words[4 * quarter + 2] = (lanes)_mm256_permute2x128_si256(low_ab, low_cd, 0x31);
    words[4 * quarter + 3] = (lanes)_mm256_permute2x128_si256(high_ab, high_cd, 0x31);
}

/* One round (section 6.4.2, step 3) without moving the eight variables: the caller turns them by
 * counting `i` up. */
static INLINE void step(lanes v[STATE_WORDS], int i, lanes input)
{
    lanes a = v[(0 - i) & 7];
    lanes b = v[(1 - i) & 7];
    lanes c = v[(2 - i) & 7];
    lanes e = v[(4 - i) & 7];
    lanes f = v[(5 - i) & 7];
    lanes g = v[(6 - i) & 7];
    lanes sum = v[(7 - i) & 7] + input + (rotate(e, 14) ^ rotate(e, 18) ^ rotate(e, 41)) +
                (g ^ (e & (f ^ g)));
    v[(3 - i) & 7] += sum;
    v[(7 - i) & 7] = sum + (rotate(a, 28) ^ rotate(a, 34) ^ rotate(a, 39)) +
                     ((a & b) | (c & (a | b)));
}

/* The word that is due in sixteen rounds, in place of the one that was used (step 1). */
static INLINE void extend(lanes words[WORDS], int i)
{
    lanes early = words[(i + 1) & 15];
    lanes late = words[(i + 14) & 15];
    words[i & 15] += (rotate(early, 1) ^ rotate(early, 8) ^ early >> 7) + words[(i + 9) & 15] +
                     (rotate(late, 19) ^ rotate(late, 61) ^ late >> 6);
}

static INLINE lanes all(uint64_t word)
{
    return (lanes)_mm256_set1_epi64x((long long)word);
}

static AVX2 void compress(lanes state[STATE_WORDS], lanes words[WORDS])
{
    lanes v[STATE_WORDS];
    memcpy(v, state, sizeof v);
    for (int i = 0; i < ROUNDS; i += WORDS) {
#pragma GCC unroll 16
        for (int j = 0; j < WORDS; j++) {
            step(v, j, words[j] + all(round_constants[i + j]));
            if (i < ROUNDS - WORDS)
                extend(words, j);
        }
    }
    for (int i = 0; i < STATE_WORDS; i++)
        state[i] += v[i];
}

/* The block behind whole blocks: a one bit, zeros, and the length in bits. */
static AVX2 void pad(lanes words[WORDS], size_t size)
{
    memset(words, 0, WORDS * sizeof *words);
    words[0] = all(UINT64_C(1) << 63);
    words[WORDS - 1] = all((uint64_t)size * 8);
}

static AVX2 void hash(const uint8_t *messages, size_t size, uint8_t out[SHA384_FOUR][SHA384_SIZE])
{
    lanes state[STATE_WORDS];
    lanes words[WORDS];
    for (int i = 0; i < STATE_WORDS; i++)
        state[i] = all(initial_state[i]);
    for (size_t at = 0; at < size; at += BLOCK) {
        for (int quarter = 0; quarter < 4; quarter++)
            load(messages + at, size, quarter, words);
        compress(state, words);
    }
    pad(words, size);
    compress(state, words);
    for (size_t lane = 0; lane < SHA384_FOUR; lane++) {
        for (size_t i = 0; i < SHA384_SIZE; i++)
            out[lane][i] = (uint8_t)(state[i / 8][lane] >> (56 - 8 * (i % 8)));
    }
}

void sha384_four(const uint8_t *messages, size_t size, uint8_t out[SHA384_FOUR][SHA384_SIZE])
{
    if (__builtin_cpu_supports("avx2"))
        hash(messages, size, out);
    else
        sha384_four_plain(messages, size, out);
}
#endif
