/*
 * Verifies an HCL report (hcl.h): the processor's report in it, that it binds the runtime claims,
 * and a quote of the vTPM by the attestation key in the claims.
 *
 * The report is as old as the machine's start, and Azure's paravisor asked for it, not the caller:
 * only a quote with the caller's nonce says that the machine runs now, and only its PCRs say what
 * booted. Without a quote that stays open, and the list of checks says so.
 *
 * SEV-SNP: the report is signed and verified whole (snp_verify.h). TDX: a TDREPORT carries a MAC
 * that only the processor which made it can check. What can be checked of it is checked, but
 * without a quote by Intel's key that says the same it is refused: `td_quote` is for whoever
 * verified one (dcap_verify.h).
 */
#ifndef CAISSON_EVIDENCE_HCL_VERIFY_H
#define CAISSON_EVIDENCE_HCL_VERIFY_H

#include "evidence/dcap_verify.h"
#include "evidence/hcl.h"
#include "evidence/snp_verify.h"
#include "evidence/tpm_quote.h"

#define HCL_REPORT_DATA_SIZE 64
#define HCL_MRTD_SIZE        48

/* What a TD quote says, and whether it was verified. The one who fills this in has made all checks
 * of the quote by himself. */
struct hcl_td_quote {
    enum verdict verdict;
    bool simulated;
    uint8_t report_data[HCL_REPORT_DATA_SIZE];
    uint8_t mrtd[HCL_MRTD_SIZE];
    const struct checks *checks; /* that led to the verdict, taken into the whole; or NULL */
};

/* What a quote says that was verified with this verdict; it borrows the result's checks. An
 * enclave's is refused here, whatever became of it. */
struct hcl_td_quote hcl_td_quote_of(const struct dcap_result *result, enum verdict verdict);

struct hcl_evidence {
    struct span report;              /* the frame */
    const struct span *certificates; /* SEV-SNP: DER, leaf, intermediate, root */
    size_t certificate_count;
    const struct hcl_td_quote *td_quote; /* TDX; NULL: none */
    struct tpm_quote_evidence quote;     /* an empty `quote`: none */
};

struct hcl_expectation {
    struct snp_chain_options chain;
    struct snp_appraisal snp;
    struct tpm_quote_expectation quote;
};

struct hcl_result {
    struct snp_result
        snp; /* its checks are those of the whole; for TDX besides `simulated` alone */
    struct hcl_report report;
    struct hcl_claims claims; /* zero where they could not be read */
    bool has_quote;
    struct tpm_quote quote;
};

/* Fills `result`, which borrows from the evidence, and returns its verdict. */
enum verdict hcl_verify(const struct hcl_evidence *evidence,
                        const struct hcl_expectation *expectation, struct hcl_result *result);

#endif
