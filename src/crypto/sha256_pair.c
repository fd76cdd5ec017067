#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/sha256_pair.h"

#include <openssl/sha.h>

void sha256_pair_plain(struct span prefix, const uint8_t *a, const uint8_t *b, size_t size,
                       uint8_t out_a[SHA256_SIZE], uint8_t out_b[SHA256_SIZE])
{
    struct sha256 ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, prefix);
    struct sha256 second = ctx;
    sha256_update(&ctx, span_of(a, size));
    sha256_final(&ctx, out_a);
    sha256_update(&second, span_of(b, size));
    sha256_final(&second, out_b);
}

#ifndef __x86_64__
void sha256_update_pair(struct sha256 *a, struct span bytes_a, struct sha256 *b,
                        struct span bytes_b)
{
    sha256_update(a, bytes_a);
    sha256_update(b, bytes_b);
}

void sha256_pair(struct span prefix, const uint8_t *a, const uint8_t *b, size_t size,
                 uint8_t out_a[SHA256_SIZE], uint8_t out_b[SHA256_SIZE])
{
    sha256_pair_plain(prefix, a, b, size, out_a, out_b);
}
#else

#include <cpuid.h>
#include <immintrin.h>

#include "crypto/sha256_rounds.h"

#define BLOCK      64
#define SHA_TARGET __attribute__((target("sha,sse4.1")))

/* The state as the SHA instructions want it: words A B E F and C D G H, first the highest. */
struct lane {
    __m128i abef;
    __m128i cdgh;
};

static inline SHA_TARGET __m128i load(const uint8_t *bytes)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)bytes), swap);
}

/* Four rounds. `words` are the message's, four vectors in turn; the one that was used is replaced
 * by the one due in four steps. */
static inline SHA_TARGET __attribute__((always_inline)) void step(struct lane *lane,
                                                                  __m128i words[4], int i)
{
    __m128i constants = _mm_load_si128((const __m128i *)(const void *)(sha256_rounds + 4 * i));
    __m128i sum = _mm_add_epi32(words[i % 4], constants);
    lane->cdgh = _mm_sha256rnds2_epu32(lane->cdgh, lane->abef, sum);
    lane->abef = _mm_sha256rnds2_epu32(lane->abef, lane->cdgh, _mm_shuffle_epi32(sum, 0x0e));
    if (i >= 12)
        return;
    __m128i last = words[(i + 3) % 4];
    __m128i next = _mm_sha256msg1_epu32(words[i % 4], words[(i + 1) % 4]);
    next = _mm_add_epi32(next, _mm_alignr_epi8(last, words[(i + 2) % 4], 4));
    words[i % 4] = _mm_sha256msg2_epu32(next, last);
}

static SHA_TARGET void compress(struct lane *a, struct lane *b, const uint8_t *bytes_a,
                                const uint8_t *bytes_b, size_t blocks)
{
    struct lane x = *a, y = *b;
    for (; blocks > 0; blocks--, bytes_a += BLOCK, bytes_b += BLOCK) {
        struct lane old_x = x, old_y = y;
        __m128i w[4] = {load(bytes_a), load(bytes_a + 16), load(bytes_a + 32), load(bytes_a + 48)};
        __m128i v[4] = {load(bytes_b), load(bytes_b + 16), load(bytes_b + 32), load(bytes_b + 48)};
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            step(&x, w, i);
            step(&y, v, i);
        }
        x.abef = _mm_add_epi32(x.abef, old_x.abef);
        x.cdgh = _mm_add_epi32(x.cdgh, old_x.cdgh);
        y.abef = _mm_add_epi32(y.abef, old_y.abef);
        y.cdgh = _mm_add_epi32(y.cdgh, old_y.cdgh);
    }
    *a = x;
    *b = y;
}

/* A lane from the words a to h of FIPS 180-4, and back. */
static SHA_TARGET struct lane lane_of(const uint32_t words[8])
{
    return (struct lane){_mm_set_epi32((int)words[0], (int)words[1], (int)words[4], (int)words[5]),
                         _mm_set_epi32((int)words[2], (int)words[3], (int)words[6], (int)words[7])};
}

static SHA_TARGET void get_words(const struct lane *lane, uint32_t words[8])
{
    uint32_t abef[4], cdgh[4];
    _mm_storeu_si128((__m128i *)(void *)abef, lane->abef);
    _mm_storeu_si128((__m128i *)(void *)cdgh, lane->cdgh);
    const uint32_t found[8] = {abef[3], abef[2], cdgh[3], cdgh[2],
                               abef[1], abef[0], cdgh[1], cdgh[0]};
    memcpy(words, found, sizeof found);
}

static void put_digest(const struct lane *lane, uint8_t out[SHA256_SIZE])
{
    uint32_t words[8];
    get_words(lane, words);
    for (size_t i = 0; i < SHA256_SIZE; i++)
        out[i] = (uint8_t)(words[i / 4] >> (24 - 8 * (i % 4)));
}

/* What is left of a message behind its whole blocks, with the padding: one block or two. */
static size_t pad(const uint8_t *rest, size_t size, uint64_t message_size, uint8_t out[2 * BLOCK])
{
    size_t blocks = size + 9 <= BLOCK ? 1 : 2;
    memset(out, 0, 2 * BLOCK);
    memcpy(out, rest, size);
    out[size] = 0x80;
    for (size_t i = 0; i < 8; i++)
        out[blocks * BLOCK - 1 - i] = (uint8_t)(message_size * 8 >> 8 * i);
    return blocks;
}

static bool has_sha(void)
{
    static int answer; /* 0 unknown, 1 yes, 2 no; whoever writes it writes the same */
    int known = __atomic_load_n(&answer, __ATOMIC_RELAXED);
    if (known == 0) {
        unsigned eax, ebx = 0, ecx, edx;
        bool yes = __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & 1U << 29) != 0;
        known = yes ? 1 : 2;
        __atomic_store_n(&answer, known, __ATOMIC_RELAXED);
    }
    return known == 1;
}

static SHA_TARGET void hash_both(struct span prefix, const uint8_t *a, const uint8_t *b,
                                 size_t size, uint8_t *out_a, uint8_t *out_b)
{
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    struct lane x = lane_of(initial);
    struct lane y = x;
    uint8_t end_a[2 * BLOCK], end_b[2 * BLOCK];
    size_t head = 0;
    if (prefix.size > 0) { /* one block of prefix and the messages' beginnings */
        head = BLOCK - prefix.size;
        memcpy(end_a, prefix.data, prefix.size);
        memcpy(end_b, prefix.data, prefix.size);
        memcpy(end_a + prefix.size, a, head);
        memcpy(end_b + prefix.size, b, head);
        compress(&x, &y, end_a, end_b, 1);
    }
    size_t blocks = (size - head) / BLOCK, done = head + blocks * BLOCK;
    compress(&x, &y, a + head, b + head, blocks);
    (void)pad(b + done, size - done, prefix.size + size, end_b);
    blocks = pad(a + done, size - done, prefix.size + size, end_a);
    compress(&x, &y, end_a, end_b, blocks);
    put_digest(&x, out_a);
    put_digest(&y, out_b);
}

void sha256_pair(struct span prefix, const uint8_t *a, const uint8_t *b, size_t size,
                 uint8_t out_a[SHA256_SIZE], uint8_t out_b[SHA256_SIZE])
{
    if (has_sha() && size >= BLOCK && prefix.size <= SHA256_PAIR_PREFIX_MAX)
        hash_both(prefix, a, b, size, out_a, out_b);
    else
        sha256_pair_plain(prefix, a, b, size, out_a, out_b);
}

/* OpenSSL's own context: the words are its `h`, what waits for a whole block its `num`, and the
 * message's size in bits its Nh and Nl. */
static SHA256_CTX *context(struct sha256 *ctx)
{
    return (SHA256_CTX *)(void *)ctx->state;
}

/* Feeds as many bytes as complete a block that was begun. */
static void complete_block(struct sha256 *ctx, struct span *bytes)
{
    size_t missing = (BLOCK - context(ctx)->num) % BLOCK;
    size_t size = missing < bytes->size ? missing : bytes->size;
    sha256_update(ctx, span_of(bytes->data, size));
    *bytes = span_of(bytes->data + size, bytes->size - size);
}

static void count(SHA256_CTX *ctx, size_t size)
{
    uint64_t bits = ((uint64_t)ctx->Nh << 32 | ctx->Nl) + (uint64_t)size * 8;
    ctx->Nh = (SHA_LONG)(bits >> 32);
    ctx->Nl = (SHA_LONG)bits;
}

/* Both contexts are at a block's start, and both messages have so many blocks. */
static void update_blocks(struct sha256 *a, const uint8_t *bytes_a, struct sha256 *b,
                          const uint8_t *bytes_b, size_t blocks)
{
    struct lane x = lane_of(context(a)->h), y = lane_of(context(b)->h);
    compress(&x, &y, bytes_a, bytes_b, blocks);
    get_words(&x, context(a)->h);
    get_words(&y, context(b)->h);
    count(context(a), blocks * BLOCK);
    count(context(b), blocks * BLOCK);
}

void sha256_update_pair(struct sha256 *a, struct span bytes_a, struct sha256 *b,
                        struct span bytes_b)
{
    if (has_sha() && bytes_a.size > 0 && bytes_b.size > 0) {
        complete_block(a, &bytes_a);
        complete_block(b, &bytes_b);
        size_t blocks = (bytes_a.size < bytes_b.size ? bytes_a.size : bytes_b.size) / BLOCK;
        size_t size = blocks * BLOCK;
        if (blocks > 0) {
            update_blocks(a, bytes_a.data, b, bytes_b.data, blocks);
            bytes_a = span_of(bytes_a.data + size, bytes_a.size - size);
            bytes_b = span_of(bytes_b.data + size, bytes_b.size - size);
        }
    }
    sha256_update(a, bytes_a);
    sha256_update(b, bytes_b);
}

#endif

void sha256_lanes(struct span prefix, const uint8_t *messages, size_t stride, size_t size,
                  uint8_t out[SHA256_LANES][SHA256_SIZE])
{
    for (size_t i = 0; i < SHA256_LANES; i += 2)
        sha256_pair(prefix, messages + i * stride, messages + (i + 1) * stride, size, out[i],
                    out[i + 1]);
}
