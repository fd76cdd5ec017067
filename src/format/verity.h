/*
 * Where the parts of a layer disk lie: ext4 ‖ dm-verity superblock padded to a block ‖ hash tree.
 * The superblock is that of cryptsetup (its wiki page DMVerity, on-disk version 1; see also
 * Linux Documentation/admin-guide/device-mapper/verity.rst).
 *
 * Neither superblock is covered by the root hash when it is read, so a host may write anything into
 * them. What is accepted here is therefore one form only: hash type 1, SHA-256, blocks of 4096
 * bytes, a salt of 32 zero bytes, everything else zero.
 */
#ifndef CAISSON_FORMAT_VERITY_H
#define CAISSON_FORMAT_VERITY_H

#include "base/buf.h"
#include "crypto/sha256_pair.h"

#define VERITY_BLOCK_SIZE      4096
#define VERITY_SUPERBLOCK_SIZE 512
#define VERITY_SALT_SIZE       32
#define VERITY_DIGESTS_A_BLOCK (VERITY_BLOCK_SIZE / SHA256_SIZE)
#define VERITY_DATA_BLOCKS_MAX ((uint64_t)1 << 31) /* 8 TiB */
#define VERITY_LEVELS_MAX      5                   /* 128^5 blocks are more than that */

#define EXT4_SUPERBLOCK_OFFSET 1024
#define EXT4_SUPERBLOCK_SIZE   1024

struct verity_superblock {
    uint8_t uuid[16]; /* for people; nothing depends on it */
    uint64_t data_blocks;
};

/* Reads the superblock from at least VERITY_SUPERBLOCK_SIZE bytes. */
int verity_superblock_parse(struct span bytes, struct verity_superblock *out, struct error *err);

/* Appends VERITY_SUPERBLOCK_SIZE bytes. */
int verity_superblock_append(const struct verity_superblock *superblock, struct buf *out,
                             struct error *err);

/* The file system's size in blocks of 4096 bytes, from its superblock of EXT4_SUPERBLOCK_SIZE bytes
 * (at EXT4_SUPERBLOCK_OFFSET of the disk). Refuses other block sizes. */
int verity_ext4_blocks(struct span superblock, uint64_t *blocks, struct error *err);

/* How many blocks the hash tree over so many data blocks takes (each holds 128 digests). */
uint64_t verity_tree_blocks(uint64_t data_blocks);

/* The digest of a block of data or of the tree. */
void verity_block_digest(const uint8_t block[VERITY_BLOCK_SIZE], uint8_t out[SHA256_SIZE]);

/* Those of two blocks beside each other, or of many, in less time. */
void verity_pair_digests(const uint8_t blocks[2 * VERITY_BLOCK_SIZE], uint8_t out[2][SHA256_SIZE]);
void verity_lane_digests(const uint8_t blocks[SHA256_LANES * VERITY_BLOCK_SIZE],
                         uint8_t out[SHA256_LANES][SHA256_SIZE]);

/* Which blocks of the tree stand between the first data block and the root hash, counted from the
 * tree's beginning: that of the lowest level first, the root last. Returns how many. Each holds the
 * digest of the one before it as its first. */
size_t verity_first_path(uint64_t data_blocks, uint64_t path[VERITY_LEVELS_MAX]);

#endif
