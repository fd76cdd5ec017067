#include "layer/unpack.h"

#include <stdlib.h>

#include <zstd.h>

/* Reads more of the blob. At its end unpack->ended is set and nothing is added. */
static int fill(struct unpack *unpack, size_t at, struct error *err)
{
    size_t got = 0;
    if (unpack->source->read(unpack->source->arg, unpack->bytes + at, UNPACK_BLOB_SIZE - at, &got,
                             err) < 0)
        return -1;
    if (got > UNPACK_BLOB_SIZE - at)
        return error_set(err, ERROR_INVALID, "the layer's source gave more than was asked for");
    unpack->ended = got == 0;
    unpack->rest = span_of(unpack->bytes, at + got);
    (void)atomic_fetch_add(&unpack->blob_size, got);
    unpack->fresh = unpack->kind == UNPACK_PLAIN ? 0 : at + got;
    return 0;
}

static enum unpack_kind detect(struct span head)
{
    static const uint8_t zstd_magic[] = {0x28, 0xb5, 0x2f, 0xfd};
    static const uint8_t skippable[] = {0x2a, 0x4d, 0x18}; /* after a byte 0x50 to 0x5f */
    if (head.size >= 2 && head.data[0] == 0x1f && head.data[1] == 0x8b)
        return UNPACK_GZIP;
    if (head.size < 4)
        return UNPACK_PLAIN;
    if (memcmp(head.data, zstd_magic, 4) == 0)
        return UNPACK_ZSTD;
    if (head.data[0] >> 4 == 5 && memcmp(head.data + 1, skippable, 3) == 0)
        return UNPACK_ZSTD;
    return UNPACK_PLAIN;
}

static int init_zstd(struct unpack *unpack, struct error *err)
{
    unpack->zstd = ZSTD_createDCtx();
    if (!unpack->zstd)
        return error_memory(err);
    (void)ZSTD_DCtx_setParameter(unpack->zstd, ZSTD_d_windowLogMax, UNPACK_ZSTD_WINDOW_LOG);
    return 0;
}

int unpack_init(struct unpack *unpack, const struct layer_source *source, struct error *err)
{
    *unpack = (struct unpack){.source = source, .bytes = malloc(UNPACK_BLOB_SIZE)};
    if (!unpack->bytes)
        return error_memory(err);
    while (!unpack->ended && unpack->rest.size < 4) {
        if (fill(unpack, unpack->rest.size, err) < 0)
            return -1;
    }
    unpack->kind = detect(unpack->rest);
    unpack->fresh = unpack->kind == UNPACK_PLAIN ? 0 : unpack->rest.size;
    if (unpack->kind == UNPACK_ZSTD)
        return init_zstd(unpack, err);
    if (unpack->kind == UNPACK_GZIP)
        unpack->gunzip = gunzip_new(err);
    return unpack->kind == UNPACK_GZIP && !unpack->gunzip ? -1 : 0;
}

void unpack_fini(struct unpack *unpack)
{
    free(unpack->bytes);
    gunzip_free(unpack->gunzip);
    (void)ZSTD_freeDCtx(unpack->zstd);
}

static int step_plain(struct unpack *unpack, uint8_t *out, size_t size, size_t *got)
{
    *got = unpack->rest.size < size ? unpack->rest.size : size;
    if (*got > 0)
        memcpy(out, unpack->rest.data, *got);
    unpack->rest = span_of(unpack->rest.data + *got, unpack->rest.size - *got);
    return 0;
}

static int step_zstd(struct unpack *unpack, uint8_t *out, size_t size, size_t *got,
                     struct error *err)
{
    ZSTD_inBuffer in = {unpack->rest.data, unpack->rest.size, 0};
    ZSTD_outBuffer room = {out, size, 0};
    size_t hint = ZSTD_decompressStream(unpack->zstd, &room, &in);
    if (ZSTD_isError(hint))
        return error_set(err, ERROR_INVALID, "zstd: %s", ZSTD_getErrorName(hint));
    /* A call that does nothing hints at the next frame's header. */
    if (in.pos > 0 || room.pos > 0)
        unpack->zstd_in_frame = hint != 0;
    unpack->rest = span_of(unpack->rest.data + in.pos, unpack->rest.size - in.pos);
    *got = room.pos;
    return 0;
}

static int step(struct unpack *unpack, uint8_t *out, size_t size, size_t *got, struct error *err)
{
    switch (unpack->kind) {
    case UNPACK_GZIP:
        return gunzip_step(unpack->gunzip, &unpack->rest, out, size, got, err);
    case UNPACK_ZSTD:
        return step_zstd(unpack, out, size, got, err);
    case UNPACK_PLAIN:
        break;
    }
    return step_plain(unpack, out, size, got);
}

static int check_end(const struct unpack *unpack, struct error *err)
{
    if ((unpack->kind == UNPACK_GZIP && !gunzip_is_whole(unpack->gunzip)) ||
        (unpack->kind == UNPACK_ZSTD && unpack->zstd_in_frame))
        return error_set(err, ERROR_INVALID, "%s: the compressed stream is truncated",
                         unpack->kind == UNPACK_GZIP ? "gzip" : "zstd");
    return 0;
}

/* Copies what was read of the blob to the piece, where there is room for it. */
static bool hand_on(struct unpack *unpack, struct unpack_piece *piece)
{
    if (unpack->fresh > UNPACK_BLOB_SIZE - piece->blob_size)
        return false;
    memcpy(piece->blob + piece->blob_size, unpack->bytes, unpack->fresh);
    piece->blob_size += unpack->fresh;
    unpack->fresh = 0;
    return true;
}

int unpack_read(struct unpack *unpack, struct unpack_piece *piece, bool *more, struct error *err)
{
    piece->tar_size = 0;
    piece->blob_size = 0;
    *more = true;
    while (hand_on(unpack, piece) && piece->tar_size < UNPACK_TAR_SIZE) {
        size_t made = 0;
        size_t had = unpack->rest.size;
        if (step(unpack, piece->tar + piece->tar_size, UNPACK_TAR_SIZE - piece->tar_size, &made,
                 err) < 0)
            return -1;
        piece->tar_size += made;
        if (made > 0 || unpack->rest.size != had)
            continue;
        if (unpack->ended) {
            *more = false;
            return check_end(unpack, err);
        }
        if (had > 0)
            return error_set(err, ERROR_INVALID, "the compressed stream makes no progress");
        if (fill(unpack, 0, err) < 0)
            return -1;
    }
    return 0;
}
