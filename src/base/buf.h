/*
 * A growing buffer with a limit that is set once. Its owner calls buf_fini(). A buffer that is full
 * refuses with ERROR_LIMIT and keeps what it has; it never grows past its limit, whoever feeds it.
 */
#ifndef CAISSON_BASE_BUF_H
#define CAISSON_BASE_BUF_H

#include "base/error.h"
#include "base/span.h"

struct buf {
    uint8_t *data; /* always followed by a zero byte that `size` does not count, once non-NULL */
    size_t size;
    size_t capacity;
    size_t limit;
};

#define BUF_WITH_LIMIT(bytes) ((struct buf){.limit = (bytes)})

void buf_init(struct buf *buf, size_t limit);

/* Frees the bytes; the buffer is empty and usable again, with the same limit. */
void buf_fini(struct buf *buf);

/* As buf_fini, for bytes that are secret: they are wiped first. */
void buf_fini_secret(struct buf *buf);

/* Makes room for `extra` more bytes without changing the size. */
int buf_reserve(struct buf *buf, size_t extra, struct error *err);

/* `bytes` must not lie in the buffer itself. */
int buf_append(struct buf *buf, struct span bytes, struct error *err);
int buf_append_text(struct buf *buf, const char *text, struct error *err);
int buf_append_byte(struct buf *buf, uint8_t byte, struct error *err);
int buf_append_zero(struct buf *buf, size_t size, struct error *err);
int buf_printf(struct buf *buf, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

int buf_append_le16(struct buf *buf, uint16_t value, struct error *err);
int buf_append_le32(struct buf *buf, uint32_t value, struct error *err);
int buf_append_le64(struct buf *buf, uint64_t value, struct error *err);

/* Drops what follows the first `size` bytes; `size` must not exceed what is there. */
void buf_truncate(struct buf *buf, size_t size);

/* Drops `size` bytes from the front; `size` must not exceed what is there. */
void buf_consume(struct buf *buf, size_t size);

static inline struct span buf_span(const struct buf *buf)
{
    return span_of(buf->data, buf->size);
}

/* The bytes as a C string: "" for an empty buffer. Valid until the next change. */
static inline const char *buf_text(const struct buf *buf)
{
    return buf->data ? (const char *)buf->data : "";
}

/* Gives the heap bytes to the caller, who frees them; the buffer is empty again. Never NULL on
 * success: an empty buffer gives an empty, terminated allocation. NULL when memory ran out. */
char *buf_take_text(struct buf *buf);

#define BUF_AUTO __attribute__((cleanup(buf_fini))) struct buf

#endif
