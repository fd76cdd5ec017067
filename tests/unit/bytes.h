/* Bytes written down as hexadecimal digits with blanks between, where a test reads best so. */
#ifndef CAISSON_TESTS_BYTES_H
#define CAISSON_TESTS_BYTES_H

#include "base/buf.h"
#include "base/hex.h"

/* Appends the bytes; false for text that is none. */
static inline bool bytes_append(struct buf *out, const char *text)
{
    for (const char *at = text; *at;) {
        uint8_t byte;
        if (*at == ' ') {
            at++;
            continue;
        }
        if (!hex_decode(span_of(at, at[1] ? 2 : 1), &byte, 1) ||
            buf_append_byte(out, byte, NULL) < 0)
            return false;
        at += 2;
    }
    return true;
}

#endif
