/*
 * A TPM's quote: TPMS_ATTEST of type TPM_ST_ATTEST_QUOTE (TCG, "TPM 2.0 Library, Part 2:
 * Structures", section 10.12), big endian, and the signature over it by an attestation key that the
 * caller has got from somewhere it trusts (for Azure's machines: evidence/hcl.h).
 *
 * Only what such machines make is accepted: one selection of PCRs of the SHA-256 bank, signed by
 * RSASSA-PKCS1-v1_5 with SHA-256.
 */
#ifndef CAISSON_EVIDENCE_TPM_QUOTE_H
#define CAISSON_EVIDENCE_TPM_QUOTE_H

#include "crypto/digest.h"
#include "crypto/signature.h"
#include "evidence/checks.h"

#define TPM_QUOTE_MAX     1024 /* bytes of TPMS_ATTEST */
#define TPM_SIGNATURE_MAX 2048
#define TPM_PCR_COUNT     24
#define TPM_PCR_SIZE      SHA256_SIZE
#define TPM_NONCE_MAX     64

struct tpm_quote {
    struct span qualified_signer; /* borrowed, and not checked: it is a name inside that TPM */
    struct span extra_data;       /* borrowed: the nonce */
    uint64_t clock;               /* milliseconds that the TPM has run */
    uint32_t reset_count;
    uint32_t restart_count;
    uint64_t firmware_version;
    uint32_t pcrs; /* bit i: PCR i is quoted */
    uint8_t pcr_digest[SHA256_SIZE];
};

/* Reads a quote. ERROR_INVALID for any other attestation, and for trailing bytes. */
int tpm_quote_parse(struct span bytes, struct tpm_quote *quote, struct error *err);

/* Finds the RSA signature: either it alone, as large as the key's modulus, or a TPMT_SIGNATURE
 * (Part 2, section 11.3.4) around it. *signature is borrowed. */
int tpm_signature_parse(struct span bytes, size_t modulus_size, struct span *signature,
                        struct error *err);

struct tpm_pcr {
    unsigned index; /* below TPM_PCR_COUNT */
    uint8_t value[TPM_PCR_SIZE];
};

struct tpm_quote_evidence {
    struct span quote;
    struct span signature;
    struct span pcrs; /* the quoted PCRs' values, the lowest index first; empty: none at hand */
};

struct tpm_quote_expectation {
    struct span nonce; /* 1 to TPM_NONCE_MAX bytes: must be the quote's extraData */
    const struct tpm_pcr *pcrs;
    size_t pcr_count;
};

/* Adds all checks of a quote by this key, and fills `quote` (zero where it can't be read). */
void tpm_quote_check(const struct tpm_quote_evidence *evidence,
                     const struct tpm_quote_expectation *expectation, const struct public_key *key,
                     struct tpm_quote *quote, struct checks *checks);

#endif
