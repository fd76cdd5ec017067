/*
 * Writes DCAP quotes as a quoting enclave does (dcap_quote.h reads them): for simulated platforms
 * and tests. Who signs is the caller's; nothing here makes a quote that Intel's root stands for.
 */
#ifndef CAISSON_EVIDENCE_DCAP_QUOTE_WRITE_H
#define CAISSON_EVIDENCE_DCAP_QUOTE_WRITE_H

#include "crypto/issue.h"
#include "evidence/dcap_quote.h"

struct dcap_quoting {
    uint16_t version; /* 3 for enclaves; 4 and 5 wrap what follows the attestation key */
    enum dcap_body body;
    uint16_t qe_svn; /* version 3 */
    uint16_t pce_svn;
    const uint8_t *vendor; /* DCAP_VENDOR_SIZE bytes */
    struct span report;    /* dcap_body_size(body) bytes */
    const struct private_key *attestation;
    const struct private_key *pck;
    uint8_t qe_report[DCAP_SGX_SIZE]; /* REPORTDATA is filled in: it binds key and auth data */
    struct span qe_auth_data;         /* at most 65,535 bytes */
    uint16_t certification_type;
    struct span certification_data; /* a PEM chain with the zero byte that ends it */
};

/* Intel's quoting enclave, in the header: 939a7233-f79c-4ca9-940a-0db3957f0607. */
extern const uint8_t dcap_vendor_intel[DCAP_VENDOR_SIZE];

/* Appends the quote. ERROR_INVALID for a report or auth data of another size, and as the keys say;
 * ERROR_LIMIT as the buffer does. */
int dcap_quote_write(struct dcap_quoting *quoting, struct buf *quote, struct error *err);

#endif
