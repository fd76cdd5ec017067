/*
 * SHA-256, SHA-384 and SHA-512 (FIPS 180-4), whole and in pieces.
 *
 * The contexts are embedded and hold no heap memory. OpenSSL's one-block functions are used rather
 * than its EVP layer: a verity tree hashes 4 KiB at a time, and the guest must not carry a
 * provider.
 */
#ifndef CAISSON_CRYPTO_DIGEST_H
#define CAISSON_CRYPTO_DIGEST_H

#include "base/span.h"

#define SHA256_SIZE 32
#define SHA384_SIZE 48
#define SHA512_SIZE 64

struct sha256 {
    _Alignas(16) uint8_t state[128]; /* OpenSSL's SHA256_CTX */
};

struct sha512 {
    _Alignas(16) uint8_t state[256]; /* OpenSSL's SHA512_CTX; serves SHA-384 too */
};

void sha256_init(struct sha256 *ctx);
void sha256_update(struct sha256 *ctx, struct span bytes);
void sha256_final(struct sha256 *ctx, uint8_t out[SHA256_SIZE]);

void sha384_init(struct sha512 *ctx);
void sha384_update(struct sha512 *ctx, struct span bytes);
void sha384_final(struct sha512 *ctx, uint8_t out[SHA384_SIZE]);

void sha256_digest(struct span bytes, uint8_t out[SHA256_SIZE]);
void sha384_digest(struct span bytes, uint8_t out[SHA384_SIZE]);
void sha512_digest(struct span bytes, uint8_t out[SHA512_SIZE]);

#endif
