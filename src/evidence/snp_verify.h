/*
 * Verifies an SEV-SNP attestation report: the chain of certificates, the signature, the agreement
 * of report and leaf, and then the appraisal: is it the machine that the caller wants? Every check
 * is made and kept (checks.h), the first failure first; the verdict is their sum.
 */
#ifndef CAISSON_EVIDENCE_SNP_VERIFY_H
#define CAISSON_EVIDENCE_SNP_VERIFY_H

#include "evidence/snp_appraisal.h"
#include "evidence/snp_chain_cache.h"

struct snp_result {
    struct checks checks;
    struct snp_report report; /* zero where it could not be read */
    const char *product;      /* "Milan", or NULL */
    bool simulated;           /* under a root that the caller named as simulated */
};

/* Nothing was verified yet: refused. */
void snp_result_init(struct snp_result *result);

/* Fills `result` and returns its verdict. Reads nothing else than its arguments. */
enum verdict snp_verify(const struct snp_evidence *evidence,
                        const struct snp_chain_options *options,
                        const struct snp_appraisal *appraisal, struct snp_result *result);

/* The same for a caller that verifies many reports: a chain that `cache` holds costs no signature
 * checks but the report's, and no heap memory of this library's. The roots and the revocation list
 * are the cache's. Any number of threads may verify by one cache at once, while none adds to it. */
enum verdict snp_verify_cached(const struct snp_chain_cache *cache,
                               const struct snp_evidence *evidence, int64_t time,
                               const struct snp_appraisal *appraisal, struct snp_result *result);

/* The same by a chain that was found in the cache (snp_chain_cache_find), in one go with it. */
enum verdict snp_verify_found(const struct snp_chain_cache *cache,
                              const struct snp_cached_chain *found, struct span report,
                              int64_t time, const struct snp_appraisal *appraisal,
                              struct snp_result *result);

#endif
