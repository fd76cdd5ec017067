/*
 * Evidence of MAA's clients, verified, and the claims that follow from it, by MAA's names and
 * types. What the evidence must be is not decided here but by the tenant's policy: a machine that
 * may be debugged is a claim. That it holds, and that it binds the data that came with it, is.
 * Pure.
 */
#ifndef CAISSON_SERVICE_MAA_CLAIMS_H
#define CAISSON_SERVICE_MAA_CLAIMS_H

#include "evidence/uvm_endorsement.h"
#include "service/collaterals.h"
#include "service/maa_request.h"
#include "service/snp_chains.h"
#include "service/snp_files.h"

/* Whom to believe about a guest (evidence/uvm_endorsement.h). */
struct maa_endorser {
    const char *issuer; /* NULL: the one that Microsoft publishes for ACI's guests */
    const char *feed;
    uint64_t minimum_svn;
};

struct maa_trust {
    int64_t time;                    /* seconds since 1970 */
    struct snp_chains *chains;       /* has the roots that are trusted */
    struct collaterals *collaterals; /* so has this */
    struct snp_files *files;         /* of processors whose host gave no certificates */
    unsigned tcb_statuses;           /* 1 << enum tcb_status: that a platform may have */
    struct maa_endorser endorser;
};

struct maa_result {
    struct checks checks;
    bool simulated; /* under a root that is named as simulated: the claims say so */
    json_t *claims; /* an object; NULL where the evidence is refused. The caller frees it */
    /* Claims by older names, which tokens have as they stand, and policies behind a "$"; an object,
     * or NULL. The caller frees it. */
    json_t *older;
};

/* Verifies a request's evidence. ERROR_INVALID for what is no evidence of its kind, ERROR_REFUSED,
 * naming the check, for evidence that does not hold; result->checks say the rest. */
int maa_verify_snp(const struct maa_request *request, const struct maa_trust *trust,
                   struct maa_result *result, struct error *err);

/* The claims of an SNP report that was verified, and of its guest's endorsement (NULL: none); NULL
 * where memory ran out. The caller's. */
json_t *maa_snp_claims(const struct snp_result *snp, const struct uvm_endorsement *uvm);

/* The same of a DCAP quote: of an enclave (MAA_SGX; MAA_OPEN_ENCLAVE has it in a frame), or of a
 * trust domain (MAA_TDX). */
int maa_verify_dcap(const struct maa_request *request, const struct maa_trust *trust,
                    struct maa_result *result, struct error *err);

/* The same of an Azure machine (MAA_AZURE_GUEST): the HCL report of its vTPM, and a quote whose
 * nonce is the SHA-256 of the runtime data, which must be there. */
int maa_verify_hcl(const struct maa_request *request, const struct maa_trust *trust,
                   struct maa_result *result, struct error *err);

/* The claims of a trust domain's quote that was verified; the caller's, NULL with ERROR_MEMORY. */
json_t *maa_tdx_claims(const struct dcap_result *dcap, struct error *err);

/* Sets the claims, and the older ones, of an enclave's quote that was verified. */
int maa_sgx_claims(const struct dcap_result *dcap, const struct collateral_hashes *hashes,
                   struct span quote, struct maa_result *result, struct error *err);

/* What a quote must be where all that has a claim is left to the policy. */
void maa_open_quote(enum dcap_tee tee, const struct maa_trust *trust, struct dcap_appraisal *out);

/* The same of an SNP report, at VMPL 0. */
void maa_open_report(struct snp_appraisal *out);

/* ERROR_REFUSED unless the platform's status is one that is accepted here. */
int maa_check_tcb_status(enum tcb_status status, const struct maa_trust *trust, struct error *err);

/* For whoever makes claims: false where memory runs out. Up to 64 bytes, in small letters. */
bool maa_add_hex(json_t *claims, const char *name, struct span bytes);
bool maa_add_number(json_t *claims, const char *name, uint64_t value);
bool maa_add_flag(json_t *claims, const char *name, bool value);

/* ERROR_REFUSED with the first check that failed. */
int maa_refuse(const struct checks *checks, struct error *err);

#endif
