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

/* The extension of a key's certificate that holds it. An arc of a UUID (ITU-T X.667, section 6.1),
 * which needs no registration. */
#define OWN_EVIDENCE_OID "2.25.265244197357371001560169751894653213501"

/* All borrowed. */
struct own_evidence {
    const char *url; /* of the agent, without a path */
    service_post *post;
    struct snp_chains *chains; /* whose roots are trusted */
};

/* Appends {"SnpReport", "VcekCertChain"}, base64url each, as /attest/SevSnpVm takes them; the
 * runtime data is the key's SubjectPublicKeyInfo in DER. ERROR_REFUSED for a report that does not
 * hold, binds something else, or is of a machine that may be debugged; ERROR_INVALID for what is
 * no such answer; and what `post` says. */
int own_evidence_make(const struct own_evidence *own, struct span spki, int64_t now,
                      struct buf *out, struct error *err);

#endif
