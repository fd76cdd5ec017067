/*
 * SHA-384 of four messages at once. A launch measurement hashes the pages of a firmware image one
 * by one, and no two of them depend on each other: four fit side by side into vector registers.
 */
#ifndef CAISSON_CRYPTO_SHA384_FOUR_H
#define CAISSON_CRYPTO_SHA384_FOUR_H

#include "crypto/digest.h"

#define SHA384_FOUR 4

/* Hashes four messages that lie one after the other, `size` bytes each, which is a multiple of 128.
 * Falls back to one after the other on processors without AVX2. */
void sha384_four(const uint8_t *messages, size_t size, uint8_t out[SHA384_FOUR][SHA384_SIZE]);

/* The fallback of sha384_four(); for tests. */
void sha384_four_plain(const uint8_t *messages, size_t size, uint8_t out[SHA384_FOUR][SHA384_SIZE]);

#endif
