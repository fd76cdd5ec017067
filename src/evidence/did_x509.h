/*
 * did:x509 identifiers, version 0 (microsoft/did-x509, specification.md; draft-birkholz-did-x509):
 *
 *     did:x509:0:sha256:<base64url of an authority's SHA-256>::eku:<OID>
 *
 * An identity is an authority, pinned by the digest of its certificate, and predicates on the leaf
 * that a chain under this authority begins with: eku, subject, san. fulcio-issuer is not known
 * here.
 *
 * Resolving compares; it checks no signature and no date. The caller does that for the whole chain,
 * or the identity means nothing.
 */
#ifndef CAISSON_EVIDENCE_DID_X509_H
#define CAISSON_EVIDENCE_DID_X509_H

#include "base/error.h"
#include "base/span.h"
#include "crypto/digest.h"

#define DID_X509_SIZE_MAX       2048
#define DID_X509_PREDICATES_MAX 8
#define DID_X509_PARTS_MAX      32 /* of one predicate, between its colons */

enum did_x509_predicate_kind { DID_X509_EKU, DID_X509_SUBJECT, DID_X509_SAN };

struct did_x509_predicate {
    enum did_x509_predicate_kind kind;
    struct span parts[DID_X509_PARTS_MAX]; /* borrowed, still percent-encoded */
    size_t part_count;
};

struct did_x509 {
    uint8_t fingerprint[SHA512_SIZE];
    size_t fingerprint_size; /* 32, 48 or 64: by which hash */
    struct did_x509_predicate predicates[DID_X509_PREDICATES_MAX];
    size_t predicate_count; /* at least one */
};

/* Reads an identifier; a path, query or fragment is refused like any other byte that has no place.
 * `did` borrows from `text`. ERROR_INVALID or ERROR_LIMIT. */
int did_x509_parse(struct span text, struct did_x509 *did, struct error *err);

/* ERROR_REFUSED, saying which part, unless the fingerprint is that of a certificate of the chain
 * (DER, leaf first) other than the leaf, and the leaf meets every predicate. */
int did_x509_resolve(const struct did_x509 *did, const struct span *chain, size_t count,
                     struct error *err);

#endif
