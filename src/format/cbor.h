/*
 * CBOR (RFC 8949), as much of it as COSE needs, read strictly: definite lengths only, every number
 * in its shortest form (section 4.2.1), text in UTF-8, no key twice in a map, no floating point, no
 * undefined. So two encodings of one value can't both be accepted, and equal bytes are equal
 * values. The order of a map's keys is free: COSE's protected headers are signed as they stand.
 *
 * Reading is by a cursor (base/cursor.h): cbor_read() takes one item's head, and for strings its
 * bytes; the items of an array, map or tag follow and are the caller's to read or to cbor_skip().
 */
#ifndef CAISSON_FORMAT_CBOR_H
#define CAISSON_FORMAT_CBOR_H

#include "base/buf.h"
#include "base/cursor.h"

#define CBOR_DEPTH_MAX 16 /* nested arrays, maps and tags */
#define CBOR_PAIRS_MAX 64 /* of one map */

/* Major types, RFC 8949 section 3.1; the numbers are those of the encoding. */
enum cbor_kind {
    CBOR_UNSIGNED = 0,
    CBOR_NEGATIVE = 1,
    CBOR_BYTES = 2,
    CBOR_TEXT = 3,
    CBOR_ARRAY = 4,
    CBOR_MAP = 5,
    CBOR_TAG = 6,
    CBOR_SIMPLE = 7,
};

enum cbor_simple { CBOR_FALSE = 20, CBOR_TRUE = 21, CBOR_NULL = 22 };

struct cbor_item {
    enum cbor_kind kind;
    /* The number; -1 - value for NEGATIVE; the count of items (ARRAY) or pairs (MAP); the tag; an
     * enum cbor_simple. */
    uint64_t value;
    struct span bytes; /* of BYTES and TEXT: borrowed */
};

/* Reads the next item's head, and a string's bytes. ERROR_INVALID or ERROR_LIMIT. */
int cbor_read(struct cursor *cursor, struct cbor_item *item, struct error *err);

/* As cbor_read(), and refuses another kind; `what` names the item in the message. */
int cbor_expect(struct cursor *cursor, enum cbor_kind kind, const char *what,
                struct cbor_item *item, struct error *err);

/* Reads one whole item with all that is in it, which is checked too; *whole (where not NULL)
 * borrows its encoding. */
int cbor_skip(struct cursor *cursor, struct span *whole, struct error *err);

/* Checks that `bytes` are one whole item and nothing more. */
int cbor_check(struct span bytes, struct error *err);

/* The number of an UNSIGNED or NEGATIVE item; false for another kind, and out of range. */
bool cbor_integer(const struct cbor_item *item, int64_t *out);

/* "a number", "a byte string", "a map", … */
const char *cbor_kind_name(enum cbor_kind kind);

/* Append an item's head in its shortest form; the rest of a string, array, map or tag is for the
 * caller to append. */
int cbor_write_head(struct buf *out, enum cbor_kind kind, uint64_t value, struct error *err);
int cbor_write_integer(struct buf *out, int64_t value, struct error *err);
int cbor_write_bytes(struct buf *out, struct span bytes, struct error *err);
int cbor_write_text(struct buf *out, const char *text, struct error *err);

#endif
