/*
 * Verifies an SEV-SNP attestation report: the chain of certificates, the signature, the agreement
 * of report and leaf, and then the appraisal: is it the machine that the caller wants? Every check
 * is made and kept (checks.h), the first failure first; the verdict is their sum.
 */
#ifndef CAISSON_EVIDENCE_SNP_VERIFY_H
#define CAISSON_EVIDENCE_SNP_VERIFY_H

#include "evidence/checks.h"
#include "evidence/snp_chain.h"
#include "evidence/snp_report.h"

struct snp_evidence {
    struct span report;
    const struct span *certificates; /* DER: leaf, intermediate, root */
    size_t certificate_count;
};

#define SNP_MEASUREMENT_SIZE 48

/* What the caller wants. All zero is the strictest for what every machine has, and asks nothing of
 * what is particular to one. */
struct snp_appraisal {
    bool allow_masked_chip_id;
    bool allow_debug;
    bool allow_migration_agent;
    bool allow_provisional_firmware; /* COMMITTED_TCB below CURRENT_TCB: the host may roll back */
    bool allow_old_launch_tcb;       /* LAUNCH_TCB below REPORTED_TCB */
    uint32_t vmpl_max;
    const uint8_t *minimum_tcb;   /* SNP_TCB_SIZE bytes in the product's order, or NULL */
    const uint8_t *report_data;   /* 64 bytes, or NULL */
    const uint8_t *host_data;     /* 32 bytes, or NULL */
    const uint8_t *id_key_digest; /* 48 bytes, or NULL */
    const uint8_t *author_key_digest;
    const uint8_t (*measurements)[SNP_MEASUREMENT_SIZE]; /* any of these, or NULL */
    size_t measurement_count;
};

struct snp_result {
    struct checks checks;
    struct snp_report report; /* zero where it could not be read */
    const char *product;      /* "Milan", or NULL */
    bool simulated;           /* under a root that the caller named as simulated */
};

/* Fills `result` and returns its verdict. Reads nothing else than its arguments. */
enum verdict snp_verify(const struct snp_evidence *evidence,
                        const struct snp_chain_options *options,
                        const struct snp_appraisal *appraisal, struct snp_result *result);

/* The second half, used by snp_verify(): is this report of a machine that the caller wants? */
void snp_appraise(const struct snp_report *report, const struct snp_appraisal *appraisal,
                  struct checks *checks);

#endif
