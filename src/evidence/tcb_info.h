/*
 * Intel's TCB info: for one family of platforms (FMSPC), which security version numbers make which
 * status. Versions 2 (SGX alone) and 3 of the document, as the Provisioning Certification Service
 * signs it ("Intel SGX and Intel TDX services", get TCB info).
 *
 * The document is Intel's once its signature has been checked (dcap_collateral.h), and anybody's
 * before: reading is strict and bounded.
 */
#ifndef CAISSON_EVIDENCE_TCB_INFO_H
#define CAISSON_EVIDENCE_TCB_INFO_H

#include "evidence/pck.h"
#include "evidence/tcb_status.h"

#define TCB_INFO_SIZE_MAX   (256 * 1024)
#define TDX_MODULES_MAX     32
#define TDX_MRSIGNER_SIZE   48
#define TDX_ATTRIBUTES_SIZE 8

struct tcb_level {
    uint8_t sgx[TCB_COMPONENT_COUNT];
    uint8_t tdx[TCB_COMPONENT_COUNT]; /* zero for SGX */
    uint16_t pcesvn;
    struct tcb_verdict verdict;
};

/* Who signed a TDX module, and with which attributes. */
struct tdx_module {
    uint8_t mrsigner[TDX_MRSIGNER_SIZE];
    uint8_t attributes[TDX_ATTRIBUTES_SIZE];
    uint8_t attributes_mask[TDX_ATTRIBUTES_SIZE];
};

/* The modules of one major version: "TDX_01". */
struct tdx_module_identity {
    uint8_t version;
    struct tdx_module module;
    struct isvsvn_levels levels;
};

struct tcb_info {
    json_t *document; /* owned: the levels borrow their advisories from it */
    unsigned version;
    bool is_tdx;
    int64_t issue_date; /* seconds since 1970 */
    int64_t next_update;
    uint8_t fmspc[PCK_FMSPC_SIZE];
    uint8_t pceid[PCK_PCEID_SIZE];
    uint32_t evaluation_number; /* tcbEvaluationDataNumber */
    struct tdx_module module;   /* of version 0; TDX alone */
    struct tdx_module_identity *modules;
    size_t module_count;
    struct tcb_level *levels; /* descending */
    size_t level_count;
};

/* Reads the document: the bytes that are signed, without the signature. ERROR_INVALID or
 * ERROR_LIMIT with the key. `info` is filled in either case; its owner calls tcb_info_fini(). */
int tcb_info_parse(struct span text, struct tcb_info *info, struct error *err);
void tcb_info_fini(struct tcb_info *info);

/* The first level that a platform reaches: every component of its PCK certificate and the PCE's
 * version at least as high, and for TDX those of the trust domain's TEE_TCB_SVN too (`tdx`; from
 * component 2 on where component 1, the module's major version, is not 0). NULL for none. */
const struct tcb_level *tcb_info_find_level(const struct tcb_info *info, const struct pck *pck,
                                            const uint8_t tdx[TCB_COMPONENT_COUNT]);

/* The identity of the modules of this major version, NULL for none. */
const struct tdx_module_identity *tcb_info_find_module(const struct tcb_info *info,
                                                       uint8_t version);

#endif
