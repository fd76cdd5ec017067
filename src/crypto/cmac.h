/* AES-CMAC with a key of 128 bits (NIST SP 800-38B). The guest never links this file. */
#ifndef CAISSON_CRYPTO_CMAC_H
#define CAISSON_CRYPTO_CMAC_H

#include "base/error.h"
#include "base/span.h"

#define CMAC_SIZE 16 /* bytes of the key, of the result */

/* ERROR_UNAVAILABLE when OpenSSL has no AES; `out` is then zero. */
int cmac_aes128(const uint8_t key[CMAC_SIZE], struct span message, uint8_t out[CMAC_SIZE],
                struct error *err);

#endif
