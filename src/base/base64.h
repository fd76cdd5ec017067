/* Base64 with padding, and base64url without, RFC 4648 sections 4 and 5. Decoding is strict: no
 * white space, canonical padding, unused bits zero. */
#ifndef CAISSON_BASE_BASE64_H
#define CAISSON_BASE_BASE64_H

#include "base/buf.h"

int base64_encode(struct span bytes, struct buf *out, struct error *err);
int base64url_encode(struct span bytes, struct buf *out, struct error *err);

/* Appends the decoded bytes; on failure `out` is as before. Errors: ERROR_INVALID, with the offset
 * where a character is bad; ERROR_LIMIT. */
int base64_decode(struct span text, struct buf *out, struct error *err);
int base64url_decode(struct span text, struct buf *out, struct error *err);

#endif
