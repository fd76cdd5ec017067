/*
 * A secret wrapped for the RSA key of an attested guest, as Azure Key Vault's release does: an AES
 * key of 256 bits by RSAES-OAEP, and the secret by that key (RFC 5649), one behind the other
 * (PKCS#11 v2.40, section 2.1.21, CKM_RSA_AES_KEY_WRAP). Pure, but for the AES key, which is drawn
 * in src/crypto.
 */
#ifndef CAISSON_SERVICE_KEY_WRAP_H
#define CAISSON_SERVICE_KEY_WRAP_H

#include "crypto/seal.h"

/* They differ in the hash of OAEP: SHA-1, SHA-256, SHA-384. */
enum key_wrap {
    CKM_RSA_AES_KEY_WRAP,
    RSA_AES_KEY_WRAP_256,
    RSA_AES_KEY_WRAP_384,
    KEY_WRAP_COUNT,
};

const char *key_wrap_name(enum key_wrap wrap);
bool key_wrap_find(const char *name, enum key_wrap *out);

/* Appends the wrapped secret. ERROR_INVALID for a key that is not RSA of 2048 bits or more. */
int key_wrap_seal(enum key_wrap wrap, const struct public_key *key, struct span secret,
                  struct buf *out, struct error *err);

#endif
