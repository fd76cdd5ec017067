#include "layer/nodes.h"

#include <stdlib.h>

#include "crypto/random.h"

#define TEXT_CHUNK  65536U
#define ITEMS_CHUNK 4096U
#define TABLE_START 4096U

static int charge(struct nodes *nodes, uint64_t size, struct error *err)
{
    if (size > nodes->memory_limit - nodes->memory)
        return error_set(err, ERROR_LIMIT,
                         "the layer has too many files: their names and inodes would take more "
                         "than %llu bytes of memory",
                         (unsigned long long)nodes->memory_limit);
    nodes->memory += size;
    return 0;
}

int nodes_charge(struct nodes *nodes, uint64_t size, struct error *err)
{
    return charge(nodes, size, err);
}

static int slab_grow(struct nodes *nodes, struct slab *slab, struct error *err)
{
    if (slab->chunk_count == slab->chunk_room) {
        size_t room = slab->chunk_room ? 2 * slab->chunk_room : 16;
        uint8_t **chunks = reallocarray(slab->chunks, room, sizeof *chunks);
        if (!chunks)
            return error_memory(err);
        slab->chunks = chunks;
        slab->chunk_room = room;
    }
    size_t size = slab->item_size * slab->items_a_chunk;
    if (charge(nodes, size, err) < 0)
        return -1;
    uint8_t *chunk = calloc(1, size);
    if (!chunk)
        return error_memory(err);
    slab->chunks[slab->chunk_count++] = chunk;
    return 0;
}

/* Takes `count` items that lie in one chunk. */
static int slab_take(struct nodes *nodes, struct slab *slab, uint32_t count, uint32_t *first,
                     struct error *err)
{
    uint32_t used = slab->count % slab->items_a_chunk;
    if (used != 0 && used + count > slab->items_a_chunk)
        slab->count += slab->items_a_chunk - used;
    if (slab->count / slab->items_a_chunk >= slab->chunk_count && slab_grow(nodes, slab, err) < 0)
        return -1;
    *first = slab->count;
    slab->count += count;
    return 0;
}

static uint8_t *slab_at(const struct slab *slab, uint32_t item)
{
    return slab->chunks[item / slab->items_a_chunk] +
           (size_t)(item % slab->items_a_chunk) * slab->item_size;
}

static void slab_free(struct slab *slab)
{
    for (size_t i = 0; i < slab->chunk_count; i++)
        free(slab->chunks[i]);
    free(slab->chunks);
}

int nodes_init(struct nodes *nodes, uint64_t memory_limit, struct error *err)
{
    uint32_t unused;
    *nodes = (struct nodes){
        .inodes = {.item_size = sizeof(struct inode), .items_a_chunk = ITEMS_CHUNK},
        .entries = {.item_size = sizeof(struct entry), .items_a_chunk = ITEMS_CHUNK},
        .texts = {.item_size = 1, .items_a_chunk = TEXT_CHUNK},
        .table = calloc(TABLE_START, sizeof *nodes->table),
        .table_size = TABLE_START,
        .memory_limit = memory_limit,
    };
    if (!nodes->table)
        return error_memory(err);
    if (random_bytes(nodes->key, sizeof nodes->key, err) < 0 ||
        charge(nodes, TABLE_START * sizeof *nodes->table, err) < 0)
        return -1;
    return slab_take(nodes, &nodes->entries, 1, &unused, err);
}

void nodes_fini(struct nodes *nodes)
{
    for (uint32_t i = 1; i <= nodes->inodes.count; i++)
        xattr_keep_free(nodes_inode(nodes, i)->xattrs);
    slab_free(&nodes->inodes);
    slab_free(&nodes->entries);
    slab_free(&nodes->texts);
    free(nodes->table);
    *nodes = (struct nodes){0};
}

struct inode *nodes_inode(const struct nodes *nodes, uint32_t number)
{
    return (struct inode *)(void *)slab_at(&nodes->inodes, number - 1);
}

struct entry *nodes_entry(const struct nodes *nodes, uint32_t entry)
{
    return (struct entry *)(void *)slab_at(&nodes->entries, entry);
}

const uint8_t *nodes_text(const struct nodes *nodes, uint32_t text)
{
    return slab_at(&nodes->texts, text);
}

struct span nodes_entry_name(const struct nodes *nodes, uint32_t entry)
{
    const uint8_t *text = nodes_text(nodes, nodes_entry(nodes, entry)->name);
    return span_of(text + 1, text[0]);
}

int nodes_add_inode(struct nodes *nodes, uint32_t *number, struct error *err)
{
    if (nodes->inodes.count >= NODES_MAX)
        return error_set(err, ERROR_LIMIT, "the layer has more than %u files", NODES_MAX);
    if (slab_take(nodes, &nodes->inodes, 1, number, err) < 0)
        return -1;
    ++*number;
    return 0;
}

int nodes_add_text(struct nodes *nodes, struct span text, uint32_t *out, struct error *err)
{
    *out = 0;
    if (text.size == 0)
        return 0;
    if (slab_take(nodes, &nodes->texts, (uint32_t)text.size, out, err) < 0)
        return -1;
    memcpy(slab_at(&nodes->texts, *out), text.data, text.size);
    return 0;
}

static uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein) of the directory's number and the name. */
static uint32_t hash_name(const struct nodes *nodes, uint32_t parent, struct span name)
{
    uint64_t k0 = nodes->key[0], k1 = nodes->key[1] ^ parent;
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                     k1 ^ 0x7465646279746573};
    for (size_t at = 0; at <= name.size; at += 8) {
        uint64_t word = 0;
        bool last = name.size - at < 8;
        memcpy(&word, name.data + at, last ? name.size - at : 8);
        if (last)
            word |= (uint64_t)name.size << 56;
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    uint64_t hash = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (uint32_t)(hash ^ hash >> 32);
}

/* The slot of the entry, or the free one where it would go. */
static uint32_t find_slot(const struct nodes *nodes, uint32_t parent, struct span name)
{
    uint32_t mask = nodes->table_size - 1;
    uint32_t slot = hash_name(nodes, parent, name) & mask;
    for (; nodes->table[slot] != 0; slot = (slot + 1) & mask) {
        uint32_t entry = nodes->table[slot];
        if (nodes_entry(nodes, entry)->parent == parent &&
            span_equal(nodes_entry_name(nodes, entry), name))
            break;
    }
    return slot;
}

uint32_t nodes_find(const struct nodes *nodes, uint32_t parent, struct span name)
{
    return nodes->table[find_slot(nodes, parent, name)];
}

/* Keeps the table at most two thirds full. */
static int grow_table(struct nodes *nodes, struct error *err)
{
    if (nodes->entries.count < nodes->table_size / 3 * 2)
        return 0;
    uint32_t size = nodes->table_size * 2;
    if (charge(nodes, (uint64_t)nodes->table_size * sizeof *nodes->table, err) < 0)
        return -1;
    uint32_t *table = calloc(size, sizeof *table);
    if (!table)
        return error_memory(err);
    free(nodes->table);
    nodes->table = table;
    nodes->table_size = size;
    for (uint32_t i = 1; i < nodes->entries.count; i++)
        table[find_slot(nodes, nodes_entry(nodes, i)->parent, nodes_entry_name(nodes, i))] = i;
    return 0;
}

int nodes_add_entry(struct nodes *nodes, uint32_t parent, struct span name, uint32_t inode,
                    struct error *err)
{
    uint8_t text[1 + NODES_NAME_MAX] = {(uint8_t)name.size};
    uint32_t at, entry;
    memcpy(text + 1, name.data, name.size);
    if (grow_table(nodes, err) < 0 ||
        nodes_add_text(nodes, span_of(text, 1 + name.size), &at, err) < 0 ||
        slab_take(nodes, &nodes->entries, 1, &entry, err) < 0)
        return -1;
    uint32_t slot = find_slot(nodes, parent, name);
    struct inode *directory = nodes_inode(nodes, parent);
    *nodes_entry(nodes, entry) = (struct entry){parent, inode, directory->first_child, at};
    directory->first_child = entry;
    nodes->table[slot] = entry;
    return 0;
}

static int compare_children(const void *a, const void *b, void *arg)
{
    const struct nodes *nodes = arg;
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    uint32_t left_inode = nodes_entry(nodes, left)->inode;
    uint32_t right_inode = nodes_entry(nodes, right)->inode;
    if (left_inode != right_inode)
        return left_inode < right_inode ? -1 : 1;
    struct span x = nodes_entry_name(nodes, left), y = nodes_entry_name(nodes, right);
    int order = memcmp(x.data, y.data, x.size < y.size ? x.size : y.size);
    return order != 0 ? order : (x.size > y.size) - (x.size < y.size);
}

int nodes_sort_children(struct nodes *nodes, uint32_t directory, struct error *err)
{
    struct inode *inode = nodes_inode(nodes, directory);
    size_t count = 0;
    for (uint32_t i = inode->first_child; i != 0; i = nodes_entry(nodes, i)->next)
        count++;
    if (count < 2)
        return 0;
    uint32_t *children = calloc(count, sizeof *children);
    if (!children)
        return error_memory(err);
    size_t at = count;
    /* The list is newest first: turned round it is nearly in order already. */
    for (uint32_t i = inode->first_child; i != 0; i = nodes_entry(nodes, i)->next)
        children[--at] = i;
    qsort_r(children, count, sizeof *children, compare_children, nodes);
    for (size_t i = 0; i < count; i++)
        nodes_entry(nodes, children[i])->next = i + 1 < count ? children[i + 1] : 0;
    inode->first_child = children[0];
    free(children);
    return 0;
}
