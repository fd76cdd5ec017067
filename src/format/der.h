/*
 * DER (ITU-T X.690, section 10) read element by element through a cursor: one tag byte, definite
 * lengths in their shortest form. For the few structures that lie inside certificates' extensions;
 * certificates themselves are src/crypto's. der_write() makes one.
 */
#ifndef CAISSON_FORMAT_DER_H
#define CAISSON_FORMAT_DER_H

#include "base/buf.h"
#include "base/cursor.h"

#define DER_BOOLEAN      0x01
#define DER_INTEGER      0x02
#define DER_OCTET_STRING 0x04
#define DER_OID          0x06
#define DER_ENUMERATED   0x0A
#define DER_UTF8_STRING  0x0C
#define DER_SEQUENCE     0x30

/* Reads the next element, which must have this tag; *content borrows what it holds. False, and the
 * cursor failed, for anything else. */
bool der_read(struct cursor *cursor, uint8_t tag, struct span *content);

/* As der_read(), an INTEGER or ENUMERATED from 0 to `max` in its shortest form. */
bool der_read_uint(struct cursor *cursor, uint8_t tag, uint64_t max, uint64_t *out);

/* As der_read(), a BOOLEAN: 00 or FF. */
bool der_read_bool(struct cursor *cursor, bool *out);

/* As der_read(), an OCTET STRING of exactly `size` bytes, copied; zeroed on failure. */
bool der_copy_octets(struct cursor *cursor, void *out, size_t size);

/* Appends an element with this tag; `content` must not lie in `out`, which is as before on failure.
 * ERROR_LIMIT. */
int der_write(uint8_t tag, struct span content, struct buf *out, struct error *err);

#endif
