/*
 * Layer disks: found by their number, checked against a root hash by dm-verity, mounted read-only.
 * What is on a disk is the host's until a block of it has passed dm-verity.
 */
#ifndef CAISSON_GUEST_DISK_H
#define CAISSON_GUEST_DISK_H

#include "base/error.h"
#include "guest/request.h"

#define DISK_PATH_SIZE 64

/* Writes the path of the disk with this LUN ("/dev/vda") to `path`. Disks are those that the
 * machine started with. */
int disk_find(unsigned int lun, char path[DISK_PATH_SIZE], struct error *err);

/* The same for the disk of parts (parts_disk.h). */
int disk_find_parts(char path[DISK_PATH_SIZE], struct error *err);

/* Attaches the disk with this LUN at the target. On failure nothing is left. */
int disk_mount(const struct request_mount_device *device, struct error *err);

/* Takes away what disk_mount() has attached there. */
int disk_unmount(const char *target, struct error *err);

#endif
