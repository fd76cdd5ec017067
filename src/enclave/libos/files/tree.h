/*
 * A tree of files in memory, over any number of read-only layers: the container's root, and without
 * layers a tmpfs.
 *
 * Theory of operation: nodes are inodes, entries are names. A directory that comes from layers
 * knows where it lies in each of them, top first, and reads their entries at its first use, once:
 * names of upper layers hide those below, directories of one name are merged, a whiteout (character
 * device 0:0) hides and is hidden, and below a directory with trusted.overlay.opaque = "y" nothing
 * is read. From then on the names in memory are all there is: whatever is made, removed or renamed
 * is so in memory alone, and no whiteouts are written. A node is made of a layer's inode when it is
 * first looked up. A file's bytes stay in the layer until they are written, page by page.
 *
 * Other than Linux' overlay mount without options: hard links of a layer stay links of each other
 * when they are written to, and a directory of a layer can be renamed.
 *
 * What the image's maker chooses is bounded by the disk; what the container writes is charged to
 * the tree's account: -ENOSPC.
 *
 * Nodes are counted: whoever gets one puts it. Nothing here asks for permissions (access.h) or
 * follows links (walk.h). Not for two threads at once.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_TREE_H
#define CAISSON_ENCLAVE_LIBOS_FILES_TREE_H

#include "enclave/libos/files/ext4.h"
#include "enclave/libos/program/pages.h"

#define TREE_LAYERS_MAX 256

/* Of file systems, for statfs(2): linux/magic.h, whose names collide with those of format/ext4.h.
 */
#define MAGIC_OVERLAY   0x794c7630U
#define MAGIC_TMPFS     0x01021994U
#define MAGIC_PROC      0x9fa0U
#define MAGIC_SYSFS     0x62656572U
#define MAGIC_PIPES     0x50495045U
#define MAGIC_SOCKETS   0x534F434BU
#define MAGIC_ANONYMOUS 0x09041934U

/* The time of day, for what changes. */
struct file_clock {
    void (*now)(void *arg, struct file_time *out);
    void *arg;
};

struct xattr;
struct entry;
struct shared_object;
struct notify_watch;
struct special;

/* An inode of a layer; none when `inode` is 0. */
struct lower {
    uint32_t layer; /* 0 is the top */
    uint32_t inode;
};

struct lowers {
    struct lower *items; /* top first */
    size_t count;
};

struct directory {
    struct entry *first, *last; /* in the order of their positions */
    struct entry **buckets;
    size_t bucket_count; /* 0 or a power of two */
    size_t count;
    size_t directories; /* among them */
    uint64_t next_position;
    struct lowers lowers; /* what is to be read yet */
    bool is_removed;
};

struct node {
    struct tree *tree;
    uint64_t number;
    uint32_t references;
    uint32_t links;
    uint16_t mode; /* with the type */
    uint32_t uid, gid;
    uint32_t major, minor;
    uint64_t size;
    struct file_time atime, mtime, ctime;
    struct lower lower;  /* where the bytes and the attributes of a non-directory are */
    uint64_t lower_size; /* bytes that still come from there */
    struct pages pages;
    char *target; /* of a symbolic link, `size` bytes; NULL while in the layer */
    struct xattr *xattrs;
    bool has_xattrs; /* they have been read */
    struct directory directory;
    struct entry *own;   /* of a directory: the name that it has; NULL for a root */
    struct entry *named; /* of what is none: by which it was last looked up; NULL: it has gone */
    struct notify_watch *notified; /* notify.h */
    struct tree *mounted;          /* a tree whose root hides this one */
    struct node *next_shared;      /* among nodes of hard-linked inodes */
    const struct special *special; /* what is no file on a disk (special.h), with its argument */
    void *special_arg;
    struct file_lock *locks;      /* lock_file.h */
    bool may_be_linked;           /* though it has no name: O_TMPFILE */
    struct pipe *pipe;            /* of a named one, while it is open (pipe.h) */
    uint32_t seals;               /* F_SEAL_* and NODE_SEALABLE: memfd_create(2) */
    struct shared_object *shared; /* of which somebody has pages (shared/home.h); NULL: nobody */
};

/* Has the pages of these bytes brought home, and taken from all if they are to be others; NULL
 * where nobody has any. 0 or -EIO. */
extern int (*node_call_home)(struct node *node, uint64_t offset, uint64_t size, bool is_changed);

#define NODE_SEALABLE (UINT32_C(1) << 31)

/* What nobody does in a tree, by the numbers of statfs(2) (ST_RDONLY, ...). Programs never get
 * more by set-user-ID bits, wherever they lie: TREE_NO_SETUID only says so. */
#define TREE_READ_ONLY  1U
#define TREE_NO_SETUID  2U
#define TREE_NO_DEVICES 4U
#define TREE_NO_EXECUTE 8U

struct tree_options {
    uint64_t limit;        /* bytes in memory */
    struct account *whole; /* of which they are a part; borrowed, NULL for none */
    unsigned flags;        /* TREE_READ_ONLY and so on */
    uint32_t device;       /* number, for stat */
    uint16_t mode;         /* of the root where there is no layer, without the type */
    bool is_file;          /* the root is a file, which is mounted on a file; without layers */
    struct file_clock clock;
    const struct ext4_reader *layers; /* top first; borrowed */
    size_t layer_count;
};

#define TREE_SHARED_BUCKETS 256

struct tree {
    struct node *root;
    struct node *mounted_on; /* the node that the root hides; NULL for the first tree */
    const char *kind;        /* for /proc/mounts */
    uint32_t magic;          /* its number for statfs(2) */
    uint32_t device;
    unsigned flags; /* TREE_READ_ONLY and so on */
    struct account account;
    struct file_clock clock;
    const struct ext4_reader *layers;
    size_t layer_count;
    uint64_t next_number;
    struct node *shared[TREE_SHARED_BUCKETS]; /* of inodes with several names in a layer */
};

/* -ENOMEM, -EINVAL for too many layers, or what reading the layers' roots says. */
int tree_new(const struct tree_options *options, struct tree **out);

/* No node of it may be in use. */
void tree_free(struct tree *tree);

struct node *node_get(struct node *node);
void node_put(struct node *node); /* NULL is allowed */

/* What a new node is. */
struct node_new {
    uint16_t mode; /* with the type */
    uint32_t uid, gid;
    uint32_t major, minor;
    struct span target; /* of a symbolic link */
};

/* All names have 1 to 255 bytes and are neither "." nor "..". -ENOENT for what is not there. */
int tree_lookup(struct node *directory, struct span name, struct node **out);

/* -EEXIST; -ENOENT in a directory that has been removed. `out` may be NULL. */
int tree_create(struct node *directory, struct span name, const struct node_new *what,
                struct node **out);

/* One more name for what is no directory. */
int tree_link(struct node *directory, struct span name, struct node *node);

/* -ENOTDIR, -EISDIR where the other kind is asked for; -ENOTEMPTY, -EBUSY for a mount point. */
int tree_remove(struct node *directory, struct span name, bool is_directory);

#define TREE_NOREPLACE 1U /* RENAME_NOREPLACE */
#define TREE_EXCHANGE  2U /* RENAME_EXCHANGE */

/* As rename(2) within one tree. */
int tree_rename(struct node *from, struct span name, struct node *to, struct span new_name,
                unsigned flags);

/* Is given what a directory holds, "." and ".." first; a negative answer ends the listing. `next`
 * is the position to go on from after this one. Positions last as long as their entry. */
typedef int (*tree_emit)(void *arg, struct span name, uint64_t number, unsigned type,
                         uint64_t next);
int tree_list(struct node *directory, uint64_t position, tree_emit emit, void *arg);

/* The directory above; the root's is the root itself. Borrowed. */
struct node *tree_parent(const struct node *directory);

/* The name of a directory in the one above; empty for a root. Borrowed. */
struct span tree_name(const struct node *directory);

/* Whether a directory lies below another or is it. */
bool tree_is_below(const struct node *directory, const struct node *ancestor);

/* Regular files. Bytes read, 0 at the end; bytes written, fewer than asked for where the room ends,
 * -ENOSPC for none, -EFBIG beyond 2^63 - 1. */
int64_t node_read(struct node *node, uint64_t offset, void *out, size_t size);
int64_t node_write(struct node *node, uint64_t offset, const void *bytes, size_t size);
int node_truncate(struct node *node, uint64_t size);
/* What it has of one page, without asking who else has it: bytes, as node_read(). */
int64_t node_read_page(struct node *node, uint64_t offset, void *out);

/* Room in memory for these bytes, which keep what they are: -ENOSPC, -EFBIG. */
int node_allocate(struct node *node, uint64_t offset, uint64_t size);

/* Zeros in the place of what there is, up to the file's end. -ENOSPC. */
int node_clear(struct node *node, uint64_t offset, uint64_t size);

/* The layer whose bytes a file has, all of them as they are there (node->lower); NULL where not. */
const struct ext4_reader *node_layer(const struct node *node);
/* A number that such a file has among those of all layers, below 2^63; 0 for any other. */
uint64_t node_layer_number(const struct node *node);

/* Bytes of memory or disk that it takes. */
uint64_t node_used(const struct node *node);

/* A symbolic link's target; its size. -ERANGE when `size` is too small. */
int node_read_link(struct node *node, char *out, size_t size);

/* Extended attributes. The value's size; size 0 asks for it alone. -ENODATA, -ERANGE. */
int node_get_xattr(struct node *node, struct span name, void *out, size_t size);

#define XATTR_MUST_BE_NEW   1U /* XATTR_CREATE */
#define XATTR_MUST_BE_THERE 2U /* XATTR_REPLACE */
int node_set_xattr(struct node *node, struct span name, struct span value, unsigned flags);
int node_remove_xattr(struct node *node, struct span name);

/* The names, each with its zero byte, but those that `shows` says no to. Sizes as above. */
int node_list_xattrs(struct node *node, bool (*shows)(void *arg, struct span name), void *arg,
                     char *out, size_t size);

/* Sets mtime and ctime, or ctime alone, to now. */
void node_touch(struct node *node);
void node_touch_status(struct node *node);

#endif
