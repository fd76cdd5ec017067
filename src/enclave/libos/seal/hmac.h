/* HMAC (FIPS 198-1) with SHA-256, by a key that the processor derived (EGETKEY). */
#ifndef CAISSON_ENCLAVE_LIBOS_SEAL_HMAC_H
#define CAISSON_ENCLAVE_LIBOS_SEAL_HMAC_H

#include "crypto/digest.h"
#include "measure/sgx.h"

/* Of all parts, one behind the other. */
void hmac_by_key(const uint8_t key[SGX_KEY_SIZE], const struct span *parts, size_t count,
                 uint8_t out[SHA256_SIZE]);

#endif
