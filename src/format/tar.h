/*
 * Reads a tar archive from a stream: v7, ustar, PAX, GNU and star headers; GNU and PAX sparse
 * files.
 *
 * What is accepted, and how it is understood, follows Go's archive/tar, since the root hash of a
 * layer depends on it. Where that library lets a truncated archive pass (the padding of the last
 * file is short; an extended header with no file after it), this reader refuses.
 *
 * Pull: tar_next() gives an entry, tar_read() its contents piece by piece; what is not read is
 * skipped. The spans of an entry stay valid until the next tar_next(), those of contents until the
 * next call of either.
 */
#ifndef CAISSON_FORMAT_TAR_H
#define CAISSON_FORMAT_TAR_H

#include "format/tar_number.h"
#include "format/tar_pax.h"
#include "format/tar_sparse.h"

#define TAR_BLOCK_SIZE 512

enum tar_type {
    TAR_FILE = '0',
    TAR_LINK = '1',
    TAR_SYMLINK = '2',
    TAR_CHAR_DEVICE = '3',
    TAR_BLOCK_DEVICE = '4',
    TAR_DIRECTORY = '5',
    TAR_FIFO = '6',
    TAR_GLOBAL = 'g', /* a PAX global header: its records are not applied to what follows */
};

/* Gives the next bytes of the archive, which stay valid until the next call; empty at the end. */
struct tar_source {
    int (*next)(void *arg, struct span *out, struct error *err);
    void *arg;
    /* Passes over the next bytes, as a file can that is read by seeking. *over = false where fewer
     * are left. NULL for a source that can only be read. */
    int (*skip)(void *arg, uint64_t size, bool *over, struct error *err);
};

struct tar_entry {
    char type;        /* enum tar_type, or another letter, which has contents like a file */
    struct span name; /* as written; may hold "..", "//", a leading "/", any byte */
    struct span link; /* target of a hard or symbolic link */
    int64_t size;     /* of the contents as tar_read() gives them; meaningless without contents */
    int64_t mode;
    int64_t uid;
    int64_t gid;
    int64_t dev_major;
    int64_t dev_minor;
    struct tar_time mtime;
    struct tar_time atime;
    struct tar_time ctime;
    const struct tar_xattr *xattrs; /* of one name given twice the last counts */
    size_t xattr_count;
};

/* A piece of contents: bytes, or, with bytes.data NULL, a hole of `size` zeros. */
struct tar_piece {
    struct span bytes;
    uint64_t size;
};

struct tar_reader {
    struct tar_source source;
    struct span chunk; /* what the source gave and is not used yet */
    uint64_t offset;   /* of the next byte in the archive: after tar_next() where contents start */
    uint64_t left;     /* bytes of contents in the archive that were not read */
    uint64_t padding;  /* that follow the contents */
    uint8_t header[TAR_BLOCK_SIZE];
    uint8_t name[TAR_BLOCK_SIZE]; /* prefix, "/", name */
    struct tar_pax pax;
    struct buf long_name;
    struct buf long_link;
    struct tar_sparse sparse;
    bool is_sparse;
    bool closed; /* the archive's end was marked by two blocks of zeros */
    size_t part; /* of the sparse file: which is being read, and where in the file */
    uint64_t position;
    uint64_t end;
};

void tar_init(struct tar_reader *tar, struct tar_source source);
void tar_fini(struct tar_reader *tar);

/* The next entry, or *more = false at the archive's end. What follows the end is not looked at. */
int tar_next(struct tar_reader *tar, struct tar_entry *entry, bool *more, struct error *err);

/* The next piece of the current entry's contents; of size 0 at their end. */
int tar_read(struct tar_reader *tar, struct tar_piece *out, struct error *err);

#endif
