/* Random bytes from the kernel's generator. */
#ifndef CAISSON_CRYPTO_RANDOM_H
#define CAISSON_CRYPTO_RANDOM_H

#include "base/error.h"

#include <stddef.h>

/* Fills out[size]. Blocks until the kernel's generator is seeded. */
int random_bytes(void *out, size_t size, struct error *err);

#endif
