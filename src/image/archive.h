/*
 * The table of contents of an uncompressed tar file, read by seeking from header to header: where
 * each member's bytes lie. An image archive is such a file; its layers are read at their place,
 * without unpacking anything.
 *
 * The file is hostile. What format/tar refuses is refused, and so is an archive without its two
 * closing blocks, since one that was cut between members looks whole otherwise. Names are only ever
 * compared, never opened.
 */
#ifndef CAISSON_IMAGE_ARCHIVE_H
#define CAISSON_IMAGE_ARCHIVE_H

#include "base/buf.h"

#define ARCHIVE_MEMBERS_MAX 65536
#define ARCHIVE_NAME_MAX    4096 /* bytes with the terminator */

struct archive_member {
    char *name;      /* without "./" in front and '/' at the end */
    char *link;      /* for links: the member that is meant; else NULL */
    uint64_t offset; /* of the first byte */
    uint64_t size;   /* bytes */
    bool regular;    /* a file whose bytes stand there as they are: not a sparse one */
};

struct archive {
    struct archive_member *members;
    size_t count;
};

/* Reads the contents of the tar file `fd`. Ended with archive_fini(), on failure too. */
int archive_read(int fd, struct archive *out, struct error *err);
void archive_fini(struct archive *archive);
#define ARCHIVE_AUTO __attribute__((cleanup(archive_fini))) struct archive

/* The regular member of this name, links followed. NULL with ERROR_NOT_FOUND, or ERROR_REFUSED
 * where two members have the name. */
const struct archive_member *archive_find(const struct archive *archive, const char *name,
                                          struct error *err);

#endif
