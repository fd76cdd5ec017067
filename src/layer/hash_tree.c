#include "layer/hash_tree.h"

#include <stdlib.h>

#include "crypto/sha256_pair.h"

#define HASHES_A_BLOCK (HASH_TREE_BLOCK_SIZE / SHA256_SIZE)

static const uint8_t salt[32]; /* in front of every block */

/* A group of hashes that is kept because one of them may change. */
struct open_group {
    uint64_t index;
    uint8_t bytes[HASH_TREE_BLOCK_SIZE];
};

struct level {
    uint8_t block[HASH_TREE_BLOCK_SIZE]; /* being filled */
    size_t hashes;                       /* in it */
    uint64_t index;                      /* its number = the blocks before it */
    bool keep;
    struct open_group **open; /* in the order of their numbers */
    size_t open_count;
    size_t open_room;
};

struct hash_tree {
    struct hash_tree_store store;
    struct sha256 salted; /* a context that has taken the salt */
    uint8_t zero_hash[SHA256_SIZE];
    size_t open_count; /* at all levels */
    struct level levels[HASH_TREE_LEVELS];
};

static void hash_block(const struct hash_tree *tree, const uint8_t *block, uint8_t *out)
{
    struct sha256 ctx = tree->salted;
    sha256_update(&ctx, span_of(block, HASH_TREE_BLOCK_SIZE));
    sha256_final(&ctx, out);
}

struct hash_tree *hash_tree_new(struct hash_tree_store store, struct error *err)
{
    static const uint8_t zeros[HASH_TREE_BLOCK_SIZE];
    struct hash_tree *tree = calloc(1, sizeof *tree);
    if (!tree) {
        (void)error_memory(err);
        return NULL;
    }
    tree->store = store;
    sha256_init(&tree->salted);
    sha256_update(&tree->salted, span_of(salt, sizeof salt));
    hash_block(tree, zeros, tree->zero_hash);
    return tree;
}

void hash_tree_free(struct hash_tree *tree)
{
    if (!tree)
        return;
    for (int i = 0; i < HASH_TREE_LEVELS; i++) {
        struct level *level = &tree->levels[i];
        for (size_t j = 0; j < level->open_count; j++)
            free(level->open[j]);
        free(level->open);
    }
    free(tree);
}

static int store_block(struct hash_tree *tree, int number, uint64_t index, const uint8_t *block,
                       struct error *err)
{
    if (!tree->store.store)
        return 0;
    return tree->store.store(tree->store.arg, number, index, block, err);
}

static int keep_open(struct hash_tree *tree, struct level *level, struct error *err)
{
    if (tree->open_count >= HASH_TREE_OPEN_LIMIT)
        return error_set(err, ERROR_LIMIT,
                         "extended attributes outside of inodes are spread over more than %d parts "
                         "of the disk",
                         HASH_TREE_OPEN_LIMIT);
    if (level->open_count == level->open_room) {
        size_t room = level->open_room ? 2 * level->open_room : 4;
        struct open_group **open = reallocarray(level->open, room, sizeof *open);
        if (!open)
            return error_memory(err);
        level->open = open;
        level->open_room = room;
    }
    struct open_group *group = malloc(sizeof *group);
    if (!group)
        return error_memory(err);
    group->index = level->index;
    memcpy(group->bytes, level->block, sizeof group->bytes);
    level->open[level->open_count++] = group;
    tree->open_count++;
    return 0;
}

static int push(struct hash_tree *tree, int number, const uint8_t *hash, struct error *err);

/* Hands the level's block on, padded with zeros. A kept one leaves a place in the level above,
 * which must then be kept itself. */
static int complete(struct hash_tree *tree, int number, struct error *err)
{
    struct level *level = &tree->levels[number];
    uint8_t hash[SHA256_SIZE] = {0};
    size_t used = level->hashes * SHA256_SIZE;
    if (number + 1 >= HASH_TREE_LEVELS)
        return error_set(err, ERROR_LIMIT, "the hash tree has more than %d levels",
                         HASH_TREE_LEVELS);
    memset(level->block + used, 0, HASH_TREE_BLOCK_SIZE - used);
    if (level->keep) {
        if (keep_open(tree, level, err) < 0)
            return -1;
        tree->levels[number + 1].keep = true;
    } else {
        if (store_block(tree, number, level->index, level->block, err) < 0)
            return -1;
        hash_block(tree, level->block, hash);
    }
    level->index++;
    level->hashes = 0;
    level->keep = false;
    return push(tree, number + 1, hash, err);
}

static int push(struct hash_tree *tree, int number, const uint8_t *hash, struct error *err)
{
    struct level *level = &tree->levels[number];
    memcpy(level->block + level->hashes * SHA256_SIZE, hash, SHA256_SIZE);
    level->hashes++;
    return level->hashes == HASHES_A_BLOCK ? complete(tree, number, err) : 0;
}

static bool is_zero_block(const uint8_t *block)
{
    return block[0] == 0 && memcmp(block, block + 1, HASH_TREE_BLOCK_SIZE - 1) == 0;
}

/* Hashes the block at `blocks`, or the two from there on when both have contents. Returns how many.
 */
static size_t hash_some(const struct hash_tree *tree, const uint8_t *blocks, size_t count,
                        uint8_t hashes[2][SHA256_SIZE])
{
    const uint8_t *second = blocks + HASH_TREE_BLOCK_SIZE;
    if (is_zero_block(blocks)) {
        memcpy(hashes[0], tree->zero_hash, SHA256_SIZE);
        return 1;
    }
    if (count < 2 || is_zero_block(second)) {
        hash_block(tree, blocks, hashes[0]);
        return 1;
    }
    sha256_pair(span_of(salt, sizeof salt), blocks, second, HASH_TREE_BLOCK_SIZE, hashes[0],
                hashes[1]);
    return 2;
}

int hash_tree_add(struct hash_tree *tree, const uint8_t *blocks, size_t count, struct error *err)
{
    while (count > 0) {
        uint8_t hashes[2][SHA256_SIZE];
        size_t done = hash_some(tree, blocks, count, hashes);
        for (size_t i = 0; i < done; i++) {
            if (push(tree, 0, hashes[i], err) < 0)
                return -1;
        }
        blocks += done * HASH_TREE_BLOCK_SIZE;
        count -= done;
    }
    return 0;
}

int hash_tree_add_zero(struct hash_tree *tree, uint64_t count, struct error *err)
{
    for (; count > 0; count--) {
        if (push(tree, 0, tree->zero_hash, err) < 0)
            return -1;
    }
    return 0;
}

void hash_tree_keep_next(struct hash_tree *tree)
{
    tree->levels[0].keep = true;
}

/* The bytes of a block of hashes that is still in memory, or NULL. */
static uint8_t *find_open(struct level *level, uint64_t index)
{
    if (index == level->index)
        return level->block;
    size_t low = 0, high = level->open_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (level->open[middle]->index == index)
            return level->open[middle]->bytes;
        if (level->open[middle]->index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static int put_hash(struct level *level, uint64_t index, const uint8_t *hash, struct error *err)
{
    uint8_t *group = find_open(level, index / HASHES_A_BLOCK);
    if (!group)
        return error_set(err, ERROR_INVALID, "block %llu of the tree can no longer change",
                         (unsigned long long)index);
    memcpy(group + index % HASHES_A_BLOCK * SHA256_SIZE, hash, SHA256_SIZE);
    return 0;
}

int hash_tree_change(struct hash_tree *tree, uint64_t index,
                     const uint8_t block[HASH_TREE_BLOCK_SIZE], struct error *err)
{
    uint8_t hash[SHA256_SIZE];
    hash_block(tree, block, hash);
    return put_hash(&tree->levels[0], index, hash, err);
}

/* Stores the groups that were kept and puts their hashes into the level above. */
static int settle(struct hash_tree *tree, int number, struct error *err)
{
    struct level *level = &tree->levels[number];
    for (size_t i = 0; i < level->open_count; i++) {
        struct open_group *group = level->open[i];
        uint8_t hash[SHA256_SIZE];
        if (store_block(tree, number, group->index, group->bytes, err) < 0)
            return -1;
        hash_block(tree, group->bytes, hash);
        if (put_hash(level + 1, group->index, hash, err) < 0)
            return -1;
    }
    return 0;
}

int hash_tree_finish(struct hash_tree *tree, uint8_t root[SHA256_SIZE], struct error *err)
{
    for (int number = 0; number + 1 < HASH_TREE_LEVELS; number++) {
        struct level *level = &tree->levels[number];
        if (level->hashes > 0 && complete(tree, number, err) < 0)
            return -1;
        if (settle(tree, number, err) < 0)
            return -1;
        if (level->index == 1) { /* the level of one block is the root's */
            memcpy(root, level[1].block, SHA256_SIZE);
            level[1].hashes = 0;
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID, "a hash tree needs at least one block");
}

void hash_tree_level_sizes(const struct hash_tree *tree, uint64_t sizes[HASH_TREE_LEVELS])
{
    for (int i = 0; i < HASH_TREE_LEVELS; i++)
        sizes[i] = tree->levels[i].index;
}
