/* The container's files in an enclave: layers that the host's disks hold, /dev, /proc and /sys. */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_ROOT_H
#define CAISSON_ENCLAVE_LIBOS_FILES_ROOT_H

#include "enclave/libos/files/vfs.h"

#define ROOT_LIMIT  (UINT64_C(64) << 20) /* bytes that the container may write, to all trees */
#define ROOT_BLOCKS 4096                 /* that are kept of all layers together */

/* A disk of the host's, and what it is to hold. */
struct root_layer {
    uint32_t disk;
    uint64_t data_blocks; /* by the disk's own word */
    uint8_t root[32];     /* hash, by the policy's */
};

/* Whether the disk begins as the layer of this root hash: 0, or a negative errno. */
int root_check_layer(const struct root_layer *layer);

/* Mounts the layers, top first, /dev, /proc and /sys. Their root hashes are the caller's to have
 * compared with the policy. What was made until an error stays: the enclave ends then. */
int root_mount(struct vfs *vfs, const struct root_layer *layers, size_t count);

/* Another root, of this layer alone and read only, for who is apart from the container: no path of
 * the container's leads there, nor from there to the container. */
int root_open_apart(struct vfs *vfs, const struct root_layer *layer);

/* A file system in memory, whose bytes are of ROOT_LIMIT too. */
struct root_tmpfs {
    const char *path; /* absolute; borrowed for good */
    uint64_t limit;   /* bytes */
    uint16_t mode;
    uint32_t uid, gid; /* of its root */
    unsigned flags;    /* TREE_READ_ONLY and so on */
};

/* Makes the folder where it is missing, with those above it. */
int root_mount_tmpfs(struct vfs *vfs, const struct root_tmpfs *what);

/* A file in memory that nobody writes, hides one of the container's. */
struct root_file {
    const char *path; /* absolute; borrowed for good */
    struct span bytes;
    uint16_t mode;
    uint32_t uid;
};

/* Makes what it hides where it is missing, with the folders above it; a link's target, if it is
 * one. -ENOTDIR for a folder, -ENOSPC. */
int root_mount_file(struct vfs *vfs, const struct root_file *what);

/* The library OS' own processes may have quotes (attestation.h). `quoting` is TARGETINFO of who
 * makes them. */
void root_begin_attestation(const uint8_t quoting[512]);
/* The same, and mounts /dev/attestation. */
int root_mount_attestation(struct vfs *vfs, const uint8_t quoting[512]);

/* At most so many bytes are written, and never more than ROOT_LIMIT. */
void root_bound(uint64_t size);

/* Nothing more is written to the layers' tree. Others mounted over it stay as they are. */
void root_be_read_only(struct vfs *vfs);

#endif
