/*
 * Keys, chains and signed messages that tests make for themselves: what a signer of UVM
 * endorsements or an Azure machine's vTPM would have made, right or wrong in one thing. A failure
 * ends the program.
 */
#ifndef CAISSON_TESTS_MADE_H
#define CAISSON_TESTS_MADE_H

#include <openssl/evp.h>

#include "base/buf.h"
#include "crypto/signature.h"
#include "format/cose.h"

#define MADE_NOW INT64_C(1780272000) /* 2026-06-01T00:00:00Z */

#define MADE_EKU  "1.3.6.1.4.1.99999.1.2"
#define MADE_FEED "MadeFeed"

/* "P-256", "P-384", "P-521", or "RSA" (2048 bits). The caller calls EVP_PKEY_free(). */
EVP_PKEY *made_key(const char *kind);

/* Appends the SubjectPublicKeyInfo in DER. */
void made_public_key(EVP_PKEY *key, struct buf *der);

/* A member that is NULL leaves its extension out; values are those of OpenSSL's configuration. */
struct made_certificate {
    const char *subject; /* "CN=name", "CN=name/O=other" */
    const char *issuer;
    const char *constraints; /* "critical,CA:TRUE" */
    const char *key_usage;
    const char *eku;
    const char *san;
    const char *other;  /* dotted OID of a critical extension that nobody knows */
    int64_t not_before; /* 0: an hour before MADE_NOW */
    int64_t not_after;  /* 0: an hour after */
};

/* Appends a certificate in DER, signed with this hash ("SHA384"). */
void made_issue(const struct made_certificate *wanted, EVP_PKEY *subject, EVP_PKEY *issuer,
                const char *hash, struct buf *der);

/* Appends a signature over the message; r ‖ s for ECDSA. */
void made_sign(EVP_PKEY *key, enum signature_scheme scheme, struct span message, struct buf *out);

#define MADE_CHAIN_LENGTH 3

/* A leaf (CN=Signer, EKU MADE_EKU), an intermediate and a root, all on P-384. */
struct made_chain {
    EVP_PKEY *keys[MADE_CHAIN_LENGTH];
    struct made_certificate certificates[MADE_CHAIN_LENGTH];
    const char *hash;                   /* "SHA384"; "SHA256" for keys on P-256 */
    struct buf ders[MADE_CHAIN_LENGTH]; /* leaf first */
};

/* Makes the keys and describes the certificates, which the caller may change before it has them
 * issued (again: made_chain_issue() may be called more than once). */
void made_chain_init(struct made_chain *chain);
void made_chain_issue(struct made_chain *chain);
void made_chain_fini(struct made_chain *chain);

/* Appends "did:x509:0:sha256:<of this certificate>::eku:MADE_EKU" as text. */
void made_did(struct span certificate, struct buf *out);

enum made_shape { MADE_TEXT_LABELS, MADE_CLAIMS, MADE_HASH_ENVELOPE };

struct made_message {
    enum made_shape shape;
    int64_t algorithm;
    const char *issuer;
    const char *feed;
    int64_t svn;          /* in the header; -1: none */
    int64_t signing_time; /* 0: none */
    const char
        *content_type; /* of the payload, or with MADE_HASH_ENVELOPE of what it is a digest of */
    const struct span *chain;
    size_t chain_count;
    struct span x5t; /* a SHA-256; empty: none */
    struct span payload;
    struct span unprotected; /* an encoded map; empty: an empty one */
};

/* Appends the COSE_Sign1 message, signed by `key` with this scheme, whatever the header says. */
void made_cose(const struct made_message *message, EVP_PKEY *key, enum signature_scheme scheme,
               struct buf *out);

#endif
