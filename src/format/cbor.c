#include "format/cbor.h"

#include <inttypes.h>

#include "base/text.h"

/* "Additional information", RFC 8949 section 3. */
#define INFO_MASK       0x1f
#define INFO_ONE_BYTE   24
#define INFO_EIGHT      27
#define INFO_INDEFINITE 31

static int refuse_end(struct error *err)
{
    return error_set(err, ERROR_INVALID, "the CBOR item ends too early");
}

/* The argument of a head whose information is 24 to 27: 1, 2, 4 or 8 bytes, big endian. */
static int read_argument(struct cursor *cursor, unsigned info, uint64_t *out, struct error *err)
{
    struct span bytes;
    if (!cursor_read(cursor, (size_t)1 << (info - INFO_ONE_BYTE), &bytes))
        return refuse_end(err);
    *out = 0;
    for (size_t i = 0; i < bytes.size; i++)
        *out = *out << 8 | bytes.data[i];
    static const uint64_t smallest[] = {24, UINT64_C(1) << 8, UINT64_C(1) << 16, UINT64_C(1) << 32};
    if (*out < smallest[info - INFO_ONE_BYTE])
        return error_set(err, ERROR_INVALID,
                         "the CBOR number %" PRIu64 " is not in its shortest form", *out);
    return 0;
}

static int read_head(struct cursor *cursor, struct cbor_item *item, struct error *err)
{
    uint8_t head;
    if (!cursor_u8(cursor, &head))
        return refuse_end(err);
    unsigned info = head & INFO_MASK;
    item->kind = (enum cbor_kind)(head >> 5);
    if (info == INFO_INDEFINITE)
        return error_set(err, ERROR_INVALID, "CBOR of indefinite length is not accepted");
    if (item->kind == CBOR_SIMPLE && info != CBOR_FALSE && info != CBOR_TRUE && info != CBOR_NULL)
        return error_set(err, ERROR_INVALID,
                         "of CBOR's simple values and floats only false, true and null are "
                         "accepted, not 0x%02x",
                         head);
    if (info > INFO_EIGHT)
        return error_set(err, ERROR_INVALID, "0x%02x begins no CBOR item", head);
    item->value = info;
    return info < INFO_ONE_BYTE ? 0 : read_argument(cursor, info, &item->value, err);
}

static int read_string(struct cursor *cursor, struct cbor_item *item, struct error *err)
{
    if (item->value > cursor->rest.size || !cursor_read(cursor, (size_t)item->value, &item->bytes))
        return refuse_end(err);
    if (item->kind == CBOR_TEXT && !text_is_utf8(item->bytes))
        return error_set(err, ERROR_INVALID, "a CBOR text is not UTF-8");
    return 0;
}

int cbor_read(struct cursor *cursor, struct cbor_item *item, struct error *err)
{
    *item = (struct cbor_item){0};
    if (read_head(cursor, item, err) < 0)
        return -1;
    if (item->kind == CBOR_BYTES || item->kind == CBOR_TEXT)
        return read_string(cursor, item, err);
    /* Each item takes a byte at least: a count above what is left needs no look at the items. */
    if (item->kind == CBOR_ARRAY && item->value > cursor->rest.size)
        return refuse_end(err);
    if (item->kind == CBOR_MAP && item->value > CBOR_PAIRS_MAX)
        return error_set(err, ERROR_LIMIT, "a CBOR map of %" PRIu64 " pairs; at most %d",
                         item->value, CBOR_PAIRS_MAX);
    return 0;
}

int cbor_expect(struct cursor *cursor, enum cbor_kind kind, const char *what,
                struct cbor_item *item, struct error *err)
{
    if (cbor_read(cursor, item, err) < 0)
        return error_context(err, "%s", what);
    if (item->kind != kind)
        return error_set(err, ERROR_INVALID, "%s is %s, not %s", what, cbor_kind_name(item->kind),
                         cbor_kind_name(kind));
    return 0;
}

static int skip(struct cursor *cursor, unsigned depth, struct span *whole, struct error *err);

static int skip_map(struct cursor *cursor, uint64_t pairs, unsigned depth, struct error *err)
{
    struct span keys[CBOR_PAIRS_MAX];
    for (size_t i = 0; i < pairs; i++) {
        if (skip(cursor, depth, &keys[i], err) < 0)
            return -1;
        for (size_t j = 0; j < i; j++) {
            if (span_equal(keys[i], keys[j]))
                return error_set(err, ERROR_INVALID, "a CBOR map has a key twice");
        }
        if (skip(cursor, depth, NULL, err) < 0)
            return -1;
    }
    return 0;
}

/* Depth counts what is open above this item; it bounds the recursion. */
static int skip(struct cursor *cursor, unsigned depth, struct span *whole, struct error *err)
{
    const struct span before = cursor->rest;
    struct cbor_item item;
    if (cbor_read(cursor, &item, err) < 0)
        return -1;
    bool nests = item.kind == CBOR_ARRAY || item.kind == CBOR_MAP || item.kind == CBOR_TAG;
    if (nests && depth == CBOR_DEPTH_MAX)
        return error_set(err, ERROR_LIMIT, "CBOR is nested deeper than %d", CBOR_DEPTH_MAX);
    if (item.kind == CBOR_MAP && skip_map(cursor, item.value, depth + 1, err) < 0)
        return -1;
    uint64_t count = item.kind == CBOR_ARRAY ? item.value : item.kind == CBOR_TAG;
    for (uint64_t i = 0; i < count; i++) {
        if (skip(cursor, depth + 1, NULL, err) < 0)
            return -1;
    }
    if (whole)
        *whole = span_of(before.data, before.size - cursor->rest.size);
    return 0;
}

int cbor_skip(struct cursor *cursor, struct span *whole, struct error *err)
{
    return skip(cursor, 0, whole, err);
}

int cbor_check(struct span bytes, struct error *err)
{
    struct cursor cursor = cursor_of(bytes);
    if (cbor_skip(&cursor, NULL, err) < 0)
        return -1;
    if (!cursor_at_end(&cursor))
        return error_set(err, ERROR_INVALID, "%zu bytes follow the CBOR item", cursor.rest.size);
    return 0;
}

bool cbor_integer(const struct cbor_item *item, int64_t *out)
{
    if ((item->kind != CBOR_UNSIGNED && item->kind != CBOR_NEGATIVE) || item->value > INT64_MAX)
        return false;
    int64_t value = (int64_t)item->value;
    *out = item->kind == CBOR_UNSIGNED ? value : -1 - value;
    return true;
}

const char *cbor_kind_name(enum cbor_kind kind)
{
    static const char *const names[8] = {
        [CBOR_UNSIGNED] = "a number",   [CBOR_NEGATIVE] = "a negative number",
        [CBOR_BYTES] = "a byte string", [CBOR_TEXT] = "a text",
        [CBOR_ARRAY] = "an array",      [CBOR_MAP] = "a map",
        [CBOR_TAG] = "a tag",           [CBOR_SIMPLE] = "a simple value"};
    return names[kind & 7];
}

int cbor_write_head(struct buf *out, enum cbor_kind kind, uint64_t value, struct error *err)
{
    unsigned info = value < INFO_ONE_BYTE ? (unsigned)value
                    : value <= UINT8_MAX  ? INFO_ONE_BYTE
                    : value <= UINT16_MAX ? INFO_ONE_BYTE + 1
                    : value <= UINT32_MAX ? INFO_ONE_BYTE + 2
                                          : INFO_EIGHT;
    if (buf_append_byte(out, (uint8_t)((unsigned)kind << 5 | info), err) < 0)
        return -1;
    if (info < INFO_ONE_BYTE)
        return 0;
    for (int shift = (8 << (info - INFO_ONE_BYTE)) - 8; shift >= 0; shift -= 8) {
        if (buf_append_byte(out, (uint8_t)(value >> shift), err) < 0)
            return -1;
    }
    return 0;
}

int cbor_write_integer(struct buf *out, int64_t value, struct error *err)
{
    return value < 0 ? cbor_write_head(out, CBOR_NEGATIVE, (uint64_t)(-1 - value), err)
                     : cbor_write_head(out, CBOR_UNSIGNED, (uint64_t)value, err);
}

int cbor_write_bytes(struct buf *out, struct span bytes, struct error *err)
{
    return cbor_write_head(out, CBOR_BYTES, bytes.size, err) < 0 ? -1 : buf_append(out, bytes, err);
}

int cbor_write_text(struct buf *out, const char *text, struct error *err)
{
    const struct span bytes = span_of_text(text);
    return cbor_write_head(out, CBOR_TEXT, bytes.size, err) < 0 ? -1 : buf_append(out, bytes, err);
}
