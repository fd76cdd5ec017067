/* The bytes of a file: of memory where they were written, of the layer where not. */
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/special.h"
#include "enclave/libos/files/tree_parts.h"

static const struct ext4_reader *layer_of(const struct node *node)
{
    return &node->tree->layers[node->lower.layer];
}

/* Bytes as the layer has them, zeros behind its part. */
static int read_lower(const struct node *node, uint64_t offset, uint8_t *out, size_t size)
{
    size_t there = 0;
    if (offset < node->lower_size)
        there = size < node->lower_size - offset ? size : (size_t)(node->lower_size - offset);
    memset(out + there, 0, size - there);
    if (there == 0)
        return 0;
    struct ext4_inode inode;
    int status = ext4_read_inode(layer_of(node), node->lower.inode, &inode);
    if (status < 0)
        return status;
    int64_t got = ext4_read_file(layer_of(node), &inode, offset, out, there);
    if (got >= 0 && (uint64_t)got != there)
        return -EUCLEAN;
    return got < 0 ? (int)got : 0;
}

int (*node_call_home)(struct node *node, uint64_t offset, uint64_t size, bool is_changed);

static int call_home(struct node *node, uint64_t offset, uint64_t size, bool is_changed)
{
    return node->shared && node_call_home ? node_call_home(node, offset, size, is_changed) : 0;
}

/* How many of these bytes there are before those of a page in memory. */
static size_t lower_part(const struct node *node, uint64_t offset, size_t size)
{
    size_t part = PAGES_SIZE - (size_t)(offset % PAGES_SIZE);
    while (part < size && !pages_get(&node->pages, (offset + part) / PAGES_SIZE))
        part += PAGES_SIZE;
    return part < size ? part : size;
}

/* Bytes of one page in memory, or of several of the layer's: how many. Where these cannot be had
 * together, as many as can. */
static int64_t read_some(const struct node *node, uint64_t offset, uint8_t *out, size_t size)
{
    size_t in_page = (size_t)(offset % PAGES_SIZE);
    size_t part = PAGES_SIZE - in_page < size ? PAGES_SIZE - in_page : size;
    const uint8_t *page = pages_get(&node->pages, offset / PAGES_SIZE);
    if (page) {
        memcpy(out, page + in_page, part);
        return (int64_t)part;
    }
    size_t whole = lower_part(node, offset, size);
    if (whole > part && read_lower(node, offset, out, whole) == 0)
        return (int64_t)whole;
    int status = read_lower(node, offset, out, part);
    return status < 0 ? status : (int64_t)part;
}

static int64_t read_bytes(struct node *node, uint64_t offset, void *out, size_t size)
{
    if (offset >= node->size)
        return 0;
    if (size > node->size - offset)
        size = (size_t)(node->size - offset);
    for (size_t done = 0; done < size;) {
        int64_t got = read_some(node, offset + done, (uint8_t *)out + done, size - done);
        if (got < 0)
            return done > 0 ? (int64_t)done : got;
        done += (size_t)got;
    }
    return (int64_t)size;
}

int64_t node_read_page(struct node *node, uint64_t offset, void *out)
{
    return read_bytes(node, offset, out, PAGES_SIZE);
}

int64_t node_read(struct node *node, uint64_t offset, void *out, size_t size)
{
    int status = call_home(node, offset, size, false);
    return status < 0 ? status : read_bytes(node, offset, out, size);
}

/* The page at `offset`, with what the layer has of it, to be written to. */
static int page_to_write(struct node *node, uint64_t offset, bool is_whole, uint8_t **out)
{
    uint8_t before[PAGES_SIZE];
    uint64_t start = offset - offset % PAGES_SIZE;
    *out = pages_get(&node->pages, offset / PAGES_SIZE);
    if (*out)
        return 0;
    bool is_needed = !is_whole && start < node->lower_size;
    int status = is_needed ? read_lower(node, start, before, sizeof before) : 0;
    if (status == 0)
        status = pages_make(&node->pages, offset / PAGES_SIZE, &node->tree->account, out);
    if (status == 0 && is_needed)
        memcpy(*out, before, sizeof before);
    return status;
}

static int64_t write_bytes(struct node *node, uint64_t offset, const void *bytes, size_t size)
{
    size_t done = 0;
    int status = 0;
    while (done < size) {
        uint64_t at = offset + done;
        size_t in_page = (size_t)(at % PAGES_SIZE);
        size_t part = PAGES_SIZE - in_page < size - done ? PAGES_SIZE - in_page : size - done;
        uint8_t *page;
        status = page_to_write(node, at, part == PAGES_SIZE, &page);
        if (status < 0)
            break;
        memcpy(page + in_page, (const uint8_t *)bytes + done, part);
        done += part;
        if (at + part > node->size)
            node->size = at + part;
    }
    if (done == 0 && status < 0)
        return status;
    if (done > 0)
        node_touch(node);
    return (int64_t)done;
}

/* Called home twice: the bytes may come from a page that shows this very file. */
int64_t node_write(struct node *node, uint64_t offset, const void *bytes, size_t size)
{
    if (offset > INT64_MAX || (size > 0 && offset == INT64_MAX))
        return -EFBIG;
    if (size > INT64_MAX - offset)
        size = (size_t)(INT64_MAX - offset);
    int status = call_home(node, offset, size, true);
    int64_t done = status < 0 ? status : write_bytes(node, offset, bytes, size);
    status = call_home(node, offset, size, true);
    return status < 0 ? status : done;
}

int node_truncate(struct node *node, uint64_t size)
{
    if (size > INT64_MAX)
        return -EFBIG;
    if ((size < node->size && node->seals & F_SEAL_SHRINK) ||
        (size > node->size && node->seals & F_SEAL_GROW))
        return -EPERM;
    if (size < node->size) {
        size_t in_page = (size_t)(size % PAGES_SIZE);
        int status = call_home(node, size - in_page, node->size - size + in_page, true);
        if (status < 0)
            return status;
        uint8_t *last = in_page > 0 ? pages_get(&node->pages, size / PAGES_SIZE) : NULL;
        if (last)
            memset(last + in_page, 0, PAGES_SIZE - in_page);
        pages_cut(&node->pages, size / PAGES_SIZE + (in_page > 0), &node->tree->account);
        if (size < node->lower_size)
            node->lower_size = size;
    }
    node->size = size;
    node_touch(node);
    return 0;
}

int node_allocate(struct node *node, uint64_t offset, uint64_t size)
{
    uint64_t end;
    if (__builtin_add_overflow(offset, size, &end) || end > INT64_MAX)
        return -EFBIG;
    for (uint64_t at = offset - offset % PAGES_SIZE; at < end; at += PAGES_SIZE) {
        uint8_t *page;
        int status = page_to_write(node, at, false, &page);
        if (status < 0)
            return status;
    }
    return 0;
}

int node_clear(struct node *node, uint64_t offset, uint64_t size)
{
    static const uint8_t zeros[PAGES_SIZE];
    uint64_t end = node->size;
    if (offset < end && size < end - offset)
        end = offset + size;
    while (offset < end) {
        uint64_t part = PAGES_SIZE - offset % PAGES_SIZE;
        if (part > end - offset)
            part = end - offset;
        bool is_hole = offset >= node->lower_size && !pages_get(&node->pages, offset / PAGES_SIZE);
        int64_t put = is_hole ? (int64_t)part : node_write(node, offset, zeros, (size_t)part);
        if (put <= 0)
            return put < 0 ? (int)put : -ENOSPC;
        offset += (uint64_t)put;
    }
    return 0;
}

const struct ext4_reader *node_layer(const struct node *node)
{
    struct ext4_inode inode;
    bool is_written = node->lower_size != node->size || node->pages.root;
    if (node->mode >> 12 != EXT4_FILE || node->lower.inode == 0 || is_written ||
        ext4_read_inode(layer_of(node), node->lower.inode, &inode) < 0)
        return NULL;
    return inode.size == node->size ? layer_of(node) : NULL; /* else it was cut */
}

uint64_t node_layer_number(const struct node *node)
{
    const struct ext4_reader *layer = node_layer(node);
    return layer && layer->number <= INT32_MAX ? (uint64_t)layer->number << 32 | node->lower.inode
                                               : 0;
}

uint64_t node_used(const struct node *node)
{
    uint64_t lower = (node->lower_size + PAGES_SIZE - 1) / PAGES_SIZE;
    uint64_t own = pages_count(&node->pages);
    return (lower > own ? lower : own) * PAGES_SIZE;
}

int node_read_link(struct node *node, char *out, size_t size)
{
    struct ext4_inode inode;
    if (node->mode >> 12 != EXT4_LINK)
        return -EINVAL;
    if (node->special && node->special->read_link)
        return node->special->read_link(node, out, size);
    if (node->target) {
        if (node->size > size)
            return -ERANGE;
        memcpy(out, node->target, (size_t)node->size);
        return (int)node->size;
    }
    if (node->lower.inode == 0)
        return -EUCLEAN;
    int status = ext4_read_inode(layer_of(node), node->lower.inode, &inode);
    return status < 0 ? status : ext4_read_link(layer_of(node), &inode, out, size);
}
