/* The container's files in an enclave: layers that the host's disks hold, and /dev. */
#ifndef CAISSON_ENCLAVE_LIBOS_ROOT_H
#define CAISSON_ENCLAVE_LIBOS_ROOT_H

#include "enclave/libos/door_calls.h"
#include "enclave/libos/vfs.h"

#define ROOT_LIMIT  (UINT64_C(64) << 20) /* bytes that the container may write */
#define ROOT_BLOCKS 4096                 /* that are kept of all layers together */

/* Mounts the layers, top first, layer i from the disk DOOR_DISK_LAYERS + i, and opens the standard
 * streams. Their root hashes are the caller's to have compared with the policy. What was made until
 * an error stays: the enclave ends then. */
int root_mount(struct vfs *vfs, const struct door_layer *layers, size_t count);

#endif
