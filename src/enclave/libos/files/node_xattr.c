/* Extended attributes of nodes: read from the layer at their first use, then in memory. */
#include <linux/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/tree_parts.h"

#define VALUE_MAX   65536
#define XATTR_SPACE "trusted.overlay." /* the layers' own marks: nobody sees or sets them */

struct xattr {
    struct xattr *next;
    size_t name_size;
    size_t value_size;
    uint8_t bytes[]; /* name, then value */
};

static struct span xattr_name(const struct xattr *xattr)
{
    return span_of(xattr->bytes, xattr->name_size);
}

static bool is_mark(struct span name)
{
    size_t size = strlen(XATTR_SPACE);
    return name.size >= size && memcmp(name.data, XATTR_SPACE, size) == 0;
}

static void drop(struct node *node, struct xattr **place)
{
    struct xattr *xattr = *place;
    *place = xattr->next;
    account_give(&node->tree->account, sizeof *xattr + xattr->name_size + xattr->value_size);
    libos_free(xattr);
}

void xattrs_fini(struct node *node)
{
    while (node->xattrs)
        drop(node, &node->xattrs);
}

/* At the end, or in the place of one of this name. */
static int put(struct node *node, struct xattr **place, struct span name, struct span value)
{
    size_t size = sizeof(struct xattr) + name.size + value.size;
    if (!account_take(&node->tree->account, size))
        return -ENOSPC;
    struct xattr *xattr = alloc_zeroed(1, size);
    if (!xattr) {
        account_give(&node->tree->account, size);
        return -ENOMEM;
    }
    xattr->name_size = name.size;
    xattr->value_size = value.size;
    memcpy(xattr->bytes, name.data, name.size);
    if (value.size > 0)
        memcpy(xattr->bytes + name.size, value.data, value.size);
    if (*place)
        drop(node, place);
    xattr->next = *place;
    *place = xattr;
    return 0;
}

static struct xattr **find(struct node *node, struct span name)
{
    struct xattr **place = &node->xattrs;
    while (*place && !span_equal(xattr_name(*place), name))
        place = &(*place)->next;
    return place;
}

static int take(void *arg, struct span name, struct span value)
{
    struct node *node = arg;
    return is_mark(name) ? 0 : put(node, find(node, name), name, value);
}

static int load(struct node *node)
{
    struct ext4_inode inode;
    if (node->has_xattrs)
        return 0;
    const struct ext4_reader *layer = &node->tree->layers[node->lower.layer];
    int status = ext4_read_inode(layer, node->lower.inode, &inode);
    if (status == 0)
        status = ext4_read_xattrs(layer, &inode, take, node);
    if (status < 0)
        xattrs_fini(node);
    node->has_xattrs = status == 0;
    return status;
}

int node_get_xattr(struct node *node, struct span name, void *out, size_t size)
{
    int status = load(node);
    if (status < 0)
        return status;
    const struct xattr *xattr = *find(node, name);
    if (is_mark(name))
        return -EOPNOTSUPP;
    if (!xattr)
        return -ENODATA;
    if (size > 0 && xattr->value_size > size)
        return -ERANGE;
    if (size > 0 && xattr->value_size > 0)
        memcpy(out, xattr->bytes + xattr->name_size, xattr->value_size);
    return (int)xattr->value_size;
}

int node_set_xattr(struct node *node, struct span name, struct span value, unsigned flags)
{
    int status = load(node);
    if (status < 0)
        return status;
    if (name.size == 0 || name.size > EXT4_NAME_MAX)
        return -ERANGE;
    if (value.size > VALUE_MAX)
        return -E2BIG;
    if (is_mark(name))
        return -EOPNOTSUPP;
    struct xattr **place = find(node, name);
    if (*place && flags & XATTR_MUST_BE_NEW)
        return -EEXIST;
    if (!*place && flags & XATTR_MUST_BE_THERE)
        return -ENODATA;
    status = put(node, place, name, value);
    if (status == 0)
        node_touch_status(node);
    return status;
}

int node_remove_xattr(struct node *node, struct span name)
{
    int status = load(node);
    if (status < 0)
        return status;
    struct xattr **place = find(node, name);
    if (is_mark(name))
        return -EOPNOTSUPP;
    if (!*place)
        return -ENODATA;
    drop(node, place);
    node_touch_status(node);
    return 0;
}

int node_list_xattrs(struct node *node, bool (*shows)(void *arg, struct span name), void *arg,
                     char *out, size_t size)
{
    size_t used = 0;
    int status = load(node);
    if (status < 0)
        return status;
    for (const struct xattr *xattr = node->xattrs; xattr; xattr = xattr->next) {
        if (shows && !shows(arg, xattr_name(xattr)))
            continue;
        if (size > 0 && xattr->name_size + 1 > size - used)
            return -ERANGE;
        if (size > 0) {
            memcpy(out + used, xattr->bytes, xattr->name_size);
            out[used + xattr->name_size] = 0;
        }
        used += xattr->name_size + 1;
        if (used > VALUE_MAX)
            return -E2BIG;
    }
    return (int)used;
}
