/* The disk with the parts that few machines need (parts.h), which its host hands to those alone. */
#ifndef CAISSON_GUEST_PARTS_DISK_H
#define CAISSON_GUEST_PARTS_DISK_H

#include "base/buf.h"

#define PARTS_SIZE_MAX (16U << 20)

/* Reads the disk into memory. Only bytes with the size and the SHA-256 that the initial RAM disk
 * says, which is measured, come out; ERROR_INVALID for others, ERROR_NOT_FOUND for no disk. */
int parts_disk_read(struct buf *out, struct error *err);

#endif
