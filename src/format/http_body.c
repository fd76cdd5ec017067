/* Bodies in chunks, and the escapes of targets. */
#include "format/http.h"

#include "base/text.h"

#define LINE_MAX_SIZE    1024 /* bytes of a line of sizes with its extensions */
#define TRAILER_MAX_SIZE 4096 /* bytes of all trailers */

/* RFC 9112, section 7.1. */
enum chunk_state {
    SIZE_FIRST, /* before the first digit */
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST, /* at the beginning of a line */
    TRAILER,
    TRAILER_LF,
    END_LF,
};

static int hex_value(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

static int bad_chunk(enum http_status *status, struct error *err)
{
    *status = HTTP_BAD_REQUEST;
    return error_set(err, ERROR_INVALID, "the chunks of the body are malformed");
}

static int too_large(enum http_status *status, const char *what, struct error *err)
{
    *status = HTTP_TOO_LARGE;
    return error_set(err, ERROR_LIMIT, "%s too large", what);
}

/* A byte of the line that says a chunk's size. */
static int take_size(struct http_chunks *chunks, uint8_t byte, enum http_status *status,
                     struct error *err)
{
    int digit = hex_value(byte);
    if (++chunks->line_size > LINE_MAX_SIZE)
        return too_large(status, "a chunk's extensions are", err);
    if (chunks->state != EXTENSION && digit >= 0) {
        if (chunks->left > UINT64_MAX >> 8)
            return too_large(status, "a chunk is", err);
        chunks->left = chunks->left * 16 + (uint64_t)digit;
        chunks->state = SIZE;
        return 0;
    }
    if (chunks->state == SIZE_FIRST)
        return bad_chunk(status, err);
    if (byte == '\r')
        chunks->state = SIZE_LF;
    else if (chunks->state == EXTENSION ? (byte >= ' ' && byte != 0x7f) || byte == '\t'
                                        : byte == ';' || byte == ' ' || byte == '\t')
        chunks->state = EXTENSION;
    else
        return bad_chunk(status, err);
    return 0;
}

static int take_trailer(struct http_chunks *chunks, uint8_t byte, enum http_status *status,
                        struct error *err)
{
    if (++chunks->trailer_size > TRAILER_MAX_SIZE)
        return too_large(status, "the trailers are", err);
    if (byte == '\r')
        chunks->state = chunks->state == TRAILER_FIRST ? END_LF : TRAILER_LF;
    else if (byte == '\n' || byte == '\0')
        return bad_chunk(status, err);
    else
        chunks->state = TRAILER;
    return 0;
}

/* A byte that ends a line or a chunk: it must be the one that the state waits for. */
static int take_end(struct http_chunks *chunks, uint8_t byte, enum http_status *status,
                    struct error *err)
{
    if (byte != (chunks->state == DATA_CR ? '\r' : '\n'))
        return bad_chunk(status, err);
    switch (chunks->state) {
    case SIZE_LF:
        chunks->state = chunks->left > 0 ? DATA : TRAILER_FIRST;
        chunks->line_size = 0;
        break;
    case DATA_CR:
        chunks->state = DATA_LF;
        break;
    case DATA_LF:
        chunks->state = SIZE_FIRST;
        break;
    case TRAILER_LF:
        chunks->state = TRAILER_FIRST;
        break;
    default:
        chunks->is_done = true;
    }
    return 0;
}

static int take_byte(struct http_chunks *chunks, uint8_t byte, enum http_status *status,
                     struct error *err)
{
    switch (chunks->state) {
    case SIZE_FIRST:
    case SIZE:
    case EXTENSION:
        return take_size(chunks, byte, status, err);
    case TRAILER_FIRST:
    case TRAILER:
        return take_trailer(chunks, byte, status, err);
    default:
        return take_end(chunks, byte, status, err);
    }
}

int http_chunks_take(struct http_chunks *chunks, struct span input, size_t *used, struct buf *body,
                     enum http_status *status, struct error *err)
{
    *used = 0;
    while (*used < input.size && !chunks->is_done) {
        if (chunks->state != DATA) {
            if (take_byte(chunks, input.data[(*used)++], status, err) < 0)
                return -1;
            continue;
        }
        size_t size = input.size - *used;
        if (size > chunks->left)
            size = (size_t)chunks->left;
        if (buf_append(body, span_of(input.data + *used, size), err) < 0) {
            *status = HTTP_TOO_LARGE;
            return -1;
        }
        *used += size;
        chunks->left -= size;
        if (chunks->left == 0)
            chunks->state = DATA_CR;
    }
    return 0;
}

int http_decode(struct span text, bool plus_is_blank, struct buf *out, struct error *err)
{
    size_t before = out->size;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte == '%') {
            int high = i + 2 < text.size ? hex_value(text.data[i + 1]) : -1;
            int low = high >= 0 ? hex_value(text.data[i + 2]) : -1;
            if (low < 0) {
                buf_truncate(out, before);
                return error_set(err, ERROR_INVALID,
                                 "a percent sign is not followed by two digits");
            }
            byte = (uint8_t)(high * 16 + low);
            i += 2;
        } else if (byte == '+' && plus_is_blank) {
            byte = ' ';
        }
        if (byte < ' ' || byte == 0x7f) {
            buf_truncate(out, before);
            return error_set(err, ERROR_INVALID, "an escape stands for a control character");
        }
        if (buf_append_byte(out, byte, err) < 0)
            return -1;
    }
    if (out->size == before || text_is_utf8(span_of(out->data + before, out->size - before)))
        return 0;
    buf_truncate(out, before);
    return error_set(err, ERROR_INVALID, "it is not UTF-8 once decoded");
}

/* Splits off what stands before the first `separator`, or all. */
static struct span split(struct span *rest, char separator)
{
    const uint8_t *found = rest->size > 0 ? memchr(rest->data, separator, rest->size) : NULL;
    size_t size = found ? (size_t)(found - rest->data) : rest->size;
    struct span part = span_of(rest->data, size);
    size_t step = found ? size + 1 : size;
    *rest = span_of(rest->data + step, rest->size - step);
    return part;
}

int http_query_find(struct span query, const char *name, struct buf *out, struct error *err)
{
    BUF_AUTO decoded = BUF_WITH_LIMIT(HTTP_TARGET_MAX);
    struct span value = {0};
    bool found = false;
    while (query.size > 0) {
        struct span rest = split(&query, '&');
        struct span key = split(&rest, '=');
        buf_truncate(&decoded, 0);
        if (http_decode(key, true, &decoded, err) < 0)
            return -1;
        if (!span_equal_text(buf_span(&decoded), name))
            continue;
        if (found)
            return error_set(err, ERROR_INVALID, "the parameter %s is there twice", name);
        found = true;
        value = rest;
    }
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "the parameter %s is missing", name);
    return http_decode(value, true, out, err);
}
