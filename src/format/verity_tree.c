/* The shape of the hash tree: what needs no errors and no memory, and so runs in an enclave too. */
#include <assert.h>

#include "format/verity.h"

uint64_t verity_tree_blocks(uint64_t data_blocks)
{
    uint64_t total = 0;
    uint64_t level = data_blocks;
    /* One block of digests is enough for up to 128 blocks, and there is always one. */
    do {
        level = (level + VERITY_DIGESTS_A_BLOCK - 1) / VERITY_DIGESTS_A_BLOCK;
        total += level;
    } while (level > 1);
    return total;
}

void verity_block_digest(const uint8_t block[VERITY_BLOCK_SIZE], uint8_t out[SHA256_SIZE])
{
    static const uint8_t salt[VERITY_SALT_SIZE]; /* hash type 1: in front of the block */
    struct sha256 ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, span_of(salt, sizeof salt));
    sha256_update(&ctx, span_of(block, VERITY_BLOCK_SIZE));
    sha256_final(&ctx, out);
}

static_assert(VERITY_DATA_BLOCKS_MAX <= (uint64_t)1 << (7 * VERITY_LEVELS_MAX),
              "each level has a 128th of the one below");

size_t verity_first_path(uint64_t data_blocks, uint64_t path[VERITY_LEVELS_MAX])
{
    uint64_t above = verity_tree_blocks(data_blocks); /* the tree's blocks at this level or above */
    uint64_t level = data_blocks;
    size_t count = 0;
    do {
        level = (level + VERITY_DIGESTS_A_BLOCK - 1) / VERITY_DIGESTS_A_BLOCK;
        above -= level;
        path[count++] = above;
    } while (level > 1 && count < VERITY_LEVELS_MAX);
    return count;
}
