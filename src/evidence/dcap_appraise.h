/*
 * What a relying party wants of an enclave or a trust domain, once its quote holds: which code,
 * which identity, and how current the platform must be.
 */
#ifndef CAISSON_EVIDENCE_DCAP_APPRAISE_H
#define CAISSON_EVIDENCE_DCAP_APPRAISE_H

#include "evidence/checks.h"
#include "evidence/dcap_quote.h"
#include "evidence/tcb_status.h"

#define DCAP_APPRAISAL_SIZE_MAX 65536
#define DCAP_ALTERNATIVES_MAX   8
#define DCAP_GRACE_DAYS_MAX     3650

/* Whose quote it must be. */
enum dcap_tee { DCAP_ANY_TEE = 0, DCAP_SGX, DCAP_TDX };

/* A field of the report that must have one of these values; with none, it may have any. */
struct dcap_wanted {
    size_t count;
    uint8_t values[DCAP_ALTERNATIVES_MAX][DCAP_FIELD_SIZE_MAX];
};

/* All zero is the strictest for what every report has, and asks nothing of what is particular to
 * one: no debugging, no reserved bits, SEPT_VE_DISABLE set, no migration, TCB status UpToDate. */
struct dcap_appraisal {
    enum dcap_tee tee;
    unsigned accepted_statuses;      /* 1 << enum tcb_status, besides UpToDate; never Revoked */
    uint32_t out_of_date_grace_days; /* accept OutOfDate so long after the level's tcbDate */
    uint32_t minimum_evaluation;     /* least tcbEvaluationDataNumber of the collateral */
    uint16_t minimum_isvsvn;
    bool allow_debug;
    bool allow_sept_ve;        /* TDX: SEPT_VE_DISABLE may be off */
    bool allow_migration;      /* TDX: MIGRATABLE may be on */
    bool allow_trailing_bytes; /* other than zero, after the quote */
    struct dcap_wanted wanted[DCAP_FIELD_COUNT];
};

/* Reads a JSON object: "dcap_appraisal": 1, and of these each may be absent; no other may be there:
 *   "tee": "sgx" or "tdx", "accepted_statuses": [names], "out_of_date_grace_days",
 * "minimum_tcb_evaluation_data_number", "minimum_isvsvn": numbers, "allow_debug", "allow_sept_ve",
 * "allow_migration", "allow_trailing_bytes": booleans, "isvprodid", "configsvn": a number, or an
 * array of them, and the other names of dcap_field_name(): hexadecimal, or an array of such texts.
 * ERROR_INVALID or ERROR_LIMIT with the key. */
int dcap_appraisal_parse(struct span text, struct dcap_appraisal *appraisal, struct error *err);

/* Whether the host may read or profile it: DEBUG of an enclave, any bit of a trust domain's TUD. */
bool dcap_is_debug(const struct dcap_quote *quote);

/* Adds the checks of the report itself; the platform's status is dcap_verify.h's. */
void dcap_appraise(const struct dcap_quote *quote, const struct dcap_appraisal *appraisal,
                   struct checks *checks);

#endif
