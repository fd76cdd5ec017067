/*
 * SHA-256 of two messages at once, or of more. A single message leaves a core's SHA unit waiting
 * for its own results half of the time; two interleaved ones fill it. The verity tree's blocks come
 * in such numbers that it shows, and so do a layer's two forms, packed and not.
 */
#ifndef CAISSON_CRYPTO_SHA256_PAIR_H
#define CAISSON_CRYPTO_SHA256_PAIR_H

#include "crypto/digest.h"

#define SHA256_PAIR_PREFIX_MAX 63
#define SHA256_LANES           16

/* Hashes prefix ‖ a and prefix ‖ b; both have `size` bytes, at least 64. The prefix has at most
 * SHA256_PAIR_PREFIX_MAX bytes. Falls back to one after the other on processors without SHA
 * extensions. */
void sha256_pair(struct span prefix, const uint8_t *a, const uint8_t *b, size_t size,
                 uint8_t out_a[SHA256_SIZE], uint8_t out_b[SHA256_SIZE]);

/* The same for SHA256_LANES messages, which begin `stride` bytes behind each other. */
void sha256_lanes(struct span prefix, const uint8_t *messages, size_t stride, size_t size,
                  uint8_t out[SHA256_LANES][SHA256_SIZE]);

/* As sha256_update() of a, then of b. */
void sha256_update_pair(struct sha256 *a, struct span bytes_a, struct sha256 *b,
                        struct span bytes_b);

/* The fallback of sha256_pair(); for tests. */
void sha256_pair_plain(struct span prefix, const uint8_t *a, const uint8_t *b, size_t size,
                       uint8_t out_a[SHA256_SIZE], uint8_t out_b[SHA256_SIZE]);

#endif
