#include "enclave/libos/files/verity.h"

#include <linux/errno.h>

#include "enclave/libos/bytes.h"

#define WAYS    4
#define CHUNK   32 /* blocks that memory is asked for at once */
#define NOTHING UINT64_MAX

/* A block that was checked. `number` counts from the disk's beginning; NOTHING for an empty slot.
 */
struct slot {
    uint64_t number;
    uint64_t used;  /* when, in reads of this disk */
    uint8_t *block; /* NULL before its first use */
};

struct verity_disk {
    struct verity_source source;
    uint64_t data_blocks;
    uint8_t root[SHA256_SIZE];
    uint64_t starts[VERITY_LEVELS_MAX]; /* each level's first block on the disk, lowest first */
    size_t levels;
    uint64_t reads;
    size_t sets;
    struct slot *slots;  /* WAYS a set */
    uint32_t *read_once; /* numbers of blocks that were, one for each slot: what is wrong here costs
                            time alone */
    uint8_t *run;        /* VERITY_RUN blocks that are looked at */
    uint8_t **chunks;    /* of blocks, CHUNK each, of which the first `taken` are slots' */
    size_t taken;
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
    size_t slots = disk->sets * WAYS;
    if (!(disk->slots = alloc_zeroed(slots, sizeof *disk->slots)) ||
        !(disk->read_once = alloc_zeroed(slots, sizeof *disk->read_once)) ||
        !(disk->chunks = alloc_zeroed(slots / CHUNK + 1, sizeof *disk->chunks)) ||
        !(disk->run = alloc_array(VERITY_RUN, VERITY_BLOCK_SIZE))) {
        verity_disk_free(disk);
        return -ENOMEM;
    }
    for (size_t i = 0; i < slots; i++)
        disk->slots[i].number = NOTHING;
    *out = disk;
    return 0;
}

void verity_disk_free(struct verity_disk *disk)
{
    if (!disk)
        return;
    for (size_t i = 0; i * CHUNK < disk->taken; i++)
        libos_free(disk->chunks[i]);
    libos_free(disk->slots);
    libos_free(disk->read_once);
    libos_free(disk->chunks);
    libos_free(disk->run);
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
            return disk->slots[i].block;
        }
    }
    return NULL;
}

/* Memory for one more block; NULL where there is none left. */
static uint8_t *take_block(struct verity_disk *disk)
{
    uint8_t **chunk = &disk->chunks[disk->taken / CHUNK];
    if (!*chunk)
        *chunk = libos_alloc((size_t)CHUNK * VERITY_BLOCK_SIZE);
    return *chunk ? *chunk + disk->taken++ % CHUNK * VERITY_BLOCK_SIZE : NULL;
}

/* A place for this block: one that was never used, or that of the block that was used longest ago.
 * NULL where the first such finds no memory. */
static struct slot *make_place(struct verity_disk *disk, uint64_t number)
{
    struct slot *set = &disk->slots[(size_t)(number % disk->sets) * WAYS], *place = set;
    for (size_t i = 1; i < WAYS; i++) {
        if (set[i].used < place->used)
            place = &set[i];
    }
    if (!place->block && !(place->block = take_block(disk)))
        place = set[0].block ? &set[0] : NULL;
    if (place)
        place->number = NOTHING;
    return place;
}

/* What was checked. */
static void keep(struct verity_disk *disk, uint64_t number, const uint8_t *block)
{
    struct slot *place = make_place(disk, number);
    if (!place)
        return;
    memcpy(place->block, block, VERITY_BLOCK_SIZE);
    place->number = number;
    place->used = ++disk->reads;
}

/* Whether the block was read a short while ago; now it was. */
static bool is_read_again(struct verity_disk *disk, uint64_t number)
{
    uint32_t *last = &disk->read_once[number % (disk->sets * WAYS)];
    bool result = *last == (uint32_t)(number + 1);
    *last = (uint32_t)(number + 1);
    return result;
}

static int check(const uint8_t *block, const uint8_t digest[SHA256_SIZE])
{
    uint8_t actual[SHA256_SIZE];
    verity_block_digest(block, actual);
    return memcmp(actual, digest, SHA256_SIZE) == 0 ? 0 : -EIO;
}

/* Reads a block, checks it, and keeps it. */
static int fetch(struct verity_disk *disk, uint64_t number, const uint8_t digest[SHA256_SIZE],
                 const uint8_t **out)
{
    struct slot *place = make_place(disk, number);
    uint8_t *block = place ? place->block : disk->run;
    int status = disk->source.read_blocks(disk->source.arg, number, 1, block);
    if (status == 0)
        status = check(block, digest);
    if (status != 0)
        return status < 0 ? status : -EIO;
    if (place)
        *place = (struct slot){number, ++disk->reads, block};
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

/* How many of these blocks, before the first one that is wrong; as many at a time as there can be.
 */
static size_t check_run(const uint8_t *blocks, uint8_t digests[][SHA256_SIZE], size_t count)
{
    uint8_t actual[SHA256_LANES][SHA256_SIZE];
    size_t good = 0;
    while (good + SHA256_LANES <= count) {
        verity_lane_digests(blocks + good * VERITY_BLOCK_SIZE, actual);
        for (size_t i = 0; i < SHA256_LANES; i++, good++) {
            if (memcmp(actual[i], digests[good], SHA256_SIZE) != 0)
                return good;
        }
    }
    while (good + 1 < count) {
        verity_pair_digests(blocks + good * VERITY_BLOCK_SIZE, actual);
        if (memcmp(actual[0], digests[good], SHA256_SIZE) != 0)
            return good;
        if (memcmp(actual[1], digests[good + 1], SHA256_SIZE) != 0)
            return good + 1;
        good += 2;
    }
    return good < count && check(blocks + good * VERITY_BLOCK_SIZE, digests[good]) == 0 ? count
                                                                                        : good;
}

/* Blocks that are not in the cache, VERITY_RUN at most. */
static int read_run(struct verity_disk *disk, uint64_t block, size_t count, uint8_t *out)
{
    uint8_t digests[VERITY_RUN][SHA256_SIZE];
    int status = 0;
    for (size_t i = 0; status == 0 && i < count; i++)
        status = find_digest(disk, block + i, digests[i]); /* which may need the buffer */
    if (status == 0)
        status = disk->source.read_blocks(disk->source.arg, block, count, disk->run);
    if (status != 0)
        return status < 0 ? status : -EIO;
    size_t good = check_run(disk->run, digests, count);
    for (size_t i = 0; i < good; i++) {
        if (is_read_again(disk, block + i))
            keep(disk, block + i, disk->run + i * VERITY_BLOCK_SIZE);
    }
    memcpy(out, disk->run, good * VERITY_BLOCK_SIZE);
    return good == count ? 0 : -EIO;
}

int verity_disk_read_whole(struct verity_disk *disk, uint64_t block, size_t count, void *out)
{
    uint8_t *to = out;
    if (block > disk->data_blocks || count > disk->data_blocks - block)
        return -EINVAL;
    for (size_t done = 0, run; done < count; done += run) {
        const uint8_t *bytes = find(disk, block + done);
        int status = 0;
        run = 1;
        if (bytes) {
            memcpy(to + done * VERITY_BLOCK_SIZE, bytes, VERITY_BLOCK_SIZE);
            continue;
        }
        while (run < VERITY_RUN && run < count - done && !find(disk, block + done + run))
            run++;
        status = read_run(disk, block + done, run, to + done * VERITY_BLOCK_SIZE);
        if (status < 0)
            return status;
    }
    return 0;
}
