/*
 * Who signed a COSE_Sign1 message (format/cose.h) that carries its signer's certificates: x5chain,
 * leaf first, under an authority that a did:x509 pins. What UVM endorsements and policy fragments
 * share.
 *
 * No date is checked here: the guest, which verifies fragments, has no clock but its host's.
 */
#ifndef CAISSON_EVIDENCE_COSE_SIGNER_H
#define CAISSON_EVIDENCE_COSE_SIGNER_H

#include "crypto/certificate.h"
#include "crypto/signature.h"
#include "format/cose.h"

struct cose_signer {
    struct certificate *certificates[COSE_CHAIN_MAX]; /* leaf first */
    size_t count;
};

/* Reads the message's certificates: at least a leaf, and an authority that can be pinned. The owner
 * calls cose_signer_fini() either way. */
int cose_signer_read(struct cose_signer *signer, const struct cose_sign1 *message,
                     struct error *err);
void cose_signer_fini(struct cose_signer *signer);

/* ERROR_REFUSED unless each is issued by the next, an authority, by RSA or ECDSA with SHA-2, and
 * the leaf may sign messages. */
int cose_signer_check_links(const struct cose_signer *signer, const struct cose_sign1 *message,
                            struct error *err);

/* ERROR_REFUSED unless this did:x509 names an authority of the chain, and the leaf. */
int cose_signer_check_issuer(const struct cose_sign1 *message, struct span issuer,
                             struct error *err);

/* The scheme of the message's algorithm; false for one that may not sign here. PKCS #1 v1.5 may
 * not: COSE's registry does not recommend it. */
bool cose_signer_scheme(const struct cose_sign1 *message, enum signature_scheme *out);

/* ERROR_REFUSED unless the leaf's key signed protected header and payload by this scheme. */
int cose_signer_check_signature(const struct cose_signer *signer, const struct cose_sign1 *message,
                                enum signature_scheme scheme, struct error *err);

/* All of it, by the issuer that the message itself names: an error's text begins with what is
 * wrong: "certificates", "chain", "algorithm", "signature" or "issuer". */
int cose_signer_verify(const struct cose_sign1 *message, struct error *err);

#endif
