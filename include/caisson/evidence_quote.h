/*
 * libcaisson: DCAP quotes of Intel SGX enclaves and Intel TDX trust domains. Part of
 * <caisson/evidence.h>, whose words on results, ownership, threads and `size` hold here too.
 *
 * A quote is judged by collateral: what Intel says of the platform (TCB info, QE identity) and
 * whom it has revoked, with the chains of those who signed it. It is checked once for a point in
 * time, and then serves any number of quotes in any number of threads. A service makes it anew when
 * time goes on: quotes are judged as of the collateral's time, not of the call's.
 */
#ifndef CAISSON_EVIDENCE_QUOTE_H
#define CAISSON_EVIDENCE_QUOTE_H

#include <caisson/evidence.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- collateral ------------------------------------------------------------------------------- */

struct caisson_collateral;

/* Either `document` or the pieces that follow it, and time and roots. */
struct caisson_collateral_input {
    size_t size;
    /* A JSON object with the names of the pieces below: chains and the two documents as texts,
     * lists and signatures in hexadecimal (docs/evidence.md). At most 8 MiB. */
    struct caisson_bytes document;
    struct caisson_bytes pck_crl_issuer_chain;     /* PEM: PCK CA, root */
    struct caisson_bytes root_ca_crl;              /* DER */
    struct caisson_bytes pck_crl;                  /* DER */
    struct caisson_bytes tcb_info_issuer_chain;    /* PEM: TCB signing, root */
    struct caisson_bytes tcb_info;                 /* the very bytes that Intel signed */
    struct caisson_bytes tcb_info_signature;       /* 64 bytes: r and s, big endian */
    struct caisson_bytes qe_identity_issuer_chain; /* PEM: TCB signing, root */
    struct caisson_bytes qe_identity;              /* the very bytes that Intel signed */
    struct caisson_bytes qe_identity_signature;    /* 64 bytes: r and s, big endian */
    /* PEM: PCK certificate, PCK CA, root; or none: the quote has them. It wins over the quote's,
     * and its platform's quotes then cost the check of two signatures each. */
    struct caisson_bytes pck_certificate_chain;
    int64_t time;                     /* all must be valid then, and quotes are judged as of it */
    const struct caisson_root *roots; /* besides Intel's, which is pinned; up to 64 */
    size_t root_count;
};

/*
 * Reads and checks collateral (Intel, "SGX PCK Certificate and CRL Profile Specification"; Intel
 * SGX and TDX services API, get TCB info, get QE identity). `result` gets its checks and its
 * verdict. What is given is copied. The caller frees what it gets; nothing changes it after this
 * call, so any number of threads may use it. NULL when it can't even be read; collateral that was
 * refused is given all the same: every quote is refused by it, with all other checks.
 */
CAISSON_API struct caisson_collateral *caisson_collateral_new(
    const struct caisson_collateral_input *input, struct caisson_result *result);
CAISSON_API void caisson_collateral_free(struct caisson_collateral *collateral);

/* --- quotes ----------------------------------------------------------------------------------- */

enum caisson_tee { CAISSON_TEE_ANY = 0, CAISSON_TEE_SGX = 1, CAISSON_TEE_TDX = 2 };

/* How current something is, in the words of Intel's services API (get TCB info, tcbStatus). */
enum caisson_tcb_status {
    CAISSON_TCB_UNKNOWN = 0, /* no level fits: "TCB not supported" */
    CAISSON_TCB_UP_TO_DATE = 1,
    CAISSON_TCB_SW_HARDENING_NEEDED = 2,
    CAISSON_TCB_CONFIGURATION_NEEDED = 3,
    CAISSON_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED = 4,
    CAISSON_TCB_OUT_OF_DATE = 5,
    CAISSON_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED = 6,
    CAISSON_TCB_REVOKED = 7,
};

/*
 * What the caller wants (Intel SDM volume 3D, REPORT; Intel TDX Module Base Architecture
 * Specification, ATTRIBUTES). All zero: no debugging, no reserved bits, SEPT_VE_DISABLE on, no
 * migration, a platform that Intel calls UpToDate; and nothing is asked that is particular to one
 * enclave or trust domain. A field that the quote's kind does not have refuses it. Sets hold up to
 * 8 values; a count of 0 with a pointer, and a count without one, is an error.
 */
struct caisson_quote_appraisal {
    size_t size;
    enum caisson_tee tee;
    uint32_t accepted_statuses; /* sum of 1 << enum caisson_tcb_status, besides UP_TO_DATE; UNKNOWN
                                   and REVOKED are never accepted */
    uint32_t out_of_date_grace_days; /* accept out of date so long after the level's date; up to
                                        3650 */
    uint32_t minimum_tcb_evaluation; /* tcbEvaluationDataNumber of both documents */
    uint16_t minimum_isvsvn;         /* SGX */
    bool allow_debug;                /* the host may read and change it */
    bool allow_sept_ve;              /* TDX: SEPT_VE_DISABLE may be off */
    bool allow_migration;            /* TDX: MIGRATABLE may be on */
    bool allow_trailing_bytes;       /* bytes after the quote need not be zero */
    bool has_isvprodid;              /* SGX: the next counts */
    uint16_t isvprodid;
    const uint8_t *report_data;      /* 64 bytes */
    const uint8_t *configid;         /* SGX, 64 */
    const uint8_t *mrconfigid;       /* TDX, 48 */
    const uint8_t *mrowner;          /* TDX, 48 */
    const uint8_t *mrownerconfig;    /* TDX, 48 */
    const uint8_t (*mrenclaves)[32]; /* SGX: any of these */
    size_t mrenclave_count;
    const uint8_t (*mrsigners)[32]; /* SGX: any of these */
    size_t mrsigner_count;
    const uint8_t (*mrtds)[48]; /* TDX: any of these */
    size_t mrtd_count;
    const uint8_t *rtmrs[4]; /* TDX: 48 bytes each, or NULL */
};

struct caisson_quote_input {
    size_t size;
    struct caisson_bytes quote; /* versions 3 to 5, at most 64 KiB */
    const struct caisson_collateral *collateral;
    const struct caisson_quote_appraisal *appraisal; /* NULL: as all zero */
    struct caisson_bytes appraisal_file; /* or the text of an appraisal file (docs/verify.md) */
};

/* Verifies a quote: PCK chain and revocation, quoting enclave, both signatures, TDX module, TCB
 * status, appraisal (Intel SGX ECDSA QuoteLibReference and Intel TDX DCAP Quoting Library API,
 * appendix A; Intel DCAP, quote verification). Returns the result's verdict. */
CAISSON_API enum caisson_verdict caisson_verify_quote(const struct caisson_quote_input *input,
                                                      struct caisson_result *result);

/* What a quote says, in Intel's names; pointers are NULL where its kind has no such field. */
struct caisson_quote_claims {
    uint32_t version;
    enum caisson_tee tee; /* SGX or TDX */
    bool debug;
    const uint8_t *report_data; /* 64 bytes */
    /* SGX: Intel SDM volume 3D, table "Layout of REPORT" */
    const uint8_t *mrenclave;    /* 32 */
    const uint8_t *mrsigner;     /* 32 */
    const uint8_t *configid;     /* 64 */
    const uint8_t *attributes;   /* 16 */
    const uint8_t *cpusvn;       /* 16 */
    const uint8_t *isvfamilyid;  /* 16 */
    const uint8_t *isvextprodid; /* 16 */
    uint16_t isvprodid;
    uint16_t isvsvn;
    uint16_t configsvn;
    /* TDX: Intel TDX DCAP Quoting Library API, appendix A.3 */
    const uint8_t *mrtd;          /* 48 */
    const uint8_t *rtmrs[4];      /* 48 each */
    const uint8_t *mrconfigid;    /* 48 */
    const uint8_t *mrowner;       /* 48 */
    const uint8_t *mrownerconfig; /* 48 */
    const uint8_t *mrseam;        /* 48 */
    const uint8_t *mrservicetd;   /* 48; TDX 1.5 */
    const uint8_t *tdattributes;  /* 8 */
    const uint8_t *xfam;          /* 8 */
    const uint8_t *tee_tcb_svn;   /* 16 */
    /* The platform, by its PCK certificate (Intel's profile, section 1.3.5) */
    const uint8_t *fmspc;           /* 6 */
    const uint8_t *pceid;           /* 2 */
    const uint8_t *ppid;            /* 16 */
    enum caisson_tcb_status status; /* of all that follow together */
    enum caisson_tcb_status platform_status;
    enum caisson_tcb_status qe_status;
    enum caisson_tcb_status
        module_status;       /* UNKNOWN where the TDX module has no level of its own */
    int64_t tcb_date;        /* the oldest tcbDate of them */
    uint32_t tcb_evaluation; /* tcbEvaluationDataNumber of the TCB info */
    uint32_t qe_evaluation;  /* and of the QE identity */
};

/* False unless the result is of a quote that was accepted, alone or of an HCL report's trust
 * domain. */
CAISSON_API bool caisson_result_get_quote(const struct caisson_result *result,
                                          struct caisson_quote_claims *out);

/* The advisory number `index` ("INTEL-SA-00615") of those that Intel names for an accepted quote's
 * levels, each once; NULL past the last. */
CAISSON_API const char *caisson_result_get_advisory(const struct caisson_result *result,
                                                    size_t index);

#ifdef __cplusplus
}
#endif

#endif
