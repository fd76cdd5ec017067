/*
 * Azure's confidential virtual machines put their processor's report into a frame of their own, the
 * "HCL report" of the vTPM's index 0x01400001 (Microsoft, "Guest attestation for confidential
 * virtual machines: report format"): little endian,
 *
 *     0     "HCLA", version 1 or 2, size without padding, type of request 2, status 0, 12 zero
 * bytes 32    the report: SEV-SNP's ATTESTATION_REPORT, or a TDREPORT and zeros; 1184 bytes 1216
 * size of what follows, version 1, kind 2 (SNP) or 4 (TDX), hash 1 (SHA-256), size 1236  the
 * runtime claims, JSON; then zeros
 *
 * SHA-256(runtime claims) is the beginning of the report's REPORT_DATA, the rest of which is zero:
 * so the processor vouches for the keys in the claims. HCLAkPub is the vTPM's attestation key.
 *
 * Reading only; whether to believe it is hcl_verify.h.
 */
#ifndef CAISSON_EVIDENCE_HCL_H
#define CAISSON_EVIDENCE_HCL_H

#include "crypto/signature.h"

#define HCL_SIZE_MAX       65536
#define HCL_TDREPORT_SIZE  1024
#define HCL_MODULUS_MAX    (SIGNATURE_RSA_BITS_MAX / 8)
#define HCL_EXPONENT_MAX   4
#define HCL_USER_DATA_SIZE 64
#define HCL_TEXT_SIZE      64

enum hcl_kind { HCL_SNP = 2, HCL_TDX = 4 };

struct hcl_report {
    uint32_t version;
    enum hcl_kind kind;
    struct span hardware;     /* borrowed: SNP_REPORT_SIZE or HCL_TDREPORT_SIZE bytes */
    struct span runtime_data; /* borrowed: the claims' bytes */
};

/* Reads the frame. ERROR_INVALID or ERROR_LIMIT; padding must be zero. */
int hcl_parse(struct span bytes, struct hcl_report *report, struct error *err);

/* What the claims say. */
struct hcl_claims {
    uint8_t modulus[HCL_MODULUS_MAX]; /* of HCLAkPub, RSA, big endian */
    size_t modulus_size;
    uint8_t exponent[HCL_EXPONENT_MAX];
    size_t exponent_size;
    char vm_id[HCL_TEXT_SIZE]; /* vmUniqueId; "" where it is not said */
    bool secure_boot;          /* false where it is not said */
    bool has_user_data;
    uint8_t user_data[HCL_USER_DATA_SIZE];
};

/* Reads the claims. ERROR_INVALID when they have no HCLAkPub, or two, or one that is no RSA key.
 * Members that are unknown are left alone. */
int hcl_claims_parse(struct span runtime_data, struct hcl_claims *claims, struct error *err);

#endif
