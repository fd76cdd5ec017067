/* Lower-case hexadecimal, RFC 4648 section 8. */
#ifndef CAISSON_BASE_HEX_H
#define CAISSON_BASE_HEX_H

#include "base/span.h"

/* Writes 2 × size digits and a terminator to `out`, which must hold 2 × size + 1 bytes. */
void hex_encode(struct span bytes, char *out);

/* Reads exactly `size` bytes from exactly 2 × size digits of either case. False when the text has
 * another length or another character; `out` is then undefined. */
bool hex_decode(struct span text, void *out, size_t size);

#endif
