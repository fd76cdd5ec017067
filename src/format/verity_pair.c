/* Blocks beside each other: for who reads many, as an enclave does. */
#include "crypto/sha256_pair.h"
#include "format/verity.h"

static const uint8_t salt[VERITY_SALT_SIZE]; /* hash type 1: in front of the block */

void verity_pair_digests(const uint8_t blocks[2 * VERITY_BLOCK_SIZE], uint8_t out[2][SHA256_SIZE])
{
    sha256_pair(span_of(salt, sizeof salt), blocks, blocks + VERITY_BLOCK_SIZE, VERITY_BLOCK_SIZE,
                out[0], out[1]);
}

void verity_lane_digests(const uint8_t blocks[SHA256_LANES * VERITY_BLOCK_SIZE],
                         uint8_t out[SHA256_LANES][SHA256_SIZE])
{
    sha256_lanes(span_of(salt, sizeof salt), blocks, VERITY_BLOCK_SIZE, VERITY_BLOCK_SIZE, out);
}
