/*
 * Public keys as numbers, and signatures by them, where a format carries no certificate: SEV-SNP's
 * ID block, SGX's SIGSTRUCT. The guest never links this file.
 */
#ifndef CAISSON_CRYPTO_RAW_KEY_H
#define CAISSON_CRYPTO_RAW_KEY_H

#include "base/error.h"
#include "crypto/certificate.h"
#include "crypto/digest.h"

#define RSA3072_SIZE 384 /* bytes of a modulus, of a signature */

/* A point on P-384, big endian. */
struct p384_key {
    uint8_t x[P384_SIZE];
    uint8_t y[P384_SIZE];
};

/* Checks an ECDSA signature over a digest; r and s are big endian. ERROR_INVALID when the key is no
 * point of the curve, ERROR_REFUSED when the signature does not hold. */
int p384_check(const struct p384_key *key, const uint8_t digest[SHA384_SIZE],
               const uint8_t r[P384_SIZE], const uint8_t s[P384_SIZE], struct error *err);

/* What RSA with the exponent 3 makes of a signature s under a modulus n, little endian as SGX has
 * them: the message s^3 mod n, and the quotients that spare the processor its divisions. */
struct rsa3_result {
    uint8_t message[RSA3072_SIZE];
    uint8_t q1[RSA3072_SIZE]; /* floor(s^2 / n) */
    uint8_t q2[RSA3072_SIZE]; /* floor((s^3 - q1 * s * n) / n) */
};

/* ERROR_REFUSED unless n is odd and has 3072 bits, and s is below n. */
int rsa3_apply(const uint8_t n[RSA3072_SIZE], const uint8_t s[RSA3072_SIZE],
               struct rsa3_result *out, struct error *err);

/* True when a message of rsa3_apply() is PKCS#1 v1.5's for this SHA-256 (RFC 8017, section 9.2). */
bool rsa3_message_is(const uint8_t message[RSA3072_SIZE], const uint8_t digest[SHA256_SIZE]);

#endif
