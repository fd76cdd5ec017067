/*
 * dm-verity, dm-integrity and dm-crypt devices, by the device mapper's ioctls (Linux
 * Documentation/admin-guide/device-mapper, uapi linux/dm-ioctl.h): create, load the table, resume.
 */
#ifndef CAISSON_OS_DEVICEMAPPER_H
#define CAISSON_OS_DEVICEMAPPER_H

#include <stdint.h>

#include "base/buf.h"

#define DEVICEMAPPER_ROOT_HASH_SIZE 32
#define DEVICEMAPPER_PATH_SIZE      32
#define DEVICEMAPPER_KEY_MAX        96

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

/* Room for a tag beside each block of 4096 bytes, without a journal (Linux
 * Documentation/admin-guide/device-mapper/dm-integrity.rst, mode D). What the tags are is the
 * business of the dm-crypt above. A disk that begins with zeros is formatted. */
struct devicemapper_integrity {
    const char *name;
    const char *disk;
    uint64_t sectors;  /* of 512 bytes that the device gives, less than the disk has */
    uint32_t tag_size; /* bytes a block */
};

int devicemapper_integrity_parameters(const struct devicemapper_integrity *integrity,
                                      struct buf *out, struct error *err);
int devicemapper_create_integrity(const struct devicemapper_integrity *integrity,
                                  char path[DEVICEMAPPER_PATH_SIZE], struct error *err);

/* Authenticated encryption of blocks of 4096 bytes (dm-crypt.rst, "integrity"). */
struct devicemapper_crypt {
    const char *name;
    const char *disk;   /* a dm-integrity device with tags of that size */
    const char *cipher; /* "capi:…" */
    uint64_t sectors;
    uint32_t tag_size;
    struct span key; /* at most DEVICEMAPPER_KEY_MAX bytes; no copy is left behind */
};

/* Appends the key in hex, too: for a buffer that is wiped. */
int devicemapper_crypt_parameters(const struct devicemapper_crypt *crypt, struct buf *out,
                                  struct error *err);
int devicemapper_create_crypt(const struct devicemapper_crypt *crypt,
                              char path[DEVICEMAPPER_PATH_SIZE], struct error *err);

/* One that is in use goes with its last user. */
int devicemapper_remove(const char *name, struct error *err);

#endif
