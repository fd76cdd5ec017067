/*
 * The records of a PAX extended header (POSIX.1-2008, pax, "pax Extended Header"): "%d %s=%s\n"
 * with the record's whole length first. Only the keywords that matter to a layer are kept; of a
 * keyword given twice the last counts.
 */
#ifndef CAISSON_FORMAT_TAR_PAX_H
#define CAISSON_FORMAT_TAR_PAX_H

#include "base/buf.h"

enum tar_pax_field {
    TAR_PAX_PATH,
    TAR_PAX_LINKPATH,
    TAR_PAX_UNAME,
    TAR_PAX_GNAME,
    TAR_PAX_UID,
    TAR_PAX_GID,
    TAR_PAX_ATIME,
    TAR_PAX_MTIME,
    TAR_PAX_CTIME,
    TAR_PAX_SIZE,
    TAR_PAX_SPARSE_MAJOR,
    TAR_PAX_SPARSE_MINOR,
    TAR_PAX_SPARSE_NUMBLOCKS,
    TAR_PAX_SPARSE_MAP,
    TAR_PAX_SPARSE_NAME,
    TAR_PAX_SPARSE_SIZE,
    TAR_PAX_SPARSE_REALSIZE,
    TAR_PAX_FIELDS
};

#define TAR_PAX_LIMIT (1U << 20) /* bytes of one extended header, as Go and libarchive have it */

struct tar_xattr {
    struct span name; /* without "SCHILY.xattr." */
    struct span value;
};

/* Owns its bytes; the spans point into them. */
struct tar_pax {
    struct buf raw;
    struct buf xattr_array; /* of struct tar_xattr, in the order given, repetitions included */
    struct buf sparse_map;  /* the map of format 0.0, as 0.1 writes it */
    struct span
        field[TAR_PAX_FIELDS]; /* size 0 when absent or empty: both keep the header's value */
};

void tar_pax_init(struct tar_pax *pax);
void tar_pax_fini(struct tar_pax *pax);

/* Forgets all records and gives back the buffer to read the next header's bytes into. */
struct buf *tar_pax_reset(struct tar_pax *pax);

/* Parses the bytes in pax->raw. ERROR_INVALID when any record is malformed. */
int tar_pax_parse(struct tar_pax *pax, struct error *err);

static inline const struct tar_xattr *tar_pax_xattrs(const struct tar_pax *pax, size_t *count)
{
    *count = pax->xattr_array.size / sizeof(struct tar_xattr);
    return (const struct tar_xattr *)(const void *)pax->xattr_array.data;
}

#endif
