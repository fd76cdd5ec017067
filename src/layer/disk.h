/*
 * The disk being made: bytes of the ext4 are appended and hashed on the way into a verity tree.
 * Only blocks that were announced may change later. Without a file (fd -1) nothing but the hash
 * remains.
 *
 * The tree's place on the disk is known only at the end; until then its blocks are parked in the
 * same file, far behind the largest disk, as sparse data. disk_finish() moves them and cuts the
 * file.
 */
#ifndef CAISSON_LAYER_DISK_H
#define CAISSON_LAYER_DISK_H

#include "base/span.h"
#include "layer/hash_tree.h"

#define DISK_BLOCK_SIZE  4096
#define DISK_BUFFER_SIZE ((size_t)256 << 10)

struct disk {
    int fd;
    struct hash_tree *tree;
    uint8_t *buffer; /* bytes that are neither hashed nor written yet */
    size_t used;
    uint64_t position; /* bytes appended so far */
    uint64_t limit;
};

/* Empties the file `fd`, which stays the caller's; -1 for none. disk_fini() is due even after a
 * failure. */
int disk_init(struct disk *disk, int fd, uint64_t limit, struct error *err);
void disk_fini(struct disk *disk);

int disk_write(struct disk *disk, struct span bytes, struct error *err);
int disk_write_zero(struct disk *disk, uint64_t size, struct error *err);

/* Zeros up to the next block. */
int disk_align(struct disk *disk, struct error *err);

/* At the start of a block: appends one that may change later. */
int disk_write_changeable(struct disk *disk, const uint8_t block[DISK_BLOCK_SIZE],
                          struct error *err);
int disk_change(struct disk *disk, uint64_t index, const uint8_t block[DISK_BLOCK_SIZE],
                struct error *err);

/* Number of the block in which the next byte goes. */
static inline uint32_t disk_block(const struct disk *disk)
{
    return (uint32_t)(disk->position / DISK_BLOCK_SIZE);
}

/* Completes the tree and, with a file, writes superblock, tree and (vhd) footer. The ext4 must end
 * with a whole block. */
int disk_finish(struct disk *disk, bool vhd, uint8_t root[SHA256_SIZE], uint64_t *disk_size,
                struct error *err);

#endif
