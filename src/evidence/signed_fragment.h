/*
 * Policy fragments as they travel (docs/policy.md): a COSE_Sign1 message whose payload is the
 * fragment's text, whose header names issuer (a did:x509), feed and perhaps the svn, and which
 * carries its signer's chain. Verifying says that this issuer signed this; whether the policy takes
 * it is the policy's to decide (policy_load_fragment).
 */
#ifndef CAISSON_EVIDENCE_SIGNED_FRAGMENT_H
#define CAISSON_EVIDENCE_SIGNED_FRAGMENT_H

#include "format/cose.h"

#define FRAGMENT_CONTENT_TYPE "application/cose-x509+rego"

/* Spans are borrowed from the message; none has a zero byte. */
struct signed_fragment {
    struct span issuer;
    struct span feed;
    bool has_svn;
    uint64_t svn;
    struct span text;
};

/* Reads a message as a fragment; nothing is verified. ERROR_INVALID where it is none. */
int signed_fragment_read(struct span cose, struct cose_sign1 *message, struct signed_fragment *out,
                         struct error *err);

/* Reads and verifies: signature, chain, and that the issuer is whom the chain says. Validity dates
 * are not checked. ERROR_REFUSED, ERROR_INVALID or ERROR_LIMIT; the text says which part. */
int signed_fragment_verify(struct span cose, struct signed_fragment *out, struct error *err);

#endif
