/*
 * What a caller wants of an SEV-SNP machine beyond evidence that holds. All zero is the strictest
 * for what every machine has (no debugging, no migration agent, VMPL 0, nothing that can be rolled
 * back), and asks nothing of what is particular to one.
 *
 * All that a struct snp_appraisal points to is borrowed.
 */
#ifndef CAISSON_EVIDENCE_SNP_APPRAISAL_H
#define CAISSON_EVIDENCE_SNP_APPRAISAL_H

#include "evidence/checks.h"
#include "evidence/snp_product.h"
#include "evidence/snp_report.h"

#define SNP_MEASUREMENT_SIZE 48
#define SNP_CHIP_ID_SIZE     64

/* At least these security versions. A part that the machine's generation does not have must be 0.
 */
struct snp_tcb_minimum {
    bool wanted;
    uint8_t parts[SNP_TCB_PART_COUNT];
};

/* Which of a report's TCBs has to reach a minimum. */
enum snp_tcb_kind { SNP_TCB_REPORTED, SNP_TCB_COMMITTED, SNP_TCB_LAUNCH, SNP_TCB_KIND_COUNT };

/* Bits that must be one and bits that must be zero. */
struct snp_bits {
    uint64_t required;
    uint64_t forbidden;
};

struct snp_appraisal {
    bool allow_masked_chip_id;
    bool allow_debug;
    bool allow_migration_agent;
    bool allow_provisional_firmware; /* COMMITTED_TCB below CURRENT_TCB: the host may roll back */
    bool allow_old_launch_tcb;       /* LAUNCH_TCB below REPORTED_TCB */
    uint32_t vmpl_max;
    uint32_t minimum_guest_svn;
    uint16_t minimum_abi; /* of the guest policy: major in the upper byte, minor in the lower */
    struct snp_firmware minimum_firmware; /* committed; all zero asks nothing */
    struct snp_tcb_minimum minimum_tcb[SNP_TCB_KIND_COUNT];
    struct snp_bits policy;      /* SNP_POLICY_* */
    struct snp_bits platform;    /* PLATFORM_INFO, SNP_PLATFORM_* */
    uint64_t launch_mitigations; /* bits that must be one; reports before version 5 have none */
    uint64_t current_mitigations;
    const uint8_t *report_data;                          /* 64 bytes, or NULL; so all that follow */
    const uint8_t *host_data;                            /* 32 */
    const uint8_t *family_id;                            /* 16 */
    const uint8_t *image_id;                             /* 16 */
    const uint8_t *id_key_digest;                        /* 48 */
    const uint8_t *author_key_digest;                    /* 48 */
    const uint8_t *report_id;                            /* 32 */
    const uint8_t *report_id_ma;                         /* 32 */
    const uint8_t (*measurements)[SNP_MEASUREMENT_SIZE]; /* any of these, or NULL */
    size_t measurement_count;
    const uint8_t (*chip_ids)[SNP_CHIP_ID_SIZE]; /* any of these, or NULL */
    size_t chip_id_count;
};

/* Adds a check for each demand. `product` is the leaf's; NULL, unknown, fails every minimum TCB. */
void snp_appraise(const struct snp_report *report, const struct snp_product *product,
                  const struct snp_appraisal *appraisal, struct checks *checks);

#endif
