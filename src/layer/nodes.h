/*
 * The tree of a file system that is being made: inodes by number, and directory entries.
 *
 * This is the memory that a layer's author can make grow, so it is compact and counted: about 80
 * bytes an inode, 25 bytes and the name an entry, all in chunks that never move. Names are found
 * through one keyed hash table, which an author cannot fill with collisions.
 */
#ifndef CAISSON_LAYER_NODES_H
#define CAISSON_LAYER_NODES_H

#include "base/error.h"
#include "base/span.h"
#include "format/ext4.h"
#include "layer/xattr.h"

#define NODES_ROOT     EXT4_ROOT
#define NODES_FIRST    EXT4_FIRST_INODE
#define NODES_MAX      (1U << 22)
#define NODES_NAME_MAX EXT4_NAME_MAX

/* A slab of equal items, or of bytes, in chunks. */
struct slab {
    uint8_t **chunks;
    size_t chunk_count;
    size_t chunk_room;
    size_t item_size;
    uint32_t items_a_chunk;
    uint32_t count;
};

struct inode {
    uint64_t size;
    uint64_t atime, ctime, mtime; /* as ext4 has them: seconds and, from bit 34 on, nanoseconds */
    uint32_t uid, gid;
    uint32_t device;
    uint32_t links;
    uint32_t start_block;      /* of its data */
    uint32_t blocks;           /* of data; 0 for an inode without extents */
    uint32_t xattr_block;      /* or 0 */
    uint32_t text;             /* a short symlink's target, by nodes_text() */
    uint32_t first_child;      /* entry of a directory's first child in the list, or 0 */
    uint16_t mode;             /* with the type; 0 for a number that is not in use */
    struct xattr_keep *xattrs; /* what later changes need, or NULL */
};

struct entry {
    uint32_t parent; /* inode numbers */
    uint32_t inode;
    uint32_t next; /* entry of the same directory, or 0 */
    uint32_t name; /* by nodes_text(), after a byte with its length */
};

struct nodes {
    struct slab inodes;  /* number 1 is item 0 */
    struct slab entries; /* item 0 is unused */
    struct slab texts;
    uint32_t *table; /* of entries, open addressing */
    uint32_t table_size;
    uint64_t key[2];
    uint64_t memory; /* bytes taken */
    uint64_t memory_limit;
};

int nodes_init(struct nodes *nodes, uint64_t memory_limit, struct error *err);
void nodes_fini(struct nodes *nodes);

/* Numbers in use reach from 1 to this. */
static inline uint32_t nodes_count(const struct nodes *nodes)
{
    return nodes->inodes.count;
}

/* The inode of a number from 1 to nodes_count(). Inodes don't move. */
struct inode *nodes_inode(const struct nodes *nodes, uint32_t number);
struct entry *nodes_entry(const struct nodes *nodes, uint32_t entry);
struct span nodes_entry_name(const struct nodes *nodes, uint32_t entry);

/* The next number, for a zeroed inode. */
int nodes_add_inode(struct nodes *nodes, uint32_t *number, struct error *err);

/* The entry of this name in a directory, or 0. */
uint32_t nodes_find(const struct nodes *nodes, uint32_t parent, struct span name);

/* Adds an entry that is not there yet; the name has 1 to 255 bytes. */
int nodes_add_entry(struct nodes *nodes, uint32_t parent, struct span name, uint32_t inode,
                    struct error *err);

/* Keeps up to 255 bytes, to be read by nodes_text(). */
int nodes_add_text(struct nodes *nodes, struct span text, uint32_t *out, struct error *err);
const uint8_t *nodes_text(const struct nodes *nodes, uint32_t text);

/* Counts memory that an inode holds elsewhere. */
int nodes_charge(struct nodes *nodes, uint64_t size, struct error *err);

/* Puts a directory's list of children in the order that ext4 directories are written in: by inode
 * number, then by name. */
int nodes_sort_children(struct nodes *nodes, uint32_t directory, struct error *err);

#endif
