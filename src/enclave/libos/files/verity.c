#include "enclave/libos/files/verity.h"

#include <linux/errno.h>

#include "enclave/libos/bytes.h"

#define WAYS    4
#define NOTHING UINT64_MAX

/* A block that was checked. `number` counts from the disk's beginning; NOTHING for an empty slot.
 */
struct slot {
    uint64_t number;
    uint64_t used; /* when, in reads of this disk */
};

struct verity_disk {
    struct verity_source source;
    uint64_t data_blocks;
    uint8_t root[SHA256_SIZE];
    uint64_t starts[VERITY_LEVELS_MAX]; /* each level's first block on the disk, lowest first */
    size_t levels;
    uint64_t reads;
    size_t sets;
    struct slot *slots; /* WAYS a set */
    uint8_t *blocks;    /* one a slot */
};

/* The levels follow each other from the root down, behind the superblock. */
static void set_shape(struct verity_disk *disk)
{
    disk->levels = verity_first_path(disk->data_blocks, disk->starts);
    for (size_t i = 0; i < disk->levels; i++)
        disk->starts[i] += disk->data_blocks + 1;
}

int verity_disk_new(const struct verity_source *source, uint64_t data_blocks,
                    const uint8_t root[SHA256_SIZE], size_t cache_blocks, struct verity_disk **out)
{
    *out = NULL;
    if (data_blocks == 0 || data_blocks > VERITY_DATA_BLOCKS_MAX)
        return -EINVAL;
    if (cache_blocks < VERITY_CACHE_BLOCKS_MIN)
        cache_blocks = VERITY_CACHE_BLOCKS_MIN;
    struct verity_disk *disk = alloc_zeroed(1, sizeof *disk);
    if (!disk)
        return -ENOMEM;
    disk->source = *source;
    disk->data_blocks = data_blocks;
    memcpy(disk->root, root, SHA256_SIZE);
    set_shape(disk);
    disk->sets = cache_blocks / WAYS;
    disk->slots = alloc_zeroed(disk->sets * WAYS, sizeof *disk->slots);
    disk->blocks = alloc_array(disk->sets * WAYS,
                               VERITY_BLOCK_SIZE); /* read where a slot says so */
    if (!disk->slots || !disk->blocks) {
        verity_disk_free(disk);
        return -ENOMEM;
    }
    for (size_t i = 0; i < disk->sets * WAYS; i++)
        disk->slots[i].number = NOTHING;
    *out = disk;
    return 0;
}

void verity_disk_free(struct verity_disk *disk)
{
    if (!disk)
        return;
    libos_free(disk->slots);
    libos_free(disk->blocks);
    libos_free(disk);
}

uint64_t verity_disk_blocks(const struct verity_disk *disk)
{
    return disk->data_blocks;
}

/* The checked block in the cache, or NULL. */
static const uint8_t *find(struct verity_disk *disk, uint64_t number)
{
    size_t first = (size_t)(number % disk->sets) * WAYS;
    for (size_t i = first; i < first + WAYS; i++) {
        if (disk->slots[i].number == number) {
            disk->slots[i].used = ++disk->reads;
            return disk->blocks + i * VERITY_BLOCK_SIZE;
        }
    }
    return NULL;
}

/* Reads a block in the place of the one that was used longest ago, and checks it. */
static int fetch(struct verity_disk *disk, uint64_t number, const uint8_t digest[SHA256_SIZE],
                 const uint8_t **out)
{
    size_t place = (size_t)(number % disk->sets) * WAYS;
    for (size_t i = place + 1; i % WAYS != 0; i++) {
        if (disk->slots[i].used < disk->slots[place].used)
            place = i;
    }
    uint8_t *block = disk->blocks + place * VERITY_BLOCK_SIZE;
    uint8_t actual[SHA256_SIZE];
    disk->slots[place] = (struct slot){.number = NOTHING};
    int status = disk->source.read_block(disk->source.arg, number, block);
    if (status != 0)
        return status < 0 ? status : -EIO;
    verity_block_digest(block, actual);
    if (memcmp(actual, digest, SHA256_SIZE) != 0)
        return -EIO;
    disk->slots[place] = (struct slot){number, ++disk->reads};
    *out = block;
    return 0;
}

/* Where on the disk the block of a level stands that leads to this block of data. */
static uint64_t tree_block(const struct verity_disk *disk, size_t level, uint64_t data)
{
    return disk->starts[level] + (data >> (7 * (level + 1)));
}

_Static_assert(VERITY_DIGESTS_A_BLOCK == 1 << 7, "a block of digests has seven bits of a number");

/* The digest of a block of data: down the tree, from the lowest block that is in the cache, or from
 * the root. Digests are copied out of each block, since the next one may take its place. */
static int find_digest(struct verity_disk *disk, uint64_t data, uint8_t digest[SHA256_SIZE])
{
    const uint8_t *block = NULL;
    size_t level = 0;
    while (level < disk->levels && !(block = find(disk, tree_block(disk, level, data))))
        level++;
    if (!block)
        memcpy(digest, disk->root, SHA256_SIZE);
    for (;; level--) {
        if (block) {
            size_t index = (size_t)(data >> (7 * level)) % VERITY_DIGESTS_A_BLOCK;
            memcpy(digest, block + index * SHA256_SIZE, SHA256_SIZE);
        }
        if (level == 0)
            return 0;
        int status = fetch(disk, tree_block(disk, level - 1, data), digest, &block);
        if (status < 0)
            return status;
    }
}

int verity_disk_read(struct verity_disk *disk, uint64_t block, size_t offset, size_t size,
                     void *out)
{
    if (block >= disk->data_blocks || offset > VERITY_BLOCK_SIZE ||
        size > VERITY_BLOCK_SIZE - offset)
        return -EINVAL;
    const uint8_t *bytes = find(disk, block);
    if (!bytes) {
        uint8_t digest[SHA256_SIZE];
        int status = find_digest(disk, block, digest);
        if (status == 0)
            status = fetch(disk, block, digest, &bytes);
        if (status != 0)
            return status;
    }
    memcpy(out, bytes + offset, size);
    return 0;
}
