/*
 * The dm-verity hash tree of a stream of blocks, computed as they come: Linux,
 * Documentation/admin-guide/device-mapper/verity.rst. Version 1, SHA-256, blocks of 4096 bytes on
 * both sides, a salt of 32 zero bytes in front of each block.
 *
 * Memory is one block a level, since a full block of hashes is hashed into the level above and
 * handed to `store`. A block of data that may change later must be announced: its group of 128, and
 * the groups above it, are then kept until the end. At most HASH_TREE_OPEN_LIMIT groups may be.
 */
#ifndef CAISSON_LAYER_HASH_TREE_H
#define CAISSON_LAYER_HASH_TREE_H

#include "base/error.h"
#include "crypto/digest.h"

#define HASH_TREE_BLOCK_SIZE 4096
#define HASH_TREE_LEVELS     5    /* 128^5 blocks are more than 128 GiB */
#define HASH_TREE_OPEN_LIMIT 6144 /* groups of 4 KiB: 24 MiB */

/* Takes block number `index` of a level; level 0 holds the hashes of the data. */
struct hash_tree_store {
    int (*store)(void *arg, int level, uint64_t index, const uint8_t block[HASH_TREE_BLOCK_SIZE],
                 struct error *err);
    void *arg;
};

struct hash_tree; /* opaque */

/* `store.store` may be NULL. */
struct hash_tree *hash_tree_new(struct hash_tree_store store, struct error *err);
void hash_tree_free(struct hash_tree *tree);

/* Adds `count` blocks; a block of zeros is found out and cheap. */
int hash_tree_add(struct hash_tree *tree, const uint8_t *blocks, size_t count, struct error *err);
int hash_tree_add_zero(struct hash_tree *tree, uint64_t count, struct error *err);

/* Announces that the next block to be added may change. */
void hash_tree_keep_next(struct hash_tree *tree);

/* Changes a block that was announced. */
int hash_tree_change(struct hash_tree *tree, uint64_t index,
                     const uint8_t block[HASH_TREE_BLOCK_SIZE], struct error *err);

/* Completes the tree, stores what is left of it, and gives its root hash. At least one block must
 * have been added. */
int hash_tree_finish(struct hash_tree *tree, uint8_t root[SHA256_SIZE], struct error *err);

/* After hash_tree_finish(): the blocks of each level; 0 above the root's. */
void hash_tree_level_sizes(const struct hash_tree *tree, uint64_t sizes[HASH_TREE_LEVELS]);

#endif
