/*
 * Scratch space on a disk of the host's: encrypted and authenticated under a key that is made here,
 * and that nobody else ever has. What containers write goes there in place of memory.
 *
 * Theory of operation
 *
 * dm-crypt seals each block of 4096 bytes with AEGIS-128, under a random nonce, bound to its
 * number; dm-integrity keeps the tag and the nonce beside it, without a journal. A block that was
 * changed, moved, or never written by this machine is an I/O error. That leaves an old block with
 * its old tag. So btrfs lies on top: each of its nodes names, for the nodes below it, when they
 * were written, and for data its SHA-256; the root of that tree is in the guest's memory as long as
 * the machine runs. An old block is not what the tree above it says, and is an I/O error too.
 *
 * Nothing on the disk outlives the machine, since its key does not. What the host finds on it at
 * the start does not matter: the file system is written from a template, and nothing is read that
 * was not written before.
 *
 * The drivers are in no plain machine's way: they come on the disk of parts, whose size and
 * SHA-256 the initial RAM disk, which is measured, says.
 */
#ifndef CAISSON_GUEST_SCRATCH_H
#define CAISSON_GUEST_SCRATCH_H

#include <sys/types.h>

#include "guest/gate.h"

#define SCRATCH_SIZE_MIN (320ULL << 20) /* bytes of the disk: btrfs grows to 256 MiB or more */

/* Makes the file system on the disk and mounts it. Once in a machine. On failure nothing is left
 * but drivers. */
int scratch_open(const struct request_scratch_mount *request, struct error *err);

/* Makes a folder of this name on the scratch, which must be open, and binds it to `target`, which
 * it makes. `name` has no slash, and is not there yet. `size` is how many bytes it takes, with what
 * the file system needs for them; 0 for no limit. */
int scratch_add_folder(const char *name, mode_t mode, uint64_t size, const char *target,
                       struct error *err);

/* Takes such a folder away, with all that is in it. */
void scratch_remove_folder(const char *name, const char *target);

#endif
