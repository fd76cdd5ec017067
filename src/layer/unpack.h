/*
 * The tar inside a layer blob: plain, gzip or zstd, told apart by the first bytes. What was read of
 * the blob is handed on too, for its digest.
 */
#ifndef CAISSON_LAYER_UNPACK_H
#define CAISSON_LAYER_UNPACK_H

#include <stdatomic.h>

#include "layer/gunzip.h"
#include "layer/layer.h"

#define UNPACK_ZSTD_WINDOW_LOG 25 /* 32 MiB: the largest window that is accepted */

#define UNPACK_TAR_SIZE  ((size_t)256 << 10)
#define UNPACK_BLOB_SIZE ((size_t)256 << 10)

enum unpack_kind { UNPACK_PLAIN, UNPACK_GZIP, UNPACK_ZSTD };

struct unpack {
    const struct layer_source *source;
    enum unpack_kind kind;
    uint8_t *bytes;   /* the last that the source gave */
    struct span rest; /* of them, not used yet */
    size_t fresh;     /* of them, from the first on, not handed on yet */
    bool ended;
    _Atomic uint64_t blob_size; /* read so far; progress reports look at it from another thread */
    struct gunzip *gunzip;
    struct ZSTD_DCtx_s *zstd;
    bool zstd_in_frame;
};

/* A piece of the tar, and what was read of the blob meanwhile: pieces put together are the whole of
 * each. The blob's bytes are left out for a plain tar, whose digest is the tar's. */
struct unpack_piece {
    uint8_t tar[UNPACK_TAR_SIZE];
    uint8_t blob[UNPACK_BLOB_SIZE];
    size_t tar_size;
    size_t blob_size;
};

/* Reads the first bytes. unpack_fini() is due even after a failure. */
int unpack_init(struct unpack *unpack, const struct layer_source *source, struct error *err);
void unpack_fini(struct unpack *unpack);

/* Fills a piece until either part is full, or the tar is over: then *more is false, and there may
 * be bytes in the piece all the same. */
int unpack_read(struct unpack *unpack, struct unpack_piece *piece, bool *more, struct error *err);

#endif
