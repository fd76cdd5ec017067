/* What is no file on a disk: the functions behind a node of /dev or /proc, a pipe, a socket. */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_SPECIAL_H
#define CAISSON_ENCLAVE_LIBOS_FILES_SPECIAL_H

#include "enclave/libos/files/tree.h"

struct file;

/* Each may be NULL: then the node is as any other. */
struct special {
    /* Of a directory whose names are computed. */
    int (*lookup)(struct node *directory, struct span name, struct node **out);
    int (*list)(struct node *directory, uint64_t position, tree_emit emit, void *arg);
    /* Of a link whose target is: its size, -ERANGE. */
    int (*read_link)(struct node *node, char *out, size_t size);
    /* Of a link that leads to a node and not to a path: counted. 1: it is as any other. */
    int (*follow)(struct node *link, struct node **out);
    /* Sets file->kind and what that needs. */
    int (*open)(struct node *node, struct file *file);
    /* The last reference is gone. */
    void (*release)(struct node *node);
};

#endif
