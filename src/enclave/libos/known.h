/*
 * What was found out of parts of files that never change (layers' files), for who wants the same
 * again: pieces of memory, up to a bound of all of them. The oldest go. With the lock, or before
 * anything runs.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_KNOWN_H
#define CAISSON_ENCLAVE_LIBOS_KNOWN_H

#include <stddef.h>
#include <stdint.h>

#define KNOWN_PIECES 64

/* Of which file, as its keeper numbers files, and what of it. */
struct known_part {
    uint64_t layer, file;
    uint64_t offset, size;
};

struct known_piece {
    struct known_part part;
    size_t size; /* bytes */
    void *bytes; /* NULL: a free place */
};

/* Zeros: nothing is known. */
struct known {
    struct known_piece all[KNOWN_PIECES];
    size_t next; /* the next to go */
    size_t size; /* bytes of all */
};

/* NULL where nothing is known of just this part. */
const struct known_piece *known_find(const struct known *known, const struct known_part *part);

/* A copy of these bytes, which may be none, as far as there is memory and `most` bytes for all:
 * where there is none, nothing is kept, and what is there stays. */
void known_keep(struct known *known, const struct known_part *part, const void *bytes, size_t size,
                size_t most);

#endif
