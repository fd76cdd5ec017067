/*
 * SEV-SNP evidence as Confidential Containers' attesters send it: the report as a JSON object with
 * a member for each field, in the form that the `sev` crate (virtee/sev, AttestationReport with
 * serde; versions 6 and 7) gives it, and the certificates of the host's table. Pure.
 *
 *     {"attestation_report": {"version": 3, "report_data": [1, 2, …], "current_tcb": {"fmc": null,
 *      "bootloader": 4, …}, …}, "cert_chain": [{"cert_type": "VCEK", "data": [48, …]}] | null}
 *
 * The report's bytes are put together again as the processor signed them: what the form leaves out
 * is reserved, and zero. Nothing is believed here; the signature tells whether the bytes are right.
 */
#ifndef CAISSON_SERVICE_KBS_EVIDENCE_H
#define CAISSON_SERVICE_KBS_EVIDENCE_H

#include <jansson.h>

#include "evidence/snp_certificates.h"
#include "evidence/snp_report.h"

struct kbs_snp_evidence {
    uint8_t report[SNP_REPORT_SIZE];
    struct snp_certificates certificates; /* of cert_chain; none where it is null */
};

/* Reads the object; ERROR_INVALID, with the member, for all that is not of this form, ERROR_LIMIT
 * for too many certificates. The caller calls kbs_snp_evidence_fini(), also after a failure. */
int kbs_snp_evidence_read(const json_t *object, struct kbs_snp_evidence *out, struct error *err);
void kbs_snp_evidence_fini(struct kbs_snp_evidence *evidence);

/* The fields of the report of such an object, as the bytes that were signed. */
int kbs_snp_report_read(const json_t *object, uint8_t out[SNP_REPORT_SIZE], struct error *err);

#endif
