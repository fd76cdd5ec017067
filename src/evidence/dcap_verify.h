/*
 * Verifies a DCAP quote of an SGX enclave or a TDX trust domain: collateral, chain of certificates,
 * both signatures, the quoting enclave, the platform's TCB status, and then the appraisal: is it
 * the enclave or the trust domain that the caller wants? Every check is made and kept (checks.h),
 * the first failure first; the verdict is their sum.
 *
 * Follows "Intel SGX and TDX Data Center Attestation Primitives: Quote Verification", and Intel's
 * services API for the TCB status.
 */
#ifndef CAISSON_EVIDENCE_DCAP_VERIFY_H
#define CAISSON_EVIDENCE_DCAP_VERIFY_H

#include "evidence/dcap_appraise.h"
#include "evidence/dcap_collateral.h"

#define DCAP_ADVISORIES_MAX (3 * TCB_ADVISORIES_MAX)

/* What the platform says of itself, by Intel's word; to be believed with an accepted verdict. */
struct dcap_claims {
    enum tcb_status status; /* of all together */
    enum tcb_status platform_status;
    enum tcb_status module_status; /* of the TDX module; TCB_UNKNOWN where it has no level */
    enum tcb_status qe_status;
    bool has_module;  /* module_status counts */
    int64_t tcb_date; /* the oldest tcbDate of all; seconds since 1970 */
    uint32_t tcb_evaluation;
    uint32_t qe_evaluation;
    char advisories[DCAP_ADVISORIES_MAX][TCB_ADVISORY_SIZE]; /* each once */
    size_t advisory_count;
};

struct dcap_result {
    struct checks checks;
    struct dcap_quote quote; /* zero where it could not be read; borrows from the quote's bytes */
    struct pck pck;          /* zero where it could not be read */
    struct dcap_claims claims;
    bool simulated; /* under a root that the caller named as simulated */
};

/* Verifies by collateral that was checked before, at its time. Fills `result` and returns its
 * verdict. */
enum verdict dcap_verify_quote(struct span quote, const struct dcap_collateral *collateral,
                               const struct dcap_appraisal *appraisal, struct dcap_result *result);

/* The whole in one call: the checks of the collateral come first. */
enum verdict dcap_verify(struct span quote, const struct dcap_parts *parts,
                         const struct dcap_options *options, const struct dcap_appraisal *appraisal,
                         struct dcap_result *result);

#endif
