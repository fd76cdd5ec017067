#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/secret.h"

#define BUF_FIRST_CAPACITY 64

void buf_init(struct buf *buf, size_t limit)
{
    *buf = BUF_WITH_LIMIT(limit);
}

void buf_fini(struct buf *buf)
{
    free(buf->data);
    *buf = BUF_WITH_LIMIT(buf->limit);
}

void buf_fini_secret(struct buf *buf)
{
    secret_wipe(buf->data, buf->capacity);
    buf_fini(buf);
}

int buf_reserve(struct buf *buf, size_t extra, struct error *err)
{
    size_t needed;
    if (__builtin_add_overflow(buf->size, extra, &needed) || needed > buf->limit)
        return error_set(err, ERROR_LIMIT, "%zu more bytes exceed the limit of %zu bytes", extra,
                         buf->limit);
    if (buf->data && needed <= buf->capacity)
        return 0;
    size_t capacity = buf->capacity ? buf->capacity : BUF_FIRST_CAPACITY;
    while (capacity < needed)
        capacity = capacity > buf->limit / 2 ? buf->limit : capacity * 2;
    if (capacity == SIZE_MAX)
        return error_memory(err);
    /* Not realloc: a secret must not stay behind in freed memory. */
    uint8_t *data = malloc(capacity + 1);
    if (!data)
        return error_memory(err);
    if (buf->data && buf->size > 0)
        memcpy(data, buf->data, buf->size);
    data[buf->size] = 0;
    secret_wipe(buf->data, buf->capacity);
    free(buf->data);
    buf->data = data;
    buf->capacity = capacity;
    return 0;
}

int buf_append(struct buf *buf, struct span bytes, struct error *err)
{
    if (buf_reserve(buf, bytes.size, err) < 0)
        return -1;
    if (bytes.size > 0)
        memcpy(buf->data + buf->size, bytes.data, bytes.size);
    buf->size += bytes.size;
    buf->data[buf->size] = 0;
    return 0;
}

int buf_append_text(struct buf *buf, const char *text, struct error *err)
{
    return buf_append(buf, span_of_text(text), err);
}

int buf_append_byte(struct buf *buf, uint8_t byte, struct error *err)
{
    return buf_append(buf, span_of(&byte, 1), err);
}

int buf_append_zero(struct buf *buf, size_t size, struct error *err)
{
    if (buf_reserve(buf, size, err) < 0)
        return -1;
    memset(buf->data + buf->size, 0, size + 1);
    buf->size += size;
    return 0;
}

int buf_printf(struct buf *buf, struct error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        return error_set(err, ERROR_INVALID, "cannot format a message");
    if (buf_reserve(buf, (size_t)len, err) < 0)
        return -1;
    va_start(args, format);
    (void)vsnprintf((char *)buf->data + buf->size, (size_t)len + 1, format, args);
    va_end(args);
    buf->size += (size_t)len;
    return 0;
}

static int append_le(struct buf *buf, uint64_t value, size_t size, struct error *err)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    return buf_append(buf, span_of(bytes, size), err);
}

int buf_append_le16(struct buf *buf, uint16_t value, struct error *err)
{
    return append_le(buf, value, 2, err);
}

int buf_append_le32(struct buf *buf, uint32_t value, struct error *err)
{
    return append_le(buf, value, 4, err);
}

int buf_append_le64(struct buf *buf, uint64_t value, struct error *err)
{
    return append_le(buf, value, 8, err);
}

void buf_truncate(struct buf *buf, size_t size)
{
    buf->size = size;
    if (buf->data)
        buf->data[size] = 0;
}

void buf_consume(struct buf *buf, size_t size)
{
    if (size == 0)
        return;
    buf->size -= size;
    memmove(buf->data, buf->data + size, buf->size + 1);
}
