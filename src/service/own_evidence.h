/*
 * The service's own evidence, where it runs in a machine that has some: the attestation agent there
 * answers POST /attest/combined (docs/secrets.md) with a report whose REPORT_DATA is the SHA-256 of
 * what it was sent. Asked for a public key as it is made, the report says that this machine made
 * it.
 *
 * The report is verified before it is shown: evidence that others would refuse is none.
 */
#ifndef CAISSON_SERVICE_OWN_EVIDENCE_H
#define CAISSON_SERVICE_OWN_EVIDENCE_H

#include "service/service.h"
#include "service/snp_chains.h"

/* The extension of a key's certificate that holds it: id-pe-cmw, for which a reader looks who knows
 * RATS (RFC 9999, the section on X.509). */
#define OWN_EVIDENCE_OID "1.3.6.1.5.5.7.1.35"

/* What it holds. Microsoft has no media type for what /attest/SevSnpVm takes; this one is ours. */
#define OWN_EVIDENCE_TYPE "application/vnd.caisson.snp-evidence+json"

/* All borrowed. */
struct own_evidence {
    const char *url; /* of the agent, without a path */
    service_post *post;
    struct snp_chains *chains; /* whose roots are trusted */
};

/* Appends a conceptual message in DER, CMW ::= CHOICE { json UTF8String, … }: the JSON record
 * [OWN_EVIDENCE_TYPE, base64url of {"SnpReport", "VcekCertChain"}, 4]. That object has base64url
 * in both members, as /attest/SevSnpVm takes them; its runtime data is the key's
 * SubjectPublicKeyInfo in DER. ERROR_REFUSED for a report that does not hold, binds something else,
 * or is of a machine that may be debugged; ERROR_INVALID for what is no such answer; and what
 * `post` says. */
int own_evidence_make(const struct own_evidence *own, struct span spki, int64_t now,
                      struct buf *out, struct error *err);

#endif
