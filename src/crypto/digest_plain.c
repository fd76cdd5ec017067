/*
 * SHA-256 of digest.h once more, in C without a library: for the code inside an enclave, which has
 * none. Linked in place of digest.c, never beside it. No secret decides what is read or branched
 * on.
 */
#include <assert.h>

#include "crypto/digest.h"
#include "crypto/digest_plain.h"
#include "crypto/sha256_pair.h"
#include "crypto/sha256_rounds.h"

#define BLOCK_SIZE  SHA256_BLOCK_SIZE
#define LENGTH_SIZE 8 /* of the message, in bits, at the end of the last block */

struct plain {
    uint32_t h[8];
    uint64_t size; /* bytes so far; the last size % BLOCK_SIZE of them wait in `block` */
    uint8_t block[BLOCK_SIZE];
};
static_assert(sizeof(struct plain) <= sizeof(struct sha256), "struct sha256 is too small");

static struct plain *plain_of(struct sha256 *ctx)
{
    return (struct plain *)(void *)ctx->state;
}

static uint32_t rotate(uint32_t word, unsigned by)
{
    return word >> by | word << (32 - by);
}

/* Section 6.2.2, step 1. */
static void schedule(const uint8_t block[BLOCK_SIZE], uint32_t w[BLOCK_SIZE])
{
    for (size_t i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (size_t i = 16; i < BLOCK_SIZE; i++) {
        uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
}

/* Step 3. v is a to h; instead of moving, the names turn: after `turn` rounds, a is v[8 - turn]. */
static inline __attribute__((always_inline)) void turn_round(uint32_t v[8], size_t turn,
                                                             uint32_t word)
{
    uint32_t a = v[(8 - turn) % 8];
    uint32_t b = v[(9 - turn) % 8];
    uint32_t c = v[(10 - turn) % 8];
    uint32_t e = v[(12 - turn) % 8];
    uint32_t f = v[(13 - turn) % 8];
    uint32_t g = v[(14 - turn) % 8];
    uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    uint32_t one = v[(15 - turn) % 8] + s1 + ((e & f) ^ (~e & g)) + word;
    v[(11 - turn) % 8] += one;
    v[(15 - turn) % 8] = one + s0 + ((a & b) ^ (a & c) ^ (b & c));
}

/* Steps 2 to 4. */
static void compress(uint32_t h[8], const uint8_t block[BLOCK_SIZE])
{
    uint32_t w[BLOCK_SIZE];
    uint32_t v[8];
    schedule(block, w);
    memcpy(v, h, sizeof v);
    for (size_t i = 0; i < BLOCK_SIZE; i += 8) {
#pragma GCC unroll 8
        for (size_t turn = 0; turn < 8; turn++)
            turn_round(v, turn, sha256_rounds[i + turn] + w[i + turn]);
    }
    for (size_t i = 0; i < 8; i++)
        h[i] += v[i];
}

static void compress_all(uint32_t h[8], const uint8_t *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        compress(h, blocks + i * BLOCK_SIZE);
}

static void compress_pairs(uint32_t h_a[8], const uint8_t *a, uint32_t h_b[8], const uint8_t *b,
                           size_t count)
{
    compress_all(h_a, a, count);
    compress_all(h_b, b, count);
}

static sha256_blocks_fn *by = compress_all;
static sha256_pairs_fn *pairs_by = compress_pairs;
static sha256_lanes_fn *lanes_by;

void sha256_plain_by(sha256_blocks_fn *quicker, sha256_pairs_fn *pairs, sha256_lanes_fn *lanes)
{
    by = quicker;
    pairs_by = pairs;
    lanes_by = lanes;
}

static const uint32_t first_h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

void sha256_init(struct sha256 *ctx)
{
    struct plain *plain = plain_of(ctx);
    *plain = (struct plain){0};
    memcpy(plain->h, first_h, sizeof first_h);
}

void sha256_update(struct sha256 *ctx, struct span bytes)
{
    struct plain *plain = plain_of(ctx);
    while (bytes.size > 0) {
        size_t filled = plain->size % BLOCK_SIZE;
        size_t part = BLOCK_SIZE - filled < bytes.size ? BLOCK_SIZE - filled : bytes.size;
        if (filled == 0 && bytes.size >= BLOCK_SIZE) {
            part = bytes.size - bytes.size % BLOCK_SIZE;
            by(plain->h, bytes.data, part / BLOCK_SIZE);
        } else {
            memcpy(plain->block + filled, bytes.data, part);
            if (filled + part == BLOCK_SIZE)
                by(plain->h, plain->block, 1);
        }
        plain->size += part;
        bytes = span_of(bytes.data + part, bytes.size - part);
    }
}

static void put_length(uint64_t size, uint8_t out[LENGTH_SIZE])
{
    for (size_t i = 0; i < LENGTH_SIZE; i++)
        out[i] = (uint8_t)(8 * size >> (56 - 8 * i));
}

void sha256_final(struct sha256 *ctx, uint8_t out[SHA256_SIZE])
{
    static const uint8_t padding[BLOCK_SIZE] = {0x80};
    struct plain *plain = plain_of(ctx);
    uint8_t length[LENGTH_SIZE];
    size_t filled = plain->size % BLOCK_SIZE;
    size_t end = BLOCK_SIZE - LENGTH_SIZE;
    put_length(plain->size, length);
    sha256_update(ctx, span_of(padding, (filled < end ? end : end + BLOCK_SIZE) - filled));
    sha256_update(ctx, span_of(length, sizeof length));
    for (size_t i = 0; i < SHA256_SIZE; i++)
        out[i] = (uint8_t)(plain->h[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256_digest(struct span bytes, uint8_t out[SHA256_SIZE])
{
    struct sha256 ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, bytes);
    sha256_final(&ctx, out);
}

/* Both are as far as the other. */
static void update_pair(struct sha256 *a, struct span bytes_a, struct sha256 *b,
                        struct span bytes_b)
{
    size_t filled = plain_of(a)->size % BLOCK_SIZE;
    size_t head = filled == 0 ? 0 : BLOCK_SIZE - filled;
    if (bytes_a.size >= head + BLOCK_SIZE) {
        size_t whole = (bytes_a.size - head) / BLOCK_SIZE * BLOCK_SIZE;
        sha256_update(a, span_of(bytes_a.data, head));
        sha256_update(b, span_of(bytes_b.data, head));
        pairs_by(plain_of(a)->h, bytes_a.data + head, plain_of(b)->h, bytes_b.data + head,
                 whole / BLOCK_SIZE);
        plain_of(a)->size += whole;
        plain_of(b)->size += whole;
        bytes_a = span_of(bytes_a.data + head + whole, bytes_a.size - head - whole);
        bytes_b = span_of(bytes_b.data + head + whole, bytes_b.size - head - whole);
    }
    sha256_update(a, bytes_a);
    sha256_update(b, bytes_b);
}

void sha256_pair(struct span prefix, const uint8_t *a, const uint8_t *b, size_t size,
                 uint8_t out_a[SHA256_SIZE], uint8_t out_b[SHA256_SIZE])
{
    struct sha256 first, second;
    sha256_init(&first);
    sha256_update(&first, prefix);
    second = first;
    update_pair(&first, span_of(a, size), &second, span_of(b, size));
    sha256_final(&first, out_a);
    sha256_final(&second, out_b);
}

/* What stands before and behind the whole blocks of each message: its last block or two are padded
 * here, where `size` is that of prefix and message. */
static size_t pad(uint8_t edge[2 * BLOCK_SIZE], struct span rest, uint64_t size)
{
    size_t end = rest.size < BLOCK_SIZE - LENGTH_SIZE ? BLOCK_SIZE : (size_t)2 * BLOCK_SIZE;
    memset(edge, 0, end);
    memcpy(edge, rest.data, rest.size);
    edge[rest.size] = 0x80;
    put_length(size, edge + end - LENGTH_SIZE);
    return end / BLOCK_SIZE;
}

static void hash_all_lanes(struct span prefix, const uint8_t *messages, size_t stride, size_t size,
                           uint32_t h[8][SHA256_LANES])
{
    uint8_t edges[SHA256_LANES][2 * BLOCK_SIZE];
    size_t head = (BLOCK_SIZE - prefix.size) % BLOCK_SIZE;
    size_t whole = (size - head) / BLOCK_SIZE;
    size_t done = head + whole * BLOCK_SIZE;
    size_t blocks = 0;
    for (size_t i = 0; i < SHA256_LANES && head > 0; i++) {
        memcpy(edges[i], prefix.data, prefix.size);
        memcpy(edges[i] + prefix.size, messages + i * stride, head);
    }
    if (head > 0)
        lanes_by(h, edges[0], sizeof edges[0], 1);
    lanes_by(h, messages + head, stride, whole);
    for (size_t i = 0; i < SHA256_LANES; i++)
        blocks = pad(edges[i], span_of(messages + i * stride + done, size - done),
                     prefix.size + size);
    lanes_by(h, edges[0], sizeof edges[0], blocks);
}

void sha256_lanes(struct span prefix, const uint8_t *messages, size_t stride, size_t size,
                  uint8_t out[SHA256_LANES][SHA256_SIZE])
{
    uint32_t h[8][SHA256_LANES];
    for (size_t i = 0; !lanes_by && i < SHA256_LANES; i += 2)
        sha256_pair(prefix, messages + i * stride, messages + (i + 1) * stride, size, out[i],
                    out[i + 1]);
    if (!lanes_by)
        return;
    for (size_t i = 0; i < 8 * SHA256_LANES; i++)
        h[i / SHA256_LANES][i % SHA256_LANES] = first_h[i / SHA256_LANES];
    hash_all_lanes(prefix, messages, stride, size, h);
    for (size_t lane = 0; lane < SHA256_LANES; lane++) {
        for (size_t i = 0; i < SHA256_SIZE; i++)
            out[lane][i] = (uint8_t)(h[i / 4][lane] >> (24 - 8 * (i % 4)));
    }
}
