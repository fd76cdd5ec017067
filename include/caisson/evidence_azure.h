/*
 * libcaisson: what Azure's confidential machines and container groups hand out. Part of
 * <caisson/evidence.h>, whose words on results, ownership, threads and `size` hold here too.
 * docs/evidence.md has the forms and every check.
 */
#ifndef CAISSON_EVIDENCE_AZURE_H
#define CAISSON_EVIDENCE_AZURE_H

#include <caisson/evidence_quote.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- HCL reports of confidential virtual machines --------------------------------------------- */

/* What a PCR must hold, of the SHA-256 bank. */
struct caisson_pcr {
    uint32_t index; /* 0 to 23 */
    uint8_t value[32];
};

/*
 * The frame from the vTPM's index 0x01400001, with SEV-SNP's report or a TDREPORT inside. It is as
 * old as the machine's start: only a quote of the vTPM with the caller's nonce says that the
 * machine runs now, and only its PCRs say what booted. Without one that check is skipped, and it
 * fails where a nonce or a PCR was given.
 */
struct caisson_hcl_input {
    size_t size;
    struct caisson_bytes report; /* at most 64 KiB */
    int64_t time;
    const struct caisson_root *roots; /* besides AMD's, which are pinned; up to 64 */
    size_t root_count;
    /* With SEV-SNP inside; as in struct caisson_snp_input. */
    const struct caisson_bytes *certificates;
    size_t certificate_count;
    struct caisson_bytes crl;
    bool require_crl;
    bool allow_stale_crl;
    const struct caisson_snp_appraisal *snp_appraisal; /* NULL: as all zero */
    /* With TDX inside: Intel's quote of the same trust domain, without which a TDREPORT is refused.
     * Time and roots of the quote are those of its collateral. */
    struct caisson_bytes td_quote;
    const struct caisson_collateral *td_collateral;
    const struct caisson_quote_appraisal *td_appraisal; /* NULL: as all zero */
    /* Of either kind, in an appraisal file's form: "snp_appraisal" or "dcap_appraisal". */
    struct caisson_bytes appraisal_file;
    /* The vTPM's quote (TCG, TPM 2.0 Library, Part 2, section 10.12), or none. */
    struct caisson_bytes tpm_quote;     /* TPMS_ATTEST */
    struct caisson_bytes tpm_signature; /* TPMT_SIGNATURE, or RSA's bytes alone */
    struct caisson_bytes tpm_nonce;     /* 1 to 64 bytes; needed with a quote */
    struct caisson_bytes tpm_pcrs;      /* the quoted PCRs' values, 32 bytes each, the lowest index
                                           first;      or none */
    const struct caisson_pcr *pcrs;     /* what they must be */
    size_t pcr_count;
};

/* Verifies the frame: the processor's report or quote, that it binds the runtime claims, and the
 * vTPM's quote by the key in them. Returns the result's verdict. */
CAISSON_API enum caisson_verdict caisson_verify_hcl(const struct caisson_hcl_input *input,
                                                    struct caisson_result *result);

struct caisson_hcl_claims {
    bool is_tdx;       /* else SEV-SNP: caisson_result_get_snp and _get_quote tell the rest */
    const char *vm_id; /* "" where the claims do not say */
    bool secure_boot;  /* false where they do not say */
    const uint8_t *user_data;                     /* 64 bytes, or NULL */
    struct caisson_bytes attestation_key_modulus; /* HCLAkPub: RSA, big endian */
    struct caisson_bytes attestation_key_exponent;
    bool is_quoted;       /* there was a quote of the vTPM */
    uint32_t quoted_pcrs; /* bit i: PCR i */
};

/* False unless the result is of an HCL report that was accepted. */
CAISSON_API bool caisson_result_get_hcl(const struct caisson_result *result,
                                        struct caisson_hcl_claims *out);

/* --- security contexts of container groups (ACI) ---------------------------------------------- */

/*
 * What a container group finds in its security-context directory, decoded from base64, and the
 * report of its processor. All of it is the host's word: compare the policy with your own, and have
 * your nonce or key in the runtime data; what is given nothing to compare with is skipped.
 */
struct caisson_aci_input {
    size_t size;
    struct caisson_bytes report;            /* 1184 bytes */
    struct caisson_bytes host_certificates; /* host-amd-cert: THIM's JSON */
    struct caisson_bytes reference_info;    /* COSE_Sign1: the guest's endorsement */
    struct caisson_bytes policy;          /* security-policy: the text whose SHA-256 is HOST_DATA */
    struct caisson_bytes expected_policy; /* the caller's own, or none */
    struct caisson_bytes runtime_data;    /* its SHA-256 and 32 zeros are REPORT_DATA; or none */
    int64_t time;
    const struct caisson_root *roots; /* besides AMD's, which are pinned; up to 64 */
    size_t root_count;
    struct caisson_bytes crl; /* these three as in struct caisson_snp_input */
    bool require_crl;
    bool allow_stale_crl;
    const struct caisson_snp_appraisal *appraisal; /* NULL: as all zero */
    struct caisson_bytes appraisal_file;           /* or the text of an appraisal file */
    /* The endorsement, as in struct caisson_uvm_input; its measurement must be the report's. */
    int64_t endorsement_time; /* 0: `time` */
    bool at_signing_time;
    const char *issuer;
    const char *feed;
    uint64_t minimum_svn;
};

/* Verifies the whole: chain, report, policy, endorsement, runtime data. Returns the result's
 * verdict; caisson_result_get_snp and caisson_result_get_uvm tell its claims. */
CAISSON_API enum caisson_verdict caisson_verify_aci(const struct caisson_aci_input *input,
                                                    struct caisson_result *result);

#ifdef __cplusplus
}
#endif

#endif
