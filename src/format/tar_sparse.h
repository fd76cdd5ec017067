/*
 * Sparse files in tar archives: which parts of a file are in the archive; the others are zeros.
 * Three encodings: the old GNU header ('S'), and PAX "GNU.sparse" 0.0/0.1 (in records) and 1.0 (a
 * text before the data). GNU tar manual, appendix "Storing Sparse Files".
 */
#ifndef CAISSON_FORMAT_TAR_SPARSE_H
#define CAISSON_FORMAT_TAR_SPARSE_H

#include "format/tar_pax.h"

#define TAR_SPARSE_TEXT_LIMIT (1U << 20) /* bytes of an encoded map */
#define TAR_SPARSE_MAX        (1U << 18) /* parts; the shortest takes four bytes of the text */

struct tar_part {
    int64_t offset; /* in the file */
    int64_t size;
};

struct tar_sparse {
    struct buf parts; /* of struct tar_part */
};

void tar_sparse_init(struct tar_sparse *sparse);
void tar_sparse_fini(struct tar_sparse *sparse);

/* Adds the parts of an old GNU table: `bytes` holds entries of 24 bytes, the first unused one ends
 * them, and one more byte tells whether another table follows. */
int tar_sparse_add_table(struct tar_sparse *sparse, struct span bytes, bool *more,
                         struct error *err);

/* Format 0.1: the number of parts, and "offset,size,offset,size…". */
int tar_sparse_parse_list(struct tar_sparse *sparse, struct span count, struct span list,
                          struct error *err);

/* Format 1.0: a text of lines, its first one the number of parts. From the first line follows how
 * many lines the map has; once they are all there, the map can be parsed. */
int tar_sparse_count_lines(struct span text, size_t *lines, struct error *err);
int tar_sparse_parse_lines(struct tar_sparse *sparse, struct span text, struct error *err);

/* The parts must be in order, apart, and inside a file of `size` bytes. */
int tar_sparse_check(const struct tar_sparse *sparse, int64_t size, struct error *err);

static inline const struct tar_part *tar_sparse_parts(const struct tar_sparse *sparse,
                                                      size_t *count)
{
    *count = sparse->parts.size / sizeof(struct tar_part);
    return (const struct tar_part *)(const void *)sparse->parts.data;
}

#endif
