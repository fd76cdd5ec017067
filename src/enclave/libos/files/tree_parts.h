/* What the files of tree.h share among themselves. */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_TREE_PARTS_H
#define CAISSON_ENCLAVE_LIBOS_FILES_TREE_PARTS_H

#include "enclave/libos/files/tree.h"

/* A name in a directory. The node is made when it is first asked for. */
struct entry {
    struct entry *next, *previous; /* of the same directory */
    struct entry *next_in_bucket;
    struct node *directory;
    struct node *node;    /* counted; NULL while only the layer has it */
    struct lowers lowers; /* of what has no node yet: a directory may have several */
    uint64_t position;
    uint8_t type;   /* mode >> 12 */
    bool is_closed; /* nothing further below is merged into it */
    bool is_charged;
    bool is_whiteout; /* while layers are read */
    uint8_t name_size;
    char name[];
};

/* What a node and an entry are charged, beyond their own bytes. */
#define NODE_CHARGE  512
#define ENTRY_CHARGE 64

static inline bool node_is_directory(const struct node *node)
{
    return node->mode >> 12 == EXT4_DIR;
}

/* A node with no name and one reference. Charged where it is not a layer's. */
int node_new(struct tree *tree, const struct node_new *what, struct node **out);

/* The first reading of a directory's layers. */
int tree_load(struct node *directory);

/* The node of an entry, made if need be; borrowed. */
int tree_node_of(struct entry *entry, struct node **out);

int lowers_add(struct lowers *lowers, struct lower lower);
void lowers_fini(struct lowers *lowers);

struct entry *directory_find(const struct directory *directory, struct span name);
int directory_add(struct node *directory, struct span name, struct entry **out);
void directory_drop(struct entry *entry);

void xattrs_fini(struct node *node);

/* Forgets a node of a hard-linked inode. */
void tree_forget_shared(struct node *node);

#endif
