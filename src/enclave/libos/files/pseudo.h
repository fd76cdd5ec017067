/*
 * Trees whose files are made when they are asked for: /proc and /sys.
 *
 * Theory of operation: what there is stands in tables. A lookup makes a node for an entry of them,
 * with the process and the number (of a thread, of an open file) for which it was found; the text
 * of a file is made when it is read from its beginning. Nodes have a name of their own that no
 * directory lists, by which "..", getcwd(2) and the paths of open files find the way up.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_PSEUDO_H
#define CAISSON_ENCLAVE_LIBOS_FILES_PSEUDO_H

#include "enclave/libos/files/pseudo_text.h"
#include "enclave/libos/files/tree.h"

struct file;

#define PSEUDO_LINK_MAX 4096 /* bytes of a target, with the zero byte */

/* For whom a node is. */
struct pseudo_key {
    int process; /* 0: of none */
    int number;  /* of a thread or an open file */
};

/* Names that are numbers, where a table does not list them. */
struct pseudo_numbers {
    /* The first that is greater (at first, -1); negative: none is. */
    int (*next)(const struct pseudo_key *key, int number);
    const struct pseudo_entry *entry; /* what each of them is */
    bool is_process;                  /* they are processes, else key.number */
};

struct pseudo_entry {
    const char *name; /* NULL ends a table */
    uint16_t mode;    /* with the type */

    /* A file's. -ESRCH where the process has gone, -EIO. */
    int (*text)(const struct pseudo_key *key, struct pseudo_text *out);
    const char *constant; /* or this */
    /* What was written, with a zero byte behind it; NULL: nothing can be. */
    int (*take)(const struct pseudo_key *key, const char *bytes, size_t size);
    /* Or all of it: sets the file's kind and state. */
    int (*open)(struct file *file);

    /* A link's target, with a zero byte: -ENOENT for none. */
    int (*link)(const struct pseudo_key *key, char out[PSEUDO_LINK_MAX]);
    /* What it leads to, where that is no path: counted. */
    int (*follow)(const struct pseudo_key *key, struct node **out);

    /* A directory's. */
    const struct pseudo_entry *entries;
    const struct pseudo_numbers *numbers;

    bool is_public; /* of a process, but not its own: root's */
};

/* An empty tree whose root has what this directory has. -ENOMEM. `owner` (or NULL) tells whose
 * nodes of a process are. */
struct pseudo_options {
    const struct pseudo_entry *root;
    const char *kind;
    uint32_t magic, device;
    struct file_clock clock;
    bool (*owner)(int process, uint32_t *uid, uint32_t *gid);
};
int pseudo_new(const struct pseudo_options *options, struct tree **out);

#endif
