#include "layer/xattr.h"

#include <stdlib.h>

#include "format/ext4.h"
#include "layer/gosort.h"

#define END_MARK 4 /* an empty entry */

static const struct {
    uint8_t index;
    const char *prefix;
} prefixes[] = {EXT4_XATTR_PREFIXES};
#define PREFIXES (sizeof prefixes / sizeof *prefixes)

/* An attribute as it is stored. */
struct item {
    uint8_t index;
    struct span name; /* behind the prefix */
    struct span value;
};

struct item_list {
    struct item items[XATTR_MAX];
    size_t count;
    size_t room; /* bytes left for entries and values */
};

static size_t round_up(size_t size)
{
    return (size + 3) & ~(size_t)3;
}

static size_t entry_size(const struct item *item)
{
    return EXT4_XATTR_ENTRY_SIZE + round_up(item->name.size);
}

static void put_le(uint8_t *out, uint32_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get_le(const uint8_t *in, size_t size)
{
    uint32_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint32_t)in[i] << 8 * i;
    return value;
}

void xattr_keep_free(struct xattr_keep *keep)
{
    if (!keep)
        return;
    free(keep->block);
    free(keep);
}

static int compare_spans(struct span a, struct span b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_items(const void *a, const void *b)
{
    const struct tar_xattr *left = a, *right = b;
    return compare_spans(left->name, right->name);
}

static struct tar_xattr *find(struct xattr_set *set, struct span name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (span_equal(set->items[i].name, name))
            return &set->items[i];
    }
    return NULL;
}

int xattr_set_put(struct xattr_set *set, struct span name, struct span value, struct error *err)
{
    struct tar_xattr *item = find(set, name);
    if (!item && set->count == sizeof set->items / sizeof *set->items)
        return error_set(err, ERROR_LIMIT, "more than %zu extended attributes on one file",
                         sizeof set->items / sizeof *set->items);
    if (!item)
        item = &set->items[set->count++];
    *item = (struct tar_xattr){name, value};
    return 0;
}

int xattr_set_fill(struct xattr_set *set, const struct tar_xattr *items, size_t count,
                   struct error *err)
{
    set->count = 0;
    set->names_size = 0;
    for (size_t i = 0; i < count; i++) {
        if (xattr_set_put(set, items[i].name, items[i].value, err) < 0)
            return -1;
    }
    return 0;
}

int xattr_set_merge(struct xattr_set *set, const struct xattr_set *other, struct error *err)
{
    for (size_t i = 0; i < other->count; i++) {
        if (!find(set, other->items[i].name) &&
            xattr_set_put(set, other->items[i].name, other->items[i].value, err) < 0)
            return -1;
    }
    return 0;
}

void xattr_set_remove(struct xattr_set *set, struct span name)
{
    struct tar_xattr *item = find(set, name);
    if (item)
        *item = set->items[--set->count];
}

/* The whole name, put together in the set's own memory. */
static bool join_name(struct xattr_set *set, uint8_t index, struct span suffix, struct span *out)
{
    const char *prefix = "";
    for (size_t i = 0; i < PREFIXES; i++) {
        if (prefixes[i].index == index)
            prefix = prefixes[i].prefix;
    }
    size_t size = strlen(prefix);
    if (size + suffix.size > sizeof set->names - set->names_size)
        return false;
    uint8_t *name = set->names + set->names_size;
    memcpy(name, prefix, size);
    memcpy(name + size, suffix.data, suffix.size);
    set->names_size += size + suffix.size;
    *out = span_of(name, size + suffix.size);
    return true;
}

/* Reads entries that xattr_encode() wrote; offsets count from `delta` bytes before the region. The
 * bytes are our own, yet no offset is trusted. */
static int read_region(struct xattr_set *set, struct span region, size_t delta, struct error *err)
{
    for (size_t at = 0; at + EXT4_XATTR_ENTRY_SIZE <= region.size && region.data[at] != 0;) {
        const uint8_t *entry = region.data + at;
        size_t name_size = entry[0], offset = get_le(entry + 2, 2) - delta;
        size_t value_size = get_le(entry + 8, 4);
        struct span name;
        if (at + EXT4_XATTR_ENTRY_SIZE + name_size > region.size || offset > region.size ||
            value_size > region.size - offset ||
            !join_name(set, entry[1], span_of(entry + EXT4_XATTR_ENTRY_SIZE, name_size), &name))
            return error_set(err, ERROR_INVALID, "extended attributes don't read back");
        if (xattr_set_put(set, name, span_of(region.data + offset, value_size), err) < 0)
            return -1;
        at += EXT4_XATTR_ENTRY_SIZE + round_up(name_size);
    }
    return 0;
}

int xattr_set_read_inode(struct xattr_set *set, const struct xattr_keep *keep, struct error *err)
{
    if (!keep || !keep->has_inline)
        return 0;
    struct span region = span_of(keep->in_inode + EXT4_XATTR_INODE_HEADER,
                                 XATTR_INODE_SIZE - EXT4_XATTR_INODE_HEADER);
    return read_region(set, region, 0, err);
}

int xattr_set_read_block(struct xattr_set *set, const struct xattr_keep *keep, struct error *err)
{
    if (!keep || !keep->block)
        return 0;
    struct span region = span_of(keep->block + EXT4_XATTR_BLOCK_HEADER,
                                 XATTR_BLOCK_SIZE - EXT4_XATTR_BLOCK_HEADER);
    return read_region(set, region, EXT4_XATTR_BLOCK_HEADER, err);
}

static struct item split_name(const struct tar_xattr *xattr)
{
    for (size_t i = 0; i < PREFIXES; i++) {
        size_t size = strlen(prefixes[i].prefix);
        if (xattr->name.size >= size && memcmp(xattr->name.data, prefixes[i].prefix, size) == 0)
            return (struct item){prefixes[i].index,
                                 span_of(xattr->name.data + size, xattr->name.size - size),
                                 xattr->value};
    }
    return (struct item){0, xattr->name, xattr->value};
}

static bool list_take(struct item_list *list, const struct item *item)
{
    size_t size = entry_size(item) + round_up(item->value.size);
    if (size > list->room || list->count == XATTR_MAX)
        return false;
    list->items[list->count++] = *item;
    list->room -= size;
    return true;
}

/* The hash that e2fsck checks: over the stored name and the value, padded to words. */
static uint32_t hash_item(const struct item *item)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < item->name.size; i++)
        hash = hash << 5 ^ hash >> 27 ^ item->name.data[i];
    for (size_t i = 0; i < item->value.size; i += 4) {
        size_t left = item->value.size - i;
        hash = hash << 16 ^ hash >> 16 ^ get_le(item->value.data + i, left < 4 ? left : 4);
    }
    return hash;
}

/* Entries grow from the front of the region, values from its end. Of a name longer than 255 bytes
 * the size is stored modulo 256, as the reference does. */
static void write_region(const struct item_list *list, uint8_t *region, size_t size, size_t delta)
{
    uint8_t *entry = region;
    size_t end = size;
    for (size_t i = 0; i < list->count; i++) {
        const struct item *item = &list->items[i];
        end -= round_up(item->value.size);
        entry[0] = (uint8_t)item->name.size;
        entry[1] = item->index;
        put_le(entry + 2, (uint32_t)(end + delta), 2);
        put_le(entry + 8, (uint32_t)item->value.size, 4);
        put_le(entry + 12, hash_item(item), 4);
        memcpy(entry + EXT4_XATTR_ENTRY_SIZE, item->name.data, item->name.size);
        if (item->value.size > 0)
            memcpy(region + end, item->value.data, item->value.size);
        entry += entry_size(item);
    }
}

/* The reference's comparison: not an ordering, since "a is longer" doesn't stop it from going on.
 */
static bool item_less(void *arg, size_t a, size_t b)
{
    const struct item_list *list = arg;
    const struct item *x = &list->items[a], *y = &list->items[b];
    return x->index < y->index || x->name.size < y->name.size ||
           compare_spans(x->name, y->name) < 0;
}

static void item_swap(void *arg, size_t a, size_t b)
{
    struct item_list *list = arg;
    struct item keep = list->items[a];
    list->items[a] = list->items[b];
    list->items[b] = keep;
}

static int distribute(struct xattr_set *set, struct item_list *in_inode, struct item_list *in_block,
                      struct error *err)
{
    if (set->count > 1)
        qsort(set->items, set->count, sizeof *set->items, compare_items);
    for (size_t i = 0; i < set->count; i++) {
        struct item item = split_name(&set->items[i]);
        if (!list_take(in_inode, &item) && !list_take(in_block, &item))
            return error_set(err, ERROR_LIMIT,
                             "the extended attributes don't fit into the inode and one block, from "
                             "\"%.*s\" on",
                             (int)(item.name.size < 64 ? item.name.size : 64),
                             item.name.size ? (const char *)item.name.data : "");
    }
    return 0;
}

int xattr_encode(struct xattr_set *set, uint8_t in_inode[XATTR_INODE_SIZE], bool *has_inline,
                 uint8_t block[XATTR_BLOCK_SIZE], bool *has_block, struct error *err)
{
    struct item_list small = {.room = XATTR_INODE_SIZE - EXT4_XATTR_INODE_HEADER - END_MARK};
    struct item_list large = {.room = XATTR_BLOCK_SIZE - EXT4_XATTR_BLOCK_HEADER - END_MARK};
    if (distribute(set, &small, &large, err) < 0)
        return -1;
    *has_inline = small.count > 0;
    *has_block = large.count > 0;
    memset(in_inode, 0, XATTR_INODE_SIZE);
    put_le(in_inode, EXT4_XATTR_MAGIC, 4);
    write_region(&small, in_inode + EXT4_XATTR_INODE_HEADER,
                 XATTR_INODE_SIZE - EXT4_XATTR_INODE_HEADER, 0);
    gosort(&(struct gosort){item_less, item_swap, &large}, large.count);
    memset(block, 0, XATTR_BLOCK_SIZE);
    put_le(block, EXT4_XATTR_MAGIC, 4);
    put_le(block + 4, 1, 4); /* reference count */
    put_le(block + 8, 1, 4); /* blocks */
    write_region(&large, block + EXT4_XATTR_BLOCK_HEADER,
                 XATTR_BLOCK_SIZE - EXT4_XATTR_BLOCK_HEADER, EXT4_XATTR_BLOCK_HEADER);
    return 0;
}
