/* Bytes that must not leak: wiped when done, compared in constant time. */
#ifndef CAISSON_BASE_SECRET_H
#define CAISSON_BASE_SECRET_H

#include "base/span.h"

/* Overwrites `size` bytes; the compiler may not leave it out. `data` may be NULL when size is 0. */
void secret_wipe(void *data, size_t size);

/* Compares in a time that depends on the sizes alone. Spans of different sizes are not equal. */
bool secret_equal(struct span a, struct span b);

#endif
