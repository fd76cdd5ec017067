/*
 * Where the pages of shared objects are, and who may have them: in the first enclave, under its
 * lock, which is kept while pages are recalled. How it works is in shared.h.
 *
 * Processes are meant by their index in the table (process.h), those with an enclave of their own.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_SHARED_HOME_H
#define CAISSON_ENCLAVE_LIBOS_SHARED_HOME_H

#include "enclave/libos/files/tree.h"
#include "enclave/libos/shared/shared.h"

#define SHARED_OBJECTS_MAX 4096
#define SHARED_COPIES_MAX  131072 /* pages that somebody has, in all enclaves together */

/* Attaches the process to a file's node, which becomes an object. -ENOMEM. */
int shared_home_open(struct node *node, size_t process, bool may_write, uint32_t *object);

/* A page to a place of the process. -EACCES for an object that it is not attached to, or may not
 * write to; -EFAULT behind the file's end; -ENOSPC, -ENOMEM; -EBUSY: to be asked for again, in a
 * moment, since somebody has just got it; -EIO. */
int shared_home_page(size_t process, uint32_t object, uint64_t number, uint64_t address,
                     enum shared_wanted wanted, struct shared_grant *out);

/* The process unmaps pages: what it wrote comes home. `what` is of enum shared_drop. */
void shared_home_drop(size_t process, uint32_t object, uint64_t first, uint64_t count,
                      uint64_t address, unsigned what);

/* Whether it is attached to any object. */
bool shared_home_has(size_t process);

/* All that it has, at its end; what it cannot be asked for any more is lost. */
void shared_home_leave(size_t process);

/* A child is attached to what its parent is. */
void shared_home_fork(size_t parent, size_t child);

/* The word at an offset, as it is now: -EACCES, -EFAULT, -EIO. */
int shared_home_word(size_t process, uint32_t object, uint64_t offset, uint32_t *out);

/* Before the bytes of a node are read, or others written in their place (shared_home_call is
 * node_call_home of tree.h). 0 or -EIO. */
int shared_home_call(struct node *node, uint64_t offset, uint64_t size, bool is_changed);

/* Whether somebody may write to it by a mapping. */
bool shared_home_is_written(const struct node *node);

#endif
