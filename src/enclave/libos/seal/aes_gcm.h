/*
 * AES-256-GCM (NIST SP 800-38D) by the processor's instructions for AES and carry-less products,
 * which every processor with SGX has: for the code inside an enclave, which has no library. In
 * constant time.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_SEAL_AES_GCM_H
#define CAISSON_ENCLAVE_LIBOS_SEAL_AES_GCM_H

#include "base/span.h"

#define AES_GCM_KEY_SIZE 32
#define AES_GCM_IV_SIZE  12
#define AES_GCM_TAG_SIZE 16
#define AES_GCM_SIZE_MAX                                                                           \
    (UINT64_C(1) << 32) /* bytes of a message, far below the standard's limit */

/* Encrypts plain.size bytes into `out`, which may be where they are; an IV never twice with one
 * key. False for more than AES_GCM_SIZE_MAX bytes. */
bool aes_gcm_seal(const uint8_t key[AES_GCM_KEY_SIZE], const uint8_t iv[AES_GCM_IV_SIZE],
                  struct span aad, struct span plain, uint8_t *out, uint8_t tag[AES_GCM_TAG_SIZE]);

/* Decrypts once the tag has been found to be right; else false, and `out` is untouched. The bytes
 * must be the enclave's own: what the host can change between the two is not checked. */
bool aes_gcm_open(const uint8_t key[AES_GCM_KEY_SIZE], const uint8_t iv[AES_GCM_IV_SIZE],
                  struct span aad, struct span cipher, const uint8_t tag[AES_GCM_TAG_SIZE],
                  uint8_t *out);

#endif
