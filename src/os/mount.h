/* Mounts. Paths here are the program's own or built by it, never taken from outside as they are. */
#ifndef CAISSON_OS_MOUNT_H
#define CAISSON_OS_MOUNT_H

#include <stddef.h>

#include "base/error.h"

/* mount(2); `data` may be NULL. The target must exist. */
int mount_filesystem(const char *source, const char *target, const char *type, unsigned long flags,
                     const char *data, struct error *err);

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

#endif
