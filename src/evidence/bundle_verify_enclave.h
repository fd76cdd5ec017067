/*
 * Verifies the evidence bundle of an enclave against what the verifier knows by itself: the nonce
 * that it asked with, the policy's bytes, MRENCLAVE, and the roots and collateral that it trusts.
 */
#ifndef CAISSON_EVIDENCE_BUNDLE_VERIFY_ENCLAVE_H
#define CAISSON_EVIDENCE_BUNDLE_VERIFY_ENCLAVE_H

#include "evidence/bundle.h"
#include "evidence/dcap_verify.h"
#include "evidence/fragment_demand.h"

/* All of it is demanded; nothing may be left out, but containers where `partial` says so. */
struct enclave_expectation {
    const struct dcap_parts *collateral;
    const struct dcap_options *options; /* the time, roots beside Intel's */
    struct span nonce;
    struct span policy; /* the policy's bytes */
    bool partial;
    struct fragment_demands fragments;
    uint8_t mrenclave[SHA256_SIZE];
};

/* Fills `result` and returns its verdict. A bundle that is none of an enclave is refused. */
enum verdict bundle_verify_enclave(const struct bundle *bundle,
                                   const struct enclave_expectation *expectation,
                                   struct dcap_result *result);

#endif
