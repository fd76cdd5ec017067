/*
 * Intel's identity of a quoting enclave: "QE" makes SGX quotes, "TD_QE" those of TDX. Version 2 of
 * the document, as the Provisioning Certification Service signs it ("Intel SGX and Intel TDX
 * services", get quoting enclave identity). Reading is strict and bounded, as for tcb_info.h.
 */
#ifndef CAISSON_EVIDENCE_QE_IDENTITY_H
#define CAISSON_EVIDENCE_QE_IDENTITY_H

#include "evidence/tcb_status.h"

#define QE_IDENTITY_SIZE_MAX (64 * 1024)
#define QE_MISCSELECT_SIZE   4
#define QE_ATTRIBUTES_SIZE   16
#define QE_MRSIGNER_SIZE     32

struct qe_identity {
    json_t *document;   /* owned: the levels borrow their advisories from it */
    bool is_td;         /* TD_QE */
    int64_t issue_date; /* seconds since 1970 */
    int64_t next_update;
    uint32_t evaluation_number;             /* tcbEvaluationDataNumber */
    uint8_t miscselect[QE_MISCSELECT_SIZE]; /* in the order of the report's bytes */
    uint8_t miscselect_mask[QE_MISCSELECT_SIZE];
    uint8_t attributes[QE_ATTRIBUTES_SIZE];
    uint8_t attributes_mask[QE_ATTRIBUTES_SIZE];
    uint8_t mrsigner[QE_MRSIGNER_SIZE];
    uint16_t isvprodid;
    struct isvsvn_levels levels; /* descending */
};

/* Reads the document: the bytes that are signed, without the signature. ERROR_INVALID or
 * ERROR_LIMIT with the key. `identity` is filled in either case; its owner calls
 * qe_identity_fini(). */
int qe_identity_parse(struct span text, struct qe_identity *identity, struct error *err);
void qe_identity_fini(struct qe_identity *identity);

#endif
