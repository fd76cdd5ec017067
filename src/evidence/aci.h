/*
 * What a container group on Azure Container Instances finds in its security-context directory, and
 * the report that its processor made, checked as one:
 *
 *     host's certificates (thim.h)  →  AMD's root  →  the report's signature
 *     SHA-256(policy)               =  HOST_DATA
 *     endorsed measurement          =  MEASUREMENT   (uvm_endorsement.h)
 *     SHA-256(runtime data), zeros  =  REPORT_DATA   where runtime data is given
 *
 * The directory is the host's word. HOST_DATA says which policy is enforced, and not that it is the
 * caller's: whoever does not compare it with his own policy knows only that there is one.
 */
#ifndef CAISSON_EVIDENCE_ACI_H
#define CAISSON_EVIDENCE_ACI_H

#include "evidence/snp_verify.h"
#include "evidence/uvm_endorsement.h"

/* All of it decoded: no base64. */
struct aci_evidence {
    struct span report;
    struct span host_certificates; /* host-amd-cert: THIM JSON */
    struct span reference_info;    /* COSE_Sign1 */
    struct span policy;            /* the Rego text */
    struct span runtime_data;      /* what the container had hashed into REPORT_DATA; empty: none */
};

struct aci_expectation {
    struct snp_chain_options chain;
    struct snp_appraisal snp;
    struct uvm_expectation uvm; /* its `measurement` is taken from the report */
    struct span policy;         /* the caller's own; empty: none to compare with */
};

struct aci_result {
    struct snp_result snp; /* its checks are those of the whole */
    struct uvm_endorsement endorsement;
    uint8_t policy_digest[SHA256_SIZE];
};

/* Fills `result` and returns its verdict. */
enum verdict aci_verify(const struct aci_evidence *evidence,
                        const struct aci_expectation *expectation, struct aci_result *result);

#endif
