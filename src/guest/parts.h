/*
 * What few machines need, on a disk of its own: kernel modules and a btrfs without files for a
 * scratch disk, and the program that verifies fragments. scripts/build-guest writes it; the bytes
 * are checked against a measured digest before they are read here (parts_disk.h).
 *
 *     part    name[28], zero-padded; u32 size; the bytes. Modules in the order of loading, then
 *             "template", then the programs. Zeros follow the last part, up to a whole block of
 * the disk. block   of the template: u64 offset, u32 head size, u32 tail size; the head, the tail.
 * The block is SCRATCH_BLOCK_SIZE bytes: the head, zeros, and the tail.
 *
 * Integers are little endian.
 */
#ifndef CAISSON_GUEST_PARTS_H
#define CAISSON_GUEST_PARTS_H

#include "base/cursor.h"

#define PART_NAME_SIZE     28
#define SCRATCH_BLOCK_SIZE 16384

struct part {
    char name[PART_NAME_SIZE + 1];
    struct span bytes;
};

struct scratch_block {
    uint64_t offset;
    uint8_t bytes[SCRATCH_BLOCK_SIZE];
};

/* Reads the next one. False at the end, and, with `cursor->failed` set, where the bytes make no
 * sense. */
bool part_read(struct cursor *cursor, struct part *out);
bool scratch_block_read(struct cursor *cursor, struct scratch_block *out);

/* The bytes of the part of this name. False where there is none. */
bool part_find(struct span parts, const char *name, struct span *out);

#endif
