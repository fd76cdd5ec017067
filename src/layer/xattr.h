/*
 * Extended attributes as the reference puts them into ext4: sorted by name, into the inode as long
 * as they fit, then into one block (Linux, Documentation/filesystems/ext4/attributes.rst). Its
 * quirks are kept: the block's order comes of a comparison that is none, and a list that is read
 * back ends at the first name that is empty behind its prefix.
 */
#ifndef CAISSON_LAYER_XATTR_H
#define CAISSON_LAYER_XATTR_H

#include "base/error.h"
#include "format/ext4.h"
#include "format/tar_pax.h"

#define XATTR_INODE_SIZE (EXT4_INODE_SIZE - EXT4_XATTR_IN_INODE) /* behind an inode's fields */
#define XATTR_BLOCK_SIZE EXT4_BLOCK_SIZE
#define XATTR_MAX        256 /* more than fit into inode and block together */

/* What is kept of an inode's attributes while it may still be replaced. */
struct xattr_keep {
    bool has_inline;
    uint8_t in_inode[XATTR_INODE_SIZE];
    uint8_t *block; /* XATTR_BLOCK_SIZE bytes, or NULL */
};

void xattr_keep_free(struct xattr_keep *keep);

/* A set of attributes with their whole names, at most one of a name. Names and values are borrowed,
 * but for those read back from an inode, whose names it holds. */
struct xattr_set {
    struct tar_xattr items[2 * XATTR_MAX];
    size_t count;
    uint8_t names[16384];
    size_t names_size;
};

/* Of a name given twice the last value counts. ERROR_LIMIT for more than could ever fit. */
int xattr_set_fill(struct xattr_set *set, const struct tar_xattr *items, size_t count,
                   struct error *err);

/* Adds or replaces; or adds only what is not there yet. */
int xattr_set_put(struct xattr_set *set, struct span name, struct span value, struct error *err);
int xattr_set_merge(struct xattr_set *set, const struct xattr_set *other, struct error *err);
void xattr_set_remove(struct xattr_set *set, struct span name);

/* Reads back what an inode holds, what its block holds. Borrows the values from `keep`. */
int xattr_set_read_inode(struct xattr_set *set, const struct xattr_keep *keep, struct error *err);
int xattr_set_read_block(struct xattr_set *set, const struct xattr_keep *keep, struct error *err);

/* Encodes the set. *has_inline and *has_block tell which part is in use; `block` is complete even
 * when it is not. ERROR_LIMIT when they don't fit. Sorts the set by name. */
int xattr_encode(struct xattr_set *set, uint8_t in_inode[XATTR_INODE_SIZE], bool *has_inline,
                 uint8_t block[XATTR_BLOCK_SIZE], bool *has_block, struct error *err);

#endif
