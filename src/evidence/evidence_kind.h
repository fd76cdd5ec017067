/* Which kind of evidence some bytes are, by how they begin. It decides only who reads them. */
#ifndef CAISSON_EVIDENCE_EVIDENCE_KIND_H
#define CAISSON_EVIDENCE_EVIDENCE_KIND_H

#include "base/span.h"

enum evidence_kind {
    EVIDENCE_UNKNOWN,
    EVIDENCE_BUNDLE,       /* a JSON object (docs/evidence.md) */
    EVIDENCE_SNP_REPORT,   /* AMD 56860, section 7.3: 1184 bytes that begin with a known version */
    EVIDENCE_SGX_QUOTE,    /* Intel's DCAP quote, version 3 to 5: header of 48 bytes, TEE type 0 */
    EVIDENCE_TDX_QUOTE,    /* the same with TEE type 0x81 */
    EVIDENCE_HCL_REPORT,   /* Azure's wrapper: "HCLA" */
    EVIDENCE_COSE,         /* RFC 9052, COSE_Sign1: tag 18 of an array of four */
    EVIDENCE_CERTIFICATES, /* no evidence by itself: PEM, DER or a host's certificate table */
    EVIDENCE_KIND_COUNT,
};

enum evidence_kind evidence_kind_of(struct span bytes);

/* "an SEV-SNP report" */
const char *evidence_kind_name(enum evidence_kind kind);

#endif
