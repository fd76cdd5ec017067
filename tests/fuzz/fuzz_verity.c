/* The superblocks of a layer disk: what is accepted is what would be written. */
#include "fuzz.h"

#include "format/verity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = span_of(data, size);
    struct verity_superblock superblock;
    uint64_t blocks;
    if (verity_superblock_parse(bytes, &superblock, NULL) == 0) {
        BUF_AUTO again = BUF_WITH_LIMIT(VERITY_SUPERBLOCK_SIZE);
        fuzz_require(verity_superblock_append(&superblock, &again, NULL) == 0);
        fuzz_require(span_equal(buf_span(&again), span_of(data, VERITY_SUPERBLOCK_SIZE)));
    }
    if (verity_ext4_blocks(bytes, &blocks, NULL) == 0)
        fuzz_require(blocks > 0 && blocks <= VERITY_DATA_BLOCKS_MAX);
    return 0;
}
