/* Makes tar archives for tests, by code. */
#ifndef CAISSON_TESTS_TARBALL_H
#define CAISSON_TESTS_TARBALL_H

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

struct tarball_entry {
    const char *name;
    char type; /* 0 means a file */
    const char *link;
    const char *contents;
    unsigned mode; /* 0 means 0644 */
    unsigned mtime;
    const char *size; /* the size field's text; NULL for what fits the contents */
};

/* Octal digits that fill a field but for its last byte. */
static inline void tarball_octal(uint8_t *field, size_t size, uint64_t value)
{
    field[size - 1] = 0;
    for (size_t i = size - 1; i-- > 0; value >>= 3)
        field[i] = (uint8_t)('0' + (value & 7));
}

static inline void tarball_checksum(uint8_t header[512])
{
    unsigned sum = 0;
    memset(header + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += header[i];
    tarball_octal(header + 148, 7, sum);
    header[155] = ' ';
}

static inline void tarball_header(const struct tarball_entry *entry, size_t size,
                                  uint8_t header[512])
{
    memset(header, 0, 512);
    memcpy(header, entry->name, strlen(entry->name));
    tarball_octal(header + 100, 8, entry->mode ? entry->mode : 0644);
    tarball_octal(header + 108, 8, 0);
    tarball_octal(header + 116, 8, 0);
    tarball_octal(header + 124, 12, size);
    if (entry->size) {
        memset(header + 124, 0, 12);
        memcpy(header + 124, entry->size, strlen(entry->size));
    }
    tarball_octal(header + 136, 12, entry->mtime);
    header[156] = (uint8_t)(entry->type ? entry->type : '0');
    if (entry->link)
        memcpy(header + 157, entry->link, strlen(entry->link));
    memcpy(header + 257, "ustar\00000", 8);
    tarball_checksum(header);
}

static inline void tarball_append(struct buf *tar, const void *bytes, size_t size)
{
    if (buf_append(tar, span_of(bytes, size), NULL) < 0 ||
        buf_append_zero(tar, (512 - size % 512) % 512, NULL) < 0)
        abort();
}

static inline void tarball_add(struct buf *tar, struct tarball_entry entry)
{
    uint8_t header[512];
    size_t size = entry.contents ? strlen(entry.contents) : 0;
    tarball_header(&entry, size, header);
    tarball_append(tar, header, sizeof header);
    if (size > 0)
        tarball_append(tar, entry.contents, size);
}

/* A PAX header of records "key=value\n" without their lengths, NULL-terminated. */
static inline void tarball_add_pax(struct buf *tar, char type, const char *const records[])
{
    BUF_AUTO text = BUF_WITH_LIMIT(1 << 20);
    for (; *records; records++) {
        size_t body = strlen(*records) + 2, size = body, digits;
        do {
            digits = (size_t)snprintf(NULL, 0, "%zu", size);
            if (size == body + digits)
                break;
            size = body + digits;
        } while (true);
        if (buf_printf(&text, NULL, "%zu %s\n", size, *records) < 0)
            abort();
    }
    tarball_add(tar, (struct tarball_entry){
                         .name = "PaxHeaders/x", .type = type, .contents = buf_text(&text)});
}

static inline void tarball_end(struct buf *tar)
{
    if (buf_append_zero(tar, 1024, NULL) < 0)
        abort();
}

/* A source that gives the archive in pieces of `step` bytes; for struct tar_source. */
struct tarball_source {
    struct span rest;
    size_t step;
};

static inline int tarball_next(void *arg, struct span *out, struct error *err)
{
    struct tarball_source *source = arg;
    size_t size = source->rest.size < source->step ? source->rest.size : source->step;
    (void)err;
    *out = span_of(source->rest.data, size);
    if (size == 0)
        return 0;
    source->rest = span_of(source->rest.data + size, source->rest.size - size);
    return 0;
}

/* The same for struct layer_source. */
static inline int tarball_read(void *arg, void *out, size_t size, size_t *got, struct error *err)
{
    struct span piece;
    struct tarball_source *source = arg;
    size_t step = source->step;
    if (source->step > size)
        source->step = size;
    (void)tarball_next(source, &piece, err);
    source->step = step;
    if (piece.size > 0)
        memcpy(out, piece.data, piece.size);
    *got = piece.size;
    return 0;
}

#endif
