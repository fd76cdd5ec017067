/*
 * A layer's disk as the host gives it, each block checked against the root hash before anybody sees
 * a byte of it: the dm-verity tree that src/layer writes (format/verity.h).
 *
 * Theory of operation: the disk is ext4 ‖ superblock ‖ tree. From the host come two things: how
 * many blocks of data there are, and blocks. The number is believed for the shape of the tree
 * alone; whoever mounts must compare it with the number in the data itself (ext4_reader_open()
 * does), or a host could pass off a level of the tree as data. A block is read into memory of the
 * enclave's, then hashed there, then kept in a cache of limited size: data and tree alike, since a
 * cached block of the tree is as good as the root. Errors leave nothing in the cache.
 *
 * Whole blocks of a file are read several at once, by way of a buffer that is used again and again,
 * and kept when they are read for the second time: most are read once.
 *
 * Not for two threads at once.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_VERITY_H
#define CAISSON_ENCLAVE_LIBOS_FILES_VERITY_H

#include "format/verity.h"

/* Reads `count` blocks of the host's disk, at most VERITY_RUN, that follow each other. It puts as
 * many VERITY_BLOCK_SIZE bytes, which may be anything, into `out`, memory that the host cannot
 * reach. 0, or a negative errno. */
struct verity_source {
    int (*read_blocks)(void *arg, uint64_t block, size_t count, uint8_t *out);
    void *arg;
};

#define VERITY_RUN 16

#define VERITY_CACHE_BLOCKS_MIN 16

struct verity_disk; /* opaque */

/* A disk with `data_blocks` blocks of data and a cache of about `cache_blocks`; reads nothing.
 * -EINVAL for numbers that cannot be, -ENOMEM. */
int verity_disk_new(const struct verity_source *source, uint64_t data_blocks,
                    const uint8_t root[SHA256_SIZE], size_t cache_blocks, struct verity_disk **out);
void verity_disk_free(struct verity_disk *disk);

uint64_t verity_disk_blocks(const struct verity_disk *disk);

/* Copies a part of one block of data. -EINVAL for what is not on the disk, -EIO for a block that is
 * not what the root hash says, else what the source said. On failure `out` is untouched. */
int verity_disk_read(struct verity_disk *disk, uint64_t block, size_t offset, size_t size,
                     void *out);

/* The same of `count` whole blocks that follow each other. On failure `out` has some of them, and
 * nothing that was not checked. */
int verity_disk_read_whole(struct verity_disk *disk, uint64_t block, size_t count, void *out);

#endif
