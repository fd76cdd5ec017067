/*
 * What a container sees of file systems. For the process that is about to become the container's
 * first, in a mount namespace of its own.
 *
 * Theory of operation: the sources of bind mounts lie outside of the container's root, so they are
 * cloned first. Then the overlay becomes the root of the namespace, and the machine's is gone.
 * Only then is anything mounted: whatever a path of the image or of the policy says, and whatever
 * links the image has laid, it leads to a place within the container.
 */
#ifndef CAISSON_GUEST_ROOTFS_H
#define CAISSON_GUEST_ROOTFS_H

#include "guest/spec.h"

/* Leaves the process in the container's root, with all mounts made and restricted. Its folder to
 * work in is made where the image has none. */
int rootfs_enter(const struct spec *spec, struct error *err);

/* Puts the terminal whose slave this is at /dev/console. After rootfs_enter(). */
int rootfs_set_console(int slave, struct error *err);

#endif
