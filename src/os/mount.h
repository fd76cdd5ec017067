/*
 * Mounts. Paths here are the program's own or built by it; others only in a process that has
 * entered the root (mount_pivot) within which they mean something.
 *
 * A mount is made first and put into its place afterwards: what is wrong with it is known before
 * anybody can see it.
 */
#ifndef CAISSON_OS_MOUNT_H
#define CAISSON_OS_MOUNT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* mount(2); `data` may be NULL. The target must exist. */
int mount_filesystem(const char *source, const char *target, const char *type, unsigned long flags,
                     const char *data, struct error *err);

/* One of a file system's own parameters. */
struct mount_parameter {
    const char *key;
    const char *value; /* NULL for one that is a flag */
};

/* Makes a new file system's mount with these attributes (MOUNT_ATTR_* of mount_setattr(2)), in no
 * place yet. Returns its descriptor or -1. */
int mount_make(const char *type, unsigned int attributes, const struct mount_parameter *parameters,
               size_t count, struct error *err);

/* Makes a bind mount of what `fd` (it may be O_PATH) is, with what is mounted beneath where
 * `recursive`, and sets these attributes on it, in no place yet. Returns its descriptor or -1. */
int mount_clone(int fd, bool recursive, unsigned int attributes, struct error *err);

/* Puts what was made or cloned into its place; the target must exist, and be a folder where the
 * mount's root is one. */
int mount_attach(int mount, const char *target, struct error *err);

/* Sets and clears attributes of the mount whose root is `target`. */
int mount_change(const char *target, unsigned int set, unsigned int clear, struct error *err);

struct mount_overlay {
    const char *const *lower; /* folders, topmost first */
    size_t lower_count;
    const char *upper;
    const char *work;
    const char *target;
};

/* Stacks an overlay, without devices. Any number of layers: each is handed over by itself, so no
 * character in a path has a meaning. Needs Linux 6.8. */
int mount_overlay(const struct mount_overlay *overlay, struct error *err);

/* Takes a mount away at once; what is still open in it lives on until it is closed. */
int mount_remove(const char *target, struct error *err);

/* Makes the mount whose root is `folder` the root of this process's mount namespace, which must be
 * its own, and takes the old root away: nothing of it can be reached any more. The working
 * directory becomes the new root. */
int mount_pivot(const char *folder, struct error *err);

#endif
