/*
 * dm-verity devices, by the device mapper's ioctls (Linux Documentation/admin-guide/device-mapper,
 * uapi linux/dm-ioctl.h): create, load the table, resume.
 */
#ifndef CAISSON_OS_DEVICEMAPPER_H
#define CAISSON_OS_DEVICEMAPPER_H

#include <stdint.h>

#include "base/buf.h"

#define DEVICEMAPPER_ROOT_HASH_SIZE 32
#define DEVICEMAPPER_PATH_SIZE      32

struct devicemapper_verity {
    const char *name;     /* of the new device */
    const char *disk;     /* "/dev/sda": data, superblock and tree */
    uint64_t data_blocks; /* of 4096 bytes */
    uint64_t tree_block;  /* where the hash tree begins, in blocks of 4096 bytes */
    uint8_t root_hash[DEVICEMAPPER_ROOT_HASH_SIZE];
};

/* Appends the target's parameters: SHA-256, blocks of 4096 bytes, a salt of 32 zero bytes; a block
 * that is wrong or cannot be read ends the machine. */
int devicemapper_verity_parameters(const struct devicemapper_verity *verity, struct buf *out,
                                   struct error *err);

/* Makes a read-only device and writes its path to `path`. On failure no device is left. */
int devicemapper_create_verity(const struct devicemapper_verity *verity,
                               char path[DEVICEMAPPER_PATH_SIZE], struct error *err);

int devicemapper_remove(const char *name, struct error *err);

#endif
