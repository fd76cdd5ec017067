/*
 * Private keys, and the certificates and signatures that they make: for the simulated secure
 * processor, the services and tests. Keys are wiped by OpenSSL when freed. The guest never links
 * this file.
 */
#ifndef CAISSON_CRYPTO_ISSUE_H
#define CAISSON_CRYPTO_ISSUE_H

#include "base/buf.h"
#include "crypto/certificate.h"
#include "crypto/raw_key.h"
#include "crypto/signature.h"

struct private_key;

/* New keys: RSA of 4096 bits (takes about two seconds), and ECDSA on P-384 and P-256. */
struct private_key *private_key_new_rsa4096(struct error *err);
struct private_key *private_key_new_p384(struct error *err);
struct private_key *private_key_new_p256(struct error *err);

/* Reads an unencrypted PKCS#8 key in PEM. */
struct private_key *private_key_from_pem(struct span pem, struct error *err);

/* Appends the key in PEM; the caller wipes `pem` (buf_fini_secret). */
int private_key_to_pem(const struct private_key *key, struct buf *pem, struct error *err);

void private_key_free(struct private_key *key);
void private_key_cleanup(struct private_key **key);
#define PRIVATE_KEY_AUTO __attribute__((cleanup(private_key_cleanup))) struct private_key

/* True when this key's public half is the certificate's. */
bool private_key_matches(const struct private_key *key, const struct certificate *certificate);

/* The scheme that goes with the key: ES256, ES384, ES512, or PS384 for an RSA key. False for a key
 * of another kind or size. */
bool private_key_scheme(const struct private_key *key, enum signature_scheme *out);

/* Appends a signature over the message by a scheme that goes with the key; r ‖ s for
 * ECDSA. ERROR_INVALID for another. */
int private_key_sign(const struct private_key *key, enum signature_scheme scheme,
                     struct span message, struct buf *out, struct error *err);

/* The public half of a key on P-384; ERROR_INVALID for a key of another kind. */
int private_key_public_p384(const struct private_key *key, struct p384_key *out, struct error *err);

/* Signs a digest by a key on P-384; r and s are big endian. */
int private_key_sign_p384(const struct private_key *key, const uint8_t digest[SHA384_SIZE],
                          uint8_t r[P384_SIZE], uint8_t s[P384_SIZE], struct error *err);

/* As above by a key on P-256; the signature is r ‖ s. */
int private_key_sign_p256(const struct private_key *key, const uint8_t digest[SHA256_SIZE],
                          uint8_t signature[P256_SIGNATURE_SIZE], struct error *err);

/* The public half of a key on P-256: x ‖ y. */
int private_key_point_p256(const struct private_key *key, uint8_t point[P256_POINT_SIZE],
                           struct error *err);

struct issue_extension {
    const char *oid;   /* dotted */
    struct span value; /* what the OCTET STRING holds */
};

struct issue_request {
    const char *subject; /* common names; O, OU and the like are the same in all: "Caisson" */
    const char *issuer;
    uint64_t serial;
    int64_t not_before; /* seconds since 1970 */
    int64_t not_after;
    bool is_ca; /* basicConstraints and keyUsage, critical */
    bool pkcs1; /* an RSA key signs by RSASSA-PKCS1-v1_5 with SHA-256, which every reader knows */
    const struct issue_extension *extensions;
    size_t extension_count;
};

/* Appends, in DER, a certificate for `subject_key` (its public half) that `issuer_key` signs: an
 * RSA key by RSASSA-PSS with SHA-384 (or see `pkcs1`), a key on P-256 by ECDSA with SHA-256, one on
 * P-384 with SHA-384. */
int certificate_issue(const struct issue_request *request, const struct private_key *subject_key,
                      const struct private_key *issuer_key, struct buf *der, struct error *err);

struct issue_crl_request {
    const char *issuer; /* common name */
    int64_t this_update;
    int64_t next_update;
    const uint64_t *serials; /* that are revoked */
    size_t serial_count;
};

/* Appends, in DER, a revocation list that `issuer_key` signs as it would a certificate. */
int crl_issue(const struct issue_crl_request *request, const struct private_key *issuer_key,
              struct buf *der, struct error *err);

#endif
