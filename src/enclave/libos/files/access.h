/* Who may do what to a node: owner, group, others and capabilities, as Linux asks. */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_ACCESS_H
#define CAISSON_ENCLAVE_LIBOS_FILES_ACCESS_H

#include "enclave/libos/files/tree.h"

/* Of the process, as far as files ask. Groups are borrowed. */
struct creds {
    uint32_t uid, gid; /* fsuid and fsgid */
    const uint32_t *groups;
    size_t group_count;
    uint64_t capabilities; /* the effective ones, a bit each */
};

#define ACCESS_EXECUTE 1U /* the bits of a mode */
#define ACCESS_WRITE   2U
#define ACCESS_READ    4U

bool creds_have(const struct creds *creds, unsigned capability);
bool creds_in_group(const struct creds *creds, uint32_t gid);

/* 0, -EACCES, or -EROFS for writing to a tree that is read only, for all of `wanted`. */
int access_node(const struct creds *creds, const struct node *node, unsigned wanted);

/* Before anything that a node says of itself is changed: -EROFS. */
int access_change(const struct node *node);

/* Whether the node is the process' own, or CAP_FOWNER says so. */
bool access_owns(const struct creds *creds, const struct node *node);

/* To take a name away: -EACCES, or -EPERM where the directory's sticky bit forbids it. */
int access_remove(const struct creds *creds, const struct node *directory, const struct node *node);

#endif
