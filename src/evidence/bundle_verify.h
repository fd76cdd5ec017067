/*
 * Verifies an evidence bundle against what the verifier knows by itself: the nonce that it asked
 * with, the policy's bytes, the guest's digests and launch digests, and the roots that it trusts.
 */
#ifndef CAISSON_EVIDENCE_BUNDLE_VERIFY_H
#define CAISSON_EVIDENCE_BUNDLE_VERIFY_H

#include "evidence/bundle.h"
#include "evidence/fragment_demand.h"
#include "evidence/snp_verify.h"

/* All of it is demanded; nothing may be left out, but containers where `partial` says so. */
struct bundle_expectation {
    struct snp_chain_options chain; /* the time, roots beside AMD's, revocation */
    struct span nonce;
    struct span policy; /* the policy's bytes */
    bool partial;       /* some of the policy's containers may be missing */
    struct fragment_demands fragments;
    uint8_t kernel[SHA256_SIZE];
    uint8_t initrd[SHA256_SIZE];
    const char *cmdline;
    const uint8_t (*measurements)[SNP_MEASUREMENT_SIZE];
    size_t measurement_count;
};

/* Fills `result` and returns its verdict. */
enum verdict bundle_verify(const struct bundle *bundle,
                           const struct bundle_expectation *expectation, struct snp_result *result);

#endif
