/*
 * The tar inside a layer blob: plain, gzip or zstd, told apart by the first bytes. It also computes
 * the digest of the blob on the way.
 */
#ifndef CAISSON_LAYER_UNPACK_H
#define CAISSON_LAYER_UNPACK_H

#include <stdatomic.h>

#include "crypto/digest.h"
#include "layer/gunzip.h"
#include "layer/layer.h"

#define UNPACK_ZSTD_WINDOW_LOG 25 /* 32 MiB: the largest window that is accepted */

enum unpack_kind { UNPACK_PLAIN, UNPACK_GZIP, UNPACK_ZSTD };

struct unpack {
    const struct layer_source *source;
    enum unpack_kind kind;
    uint8_t *bytes;   /* the last that the source gave */
    struct span rest; /* of them, not used yet */
    bool ended;
    _Atomic uint64_t blob_size; /* read so far; progress reports look at it from another thread */
    struct sha256 blob;         /* not fed for a plain tar: its digest is the tar's */
    struct gunzip *gunzip;
    struct ZSTD_DCtx_s *zstd;
    bool zstd_in_frame;
};

/* Reads the first bytes. unpack_fini() is due even after a failure. */
int unpack_init(struct unpack *unpack, const struct layer_source *source, struct error *err);
void unpack_fini(struct unpack *unpack);

/* Fills out[size] as far as the tar goes: *got < size only at its end. */
int unpack_read(struct unpack *unpack, uint8_t *out, size_t size, size_t *got, struct error *err);

#endif
