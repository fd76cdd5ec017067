/* Evidence of the key broker's clients, verified, and the claims that follow from it. Pure. */
#ifndef CAISSON_SERVICE_KBS_VERIFY_H
#define CAISSON_SERVICE_KBS_VERIFY_H

#include "service/kbs_request.h"
#include "service/maa_claims.h"

/* Verifies SEV-SNP evidence: its chain and signature, VMPL 0, that REPORT_DATA binds the nonce and
 * the key, and that HOST_DATA binds the init-data where some came. What else it must be is the
 * policy's to judge. Fills *result as maa_verify_snp() does, and the report. */
int kbs_verify_snp(const struct kbs_attestation *attestation, const struct maa_trust *trust,
                   struct maa_result *result, struct snp_report *report, struct error *err);

/* The same of a trust domain's quote, {"quote": base64, "cc_eventlog": …} as Confidential
 * Containers' attester sends it: MRCONFIGID is what binds the init-data. The event log is left
 * aside, and nothing is claimed from it. */
int kbs_verify_tdx(const struct kbs_attestation *attestation, const struct maa_trust *trust,
                   struct maa_result *result, struct error *err);

/* The same of an enclave's quote, {"quote": base64}: the first half of CONFIGID binds the
 * init-data.
 */
int kbs_verify_sgx(const struct kbs_attestation *attestation, const struct maa_trust *trust,
                   struct maa_result *result, struct error *err);

#endif
