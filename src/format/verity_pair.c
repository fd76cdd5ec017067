/* Blocks beside each other: for who reads many, as an enclave does. */
#include "crypto/sha256_pair.h"
#include "format/verity.h"

void verity_pair_digests(const uint8_t blocks[2 * VERITY_BLOCK_SIZE], uint8_t out[2][SHA256_SIZE])
{
    static const uint8_t salt[VERITY_SALT_SIZE]; /* hash type 1: in front of the block */
    sha256_pair(span_of(salt, sizeof salt), blocks, blocks + VERITY_BLOCK_SIZE, VERITY_BLOCK_SIZE,
                out[0], out[1]);
}
