/* What digest_plain.c can be told: that the processor has something quicker. */
#ifndef CAISSON_CRYPTO_DIGEST_PLAIN_H
#define CAISSON_CRYPTO_DIGEST_PLAIN_H

#include "crypto/sha256_pair.h"

#define SHA256_BLOCK_SIZE 64

/* Steps 1 to 4 of FIPS 180-4, section 6.2.2, for `count` blocks that follow each other. */
typedef void sha256_blocks_fn(uint32_t h[8], const uint8_t *blocks, size_t count);

/* The same for two messages at once. */
typedef void sha256_pairs_fn(uint32_t h_a[8], const uint8_t *a, uint32_t h_b[8], const uint8_t *b,
                             size_t count);

/* The same for SHA256_LANES messages at once, whose blocks begin `stride` bytes behind each other:
 * a word of each in a row of h. */
typedef void sha256_lanes_fn(uint32_t h[8][SHA256_LANES], const uint8_t *blocks, size_t stride,
                             size_t count);

/* From now on blocks are hashed by these functions; before, in C. Once, before there are threads.
 * `lanes` may be NULL: there is nothing quicker than pairs. */
void sha256_plain_by(sha256_blocks_fn *quicker, sha256_pairs_fn *pairs, sha256_lanes_fn *lanes);

/* By the processor's instructions for SHA-256 (CPUID leaf 7, EBX bit 29), which must be there. The
 * vector registers are as they were afterwards (sha256_ni.c). */
void sha256_ni_blocks(uint32_t h[8], const uint8_t *blocks, size_t count);
void sha256_ni_pairs(uint32_t h_a[8], const uint8_t *a, uint32_t h_b[8], const uint8_t *b,
                     size_t count);

/* By AVX-512 (its F and BW, CPUID leaf 7, EBX bits 16 and 30), with registers that may be used
 * (XCR0). Likewise (sha256_wide.c). */
void sha256_wide_lanes(uint32_t h[8][SHA256_LANES], const uint8_t *blocks, size_t stride,
                       size_t count);

#endif
