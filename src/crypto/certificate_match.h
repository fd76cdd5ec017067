/*
 * What a signer's certificate says of its holder and of what its key may do, asked of the DER
 * bytes: for identities like did:x509 that are predicates on a leaf certificate
 * (evidence/did_x509.h). None of these checks a signature.
 */
#ifndef CAISSON_CRYPTO_CERTIFICATE_MATCH_H
#define CAISSON_CRYPTO_CERTIFICATE_MATCH_H

#include "base/error.h"
#include "base/span.h"

enum certificate_san { SAN_EMAIL, SAN_DNS, SAN_URI };

/* ERROR_REFUSED unless extendedKeyUsage lists this dotted OID. */
int certificate_match_eku(struct span der, const char *oid, struct error *err);

/* ERROR_REFUSED unless the subject has this attribute (CN, L, ST, O, OU, C, STREET, or a dotted
 * OID) once, with exactly this UTF-8 value. */
int certificate_match_subject(struct span der, const char *attribute, struct span value,
                              struct error *err);

/* ERROR_REFUSED unless subjectAltName has an entry of this kind with exactly this value. */
int certificate_match_san(struct span der, enum certificate_san kind, struct span value,
                          struct error *err);

/* ERROR_REFUSED for a certificate whose key may not sign messages: an authority's, or one whose
 * keyUsage is given without digitalSignature. */
int certificate_check_signer(struct span der, struct error *err);

/* ERROR_REFUSED when basicConstraints allow fewer than `below` authorities under this one (RFC
 * 5280, section 4.2.1.9). */
int certificate_check_path_length(struct span der, size_t below, struct error *err);

#endif
