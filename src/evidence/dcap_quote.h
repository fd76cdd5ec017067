/*
 * DCAP quotes: of SGX enclaves (version 3, "Intel SGX ECDSA Quote Library Reference", appendix A)
 * and of TDX trust domains and enclaves (versions 4 and 5, "Intel TDX DCAP Quoting Library API",
 * appendix A). Reading only; whether to believe it is dcap_verify.h.
 *
 * A quote says how long it is; what follows (AESM fills its buffer) is no part of it. All spans are
 * borrowed from the bytes that were read.
 */
#ifndef CAISSON_EVIDENCE_DCAP_QUOTE_H
#define CAISSON_EVIDENCE_DCAP_QUOTE_H

#include "crypto/ecdsa.h"
#include "evidence/dcap_report.h"

#define DCAP_QUOTE_SIZE_MAX 65536
#define DCAP_HEADER_SIZE    48
#define DCAP_VENDOR_SIZE    16
#define DCAP_USER_DATA_SIZE 20

#define DCAP_VERSION_MIN 3
#define DCAP_VERSION_MAX 5

#define DCAP_KEY_ECDSA_P256 2 /* attestation key type */
#define DCAP_TEE_SGX        0x00
#define DCAP_TEE_TDX        0x81

/* Certification data, the same appendices. */
#define DCAP_CERTIFICATION_PCK_CHAIN 5 /* PEM: PCK, intermediate, root */
#define DCAP_CERTIFICATION_QE_REPORT 6 /* versions 4 and 5: around all that follows the key */

struct dcap_quote {
    uint16_t version;
    uint16_t attestation_key_type;
    uint32_t tee_type;
    uint16_t qe_svn;  /* version 3; reserved after */
    uint16_t pce_svn; /* version 3; reserved after */
    uint8_t qe_vendor[DCAP_VENDOR_SIZE];
    uint8_t user_data[DCAP_USER_DATA_SIZE];
    enum dcap_body body;
    struct span report;          /* dcap_body_size(body) bytes */
    struct span signed_bytes;    /* header to report: what `signature` covers */
    struct span signature;       /* P256_SIGNATURE_SIZE bytes */
    struct span attestation_key; /* P256_POINT_SIZE bytes */
    struct span qe_report;       /* DCAP_SGX_SIZE bytes */
    struct span qe_signature;    /* P256_SIGNATURE_SIZE bytes */
    struct span qe_auth_data;
    uint16_t certification_type;
    struct span certification_data;
    struct span trailing; /* after the quote */
};

/* Reads a quote. ERROR_INVALID, saying what is wrong, for another version, key type, kind or size
 * than is known here, and where a part leads beyond the whole or leaves bytes inside it;
 * ERROR_LIMIT for more than DCAP_QUOTE_SIZE_MAX bytes. */
int dcap_quote_parse(struct span bytes, struct dcap_quote *quote, struct error *err);

/* A field of the quote's report; empty where it has none. */
static inline struct span dcap_quote_get(const struct dcap_quote *quote, enum dcap_field field)
{
    return dcap_report_get(quote->body, quote->report, field);
}

#endif
