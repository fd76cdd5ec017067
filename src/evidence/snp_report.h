/*
 * SEV-SNP's ATTESTATION_REPORT, versions 2 to 5 (AMD 56860, "SEV Secure Nested Paging Firmware ABI
 * Specification", section 7.3): 1184 bytes, little endian. Reading and writing only; whether to
 * believe it is snp_verify.h.
 */
#ifndef CAISSON_EVIDENCE_SNP_REPORT_H
#define CAISSON_EVIDENCE_SNP_REPORT_H

#include "base/error.h"
#include "base/span.h"

#define SNP_REPORT_SIZE 1184
#define SNP_SIGNED_SIZE 0x2A0 /* the signature covers the bytes before it */
#define SNP_SCALAR_SIZE 48    /* r and s, as they count; the fields have 72 bytes */

#define SNP_VERSION_MIN 2
#define SNP_VERSION_MAX 5

#define SNP_ALGORITHM_ECDSA_P384_SHA384 1

#define SNP_POLICY_SMT               (UINT64_C(1) << 16)
#define SNP_POLICY_ONE               (UINT64_C(1) << 17) /* must be one */
#define SNP_POLICY_MIGRATE_MA        (UINT64_C(1) << 18)
#define SNP_POLICY_DEBUG             (UINT64_C(1) << 19)
#define SNP_POLICY_SINGLE_SOCKET     (UINT64_C(1) << 20)
#define SNP_POLICY_CXL               (UINT64_C(1) << 21)
#define SNP_POLICY_AES_256_XTS       (UINT64_C(1) << 22)
#define SNP_POLICY_RAPL_DIS          (UINT64_C(1) << 23)
#define SNP_POLICY_CIPHERTEXT_HIDING (UINT64_C(1) << 24)
#define SNP_POLICY_PAGE_SWAP_DISABLE (UINT64_C(1) << 25)
#define SNP_POLICY_RESERVED          (~UINT64_C(0) << 26) /* must be zero */

/* PLATFORM_INFO; bits that are not known here are no reason to refuse. */
#define SNP_PLATFORM_SMT               (UINT64_C(1) << 0)
#define SNP_PLATFORM_TSME              (UINT64_C(1) << 1)
#define SNP_PLATFORM_ECC               (UINT64_C(1) << 2)
#define SNP_PLATFORM_RAPL_DIS          (UINT64_C(1) << 3)
#define SNP_PLATFORM_CIPHERTEXT_HIDING (UINT64_C(1) << 4)
#define SNP_PLATFORM_ALIAS_CHECK       (UINT64_C(1) << 5)
#define SNP_PLATFORM_TIO               (UINT64_C(1) << 7)

#define SNP_KEY_INFO_AUTHOR    0x1U
#define SNP_KEY_INFO_MASK_CHIP 0x2U

enum snp_signing_key { SNP_SIGNING_VCEK = 0, SNP_SIGNING_VLEK = 1, SNP_SIGNING_NONE = 7 };

struct snp_firmware {
    uint8_t build;
    uint8_t minor;
    uint8_t major;
};

struct snp_report {
    uint32_t version;
    uint32_t guest_svn;
    uint64_t policy;
    uint8_t family_id[16];
    uint8_t image_id[16];
    uint32_t vmpl;
    uint32_t signature_algorithm;
    uint8_t current_tcb[8]; /* the bytes' meaning depends on the product */
    uint64_t platform_info;
    uint32_t key_info;
    uint8_t report_data[64];
    uint8_t measurement[48];
    uint8_t host_data[32];
    uint8_t id_key_digest[48];
    uint8_t author_key_digest[48];
    uint8_t report_id[32];
    uint8_t report_id_ma[32];
    uint8_t reported_tcb[8];
    uint8_t cpuid_family; /* these three from version 3; zero before */
    uint8_t cpuid_model;
    uint8_t cpuid_stepping;
    uint8_t chip_id[64];
    uint8_t committed_tcb[8];
    struct snp_firmware current;
    struct snp_firmware committed;
    uint8_t launch_tcb[8];
    uint64_t launch_mit_vector; /* these two from version 5; zero before */
    uint64_t current_mit_vector;
    uint8_t signature_r[72]; /* little endian */
    uint8_t signature_s[72];
};

/* Reads the fields of a report. ERROR_INVALID for another size than SNP_REPORT_SIZE or a version
 * outside SNP_VERSION_MIN to SNP_VERSION_MAX. */
int snp_report_parse(struct span bytes, struct snp_report *report, struct error *err);

/* ERROR_INVALID, with the offset, when a byte that this version reserves is not zero. */
int snp_report_check_reserved(struct span bytes, const struct snp_report *report,
                              struct error *err);

/* Writes the report; every reserved byte is zero. */
void snp_report_write(const struct snp_report *report, uint8_t out[SNP_REPORT_SIZE]);

/* KEY_INFO bits 4:2; values other than those of enum snp_signing_key are reserved. */
unsigned snp_report_signing_key(const struct snp_report *report);

#endif
