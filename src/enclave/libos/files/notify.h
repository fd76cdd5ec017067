/*
 * What is done with the files of the tree, told to who watches them: inotify(7).
 *
 * Theory of operation: a watch hangs on a node and belongs to an inotify file (notify_file.h). What
 * opens, reads, changes, moves or ends a node says so here; a node's watches hear of it, and those
 * of the directory that has its name, with the name. A file of several names is told of by the name
 * that it was looked up by last, and one whose name is gone by none. While nobody watches anything,
 * this costs a comparison.
 *
 * A watch ends with its node or its file, whichever goes first.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_NOTIFY_H
#define CAISSON_ENCLAVE_LIBOS_FILES_NOTIFY_H

#include "enclave/libos/files/tree.h"

struct file;

struct notify_watch {
    struct notify_watch *next_of_node, *next_of_file;
    struct file *file; /* the inotify file */
    struct node *node;
    bool keeps_node; /* counted: a node that nothing else may have (/proc) */
    int number;
    uint32_t mask; /* of IN_* */
};

/* How many watches there are. */
extern size_t notify_count;

struct notify_place {
    struct node *directory;
    struct span name;
};

/* `what` is one of IN_*. The node's own watches and its directory's; its own alone: IN_ISDIR is
 * added. A directory's, of a name in it: IN_ISDIR is the caller's. Use those without `tell`. */
void notify_tell(struct node *node, uint32_t what);
void notify_tell_self(struct node *node, uint32_t what);
void notify_tell_name(struct notify_place place, uint32_t what, uint32_t cookie);

static inline void notify(struct node *node, uint32_t what)
{
    if (notify_count > 0 && node)
        notify_tell(node, what);
}

static inline void notify_self(struct node *node, uint32_t what)
{
    if (notify_count > 0)
        notify_tell_self(node, what);
}

static inline void notify_name(struct node *directory, struct span name, uint32_t what)
{
    if (notify_count > 0)
        notify_tell_name((struct notify_place){directory, name}, what, 0);
}

/* A node has moved to where another one was, or NULL. */
void notify_moved(struct notify_place from, struct notify_place to, struct node *node,
                  struct node *target);

/* Nobody has this node any more: its watches end. */
void notify_gone(struct node *node);

/* Takes a watch from its node, and frees it; it is in no list of its file's any more. */
void notify_free(struct notify_watch *watch);

#endif
