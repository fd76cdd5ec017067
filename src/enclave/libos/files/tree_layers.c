/* Directories and nodes out of layers. */
#include <linux/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/tree_parts.h"

#define OPAQUE "trusted.overlay.opaque"

int lowers_add(struct lowers *lowers, struct lower lower)
{
    struct lower *items = libos_alloc((lowers->count + 1) * sizeof *items);
    if (!items)
        return -ENOMEM;
    if (lowers->count > 0)
        memcpy(items, lowers->items, lowers->count * sizeof *items);
    items[lowers->count] = lower;
    libos_free(lowers->items);
    lowers->items = items;
    lowers->count++;
    return 0;
}

void lowers_fini(struct lowers *lowers)
{
    libos_free(lowers->items);
    *lowers = (struct lowers){0};
}

static int look_for_mark(void *arg, struct span name, struct span value)
{
    bool *is_opaque = arg;
    if (span_equal_text(name, OPAQUE) && span_equal_text(value, "y"))
        *is_opaque = true;
    return 0;
}

/* --- a directory's entries -------------------------------------------------------------------- */

struct loading {
    struct node *directory;
    struct lower lower; /* the directory that is read */
};

/* Character device 0:0 stands for a name that is gone. */
static int is_whiteout(const struct loading *loading, uint32_t number, unsigned type, bool *out)
{
    struct ext4_inode inode;
    *out = false;
    if (type != EXT4_ENTRY_CHAR)
        return 0;
    const struct ext4_reader *layer = &loading->directory->tree->layers[loading->lower.layer];
    int status = ext4_read_inode(layer, number, &inode);
    *out = status == 0 && inode.mode >> 12 == EXT4_CHAR && inode.major == 0 && inode.minor == 0;
    return status;
}

/* An upper layer has the name already: a directory of both goes on, all else ends there. */
static int merge(struct entry *entry, struct lower lower, bool is_directory)
{
    if (entry->is_closed || entry->is_whiteout || entry->lowers.items[0].layer == lower.layer)
        return 0;
    if (is_directory && entry->type == EXT4_DIR)
        return lowers_add(&entry->lowers, lower);
    entry->is_closed = true;
    return 0;
}

static int load_entry(void *arg, struct span name, uint32_t number, unsigned type)
{
    static const uint8_t types[8] = {
        [EXT4_ENTRY_FILE] = EXT4_FILE, [EXT4_ENTRY_DIR] = EXT4_DIR,
        [EXT4_ENTRY_CHAR] = EXT4_CHAR, [EXT4_ENTRY_BLOCK] = EXT4_BLOCK,
        [EXT4_ENTRY_FIFO] = EXT4_FIFO, [EXT4_ENTRY_LINK] = EXT4_LINK,
    };
    struct loading *loading = arg;
    struct node *directory = loading->directory;
    struct lower lower = {loading->lower.layer, number};
    struct entry *entry = directory_find(&directory->directory, name);
    if (type >= sizeof types || types[type] == 0)
        return -EUCLEAN;
    if (entry)
        return merge(entry, lower, type == EXT4_ENTRY_DIR);
    bool is_gone;
    int status = is_whiteout(loading, number, type, &is_gone);
    if (status == 0)
        status = directory_add(directory, name, &entry);
    if (status != 0)
        return status;
    entry->type = types[type];
    entry->is_whiteout = is_gone;
    directory->directory.directories += type == EXT4_ENTRY_DIR;
    return lowers_add(&entry->lowers, lower);
}

static int load_layer(struct loading *loading, bool *ends)
{
    const struct ext4_reader *layer = &loading->directory->tree->layers[loading->lower.layer];
    struct ext4_inode inode;
    int status = ext4_read_inode(layer, loading->lower.inode, &inode);
    if (status == 0)
        status = ext4_read_xattrs(layer, &inode, look_for_mark, ends);
    if (status == 0)
        status = ext4_read_directory(layer, &inode, load_entry, loading);
    return status;
}

static void drop_all(struct node *directory)
{
    while (directory->directory.first)
        directory_drop(directory->directory.first);
    directory->directory.directories = 0;
}

int tree_load(struct node *directory)
{
    struct lowers lowers = directory->directory.lowers;
    struct entry *next;
    bool ends = false;
    int status = 0;
    if (lowers.count == 0)
        return 0;
    for (size_t i = 0; i < lowers.count && !ends && status == 0; i++) {
        struct loading loading = {directory, lowers.items[i]};
        status = load_layer(&loading, &ends);
    }
    if (status < 0) { /* as if nobody had asked */
        drop_all(directory);
        return status;
    }
    lowers_fini(&directory->directory.lowers);
    for (struct entry *entry = directory->directory.first; entry; entry = next) {
        next = entry->next;
        if (entry->is_whiteout)
            directory_drop(entry);
    }
    return 0;
}

/* --- nodes ------------------------------------------------------------------------------------ */

static struct node **shared_place(struct tree *tree, struct lower lower)
{
    return &tree->shared[(lower.inode ^ lower.layer * 31) % TREE_SHARED_BUCKETS];
}

static struct node *find_shared(struct tree *tree, struct lower lower)
{
    struct node *node = *shared_place(tree, lower);
    while (node && (node->lower.layer != lower.layer || node->lower.inode != lower.inode))
        node = node->next_shared;
    return node;
}

void tree_forget_shared(struct node *node)
{
    struct node **place = shared_place(node->tree, node->lower);
    while (*place && *place != node)
        place = &(*place)->next_shared;
    if (*place)
        *place = node->next_shared;
}

static void take_inode(struct node *node, const struct ext4_inode *inode, struct lower lower)
{
    node->number = (uint64_t)(lower.layer + 1) << 32 | lower.inode;
    node->mode = inode->mode;
    node->uid = inode->uid;
    node->gid = inode->gid;
    node->major = inode->major;
    node->minor = inode->minor;
    node->links = inode->links;
    node->size = inode->size;
    node->atime = inode->atime;
    node->mtime = inode->mtime;
    node->ctime = inode->ctime;
    node->lower = lower;
    node->lower_size = inode->mode >> 12 == EXT4_FILE ? inode->size : 0;
}

int tree_node_of(struct entry *entry, struct node **out)
{
    struct tree *tree = entry->directory->tree;
    struct ext4_inode inode;
    if (entry->node) {
        *out = entry->node;
        return 0;
    }
    struct lower lower = entry->lowers.items[0];
    int status = ext4_read_inode(&tree->layers[lower.layer], lower.inode, &inode);
    if (status == 0 && inode.mode >> 12 != entry->type)
        status = -EUCLEAN;
    if (status != 0)
        return status;
    bool is_directory = entry->type == EXT4_DIR;
    struct node *node = is_directory ? NULL : find_shared(tree, lower);
    if (!node) {
        node = alloc_zeroed(1, sizeof *node);
        if (!node)
            return -ENOMEM;
        node->tree = tree;
        take_inode(node, &inode, lower);
        if (!is_directory && inode.links > 1) {
            struct node **place = shared_place(tree, lower);
            node->next_shared = *place;
            *place = node;
        }
    }
    if (is_directory) {
        node->links = 1;
        node->own = entry;
        node->directory.lowers = entry->lowers;
        entry->lowers = (struct lowers){0};
    } else {
        node->named = entry;
        lowers_fini(&entry->lowers);
    }
    *out = entry->node = node_get(node);
    return 0;
}
