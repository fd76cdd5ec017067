/*
 * How current a platform, a TDX module or a quoting enclave is, in the words of Intel's Trusted
 * Services API ("Intel SGX and Intel TDX services", get TCB info, version 4), and what several of
 * them come to.
 */
#ifndef CAISSON_EVIDENCE_TCB_STATUS_H
#define CAISSON_EVIDENCE_TCB_STATUS_H

#include "format/json.h"

enum tcb_status {
    TCB_UNKNOWN = 0, /* no level fits: "TCB not supported" */
    TCB_UP_TO_DATE,
    TCB_SW_HARDENING_NEEDED,
    TCB_CONFIGURATION_NEEDED,
    TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
    TCB_OUT_OF_DATE,
    TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
    TCB_REVOKED,
    TCB_STATUS_COUNT
};

#define TCB_ADVISORY_SIZE  32  /* bytes of an advisory's id with its terminator */
#define TCB_ADVISORIES_MAX 64  /* of one level */
#define TCB_LEVELS_MAX     128 /* of one list */

/* "UpToDate", "SWHardeningNeeded", …; "NotSupported" for TCB_UNKNOWN. */
const char *tcb_status_name(enum tcb_status status);

/* The status of this name, TCB_UNKNOWN for another. */
enum tcb_status tcb_status_by_name(const char *name);

/* What two parts come to together: all that is wrong with either. Out of date with configuration
 * needed is OutOfDateConfigurationNeeded; revoked outdoes everything, unknown even that. */
enum tcb_status tcb_status_merge(enum tcb_status a, enum tcb_status b);

/* What every level says besides the versions from which it holds. */
struct tcb_verdict {
    int64_t date; /* tcbDate: seconds since 1970 */
    enum tcb_status status;
    const json_t *advisories; /* array of texts, borrowed from the document; NULL for none */
};

/* Reads tcbDate, tcbStatus and advisoryIDs of a level. */
int tcb_verdict_read(const json_t *level, struct tcb_verdict *verdict, struct error *err);

/* Levels that hold from an ISVSVN on: of quoting enclaves and TDX modules. */
struct isvsvn_level {
    uint16_t isvsvn;
    struct tcb_verdict verdict;
};

struct isvsvn_levels {
    struct isvsvn_level *items;
    size_t count;
};

/* Reads the array "tcbLevels" of `object`; the owner calls isvsvn_levels_fini(). */
int isvsvn_levels_read(const json_t *object, struct isvsvn_levels *levels, struct error *err);
void isvsvn_levels_fini(struct isvsvn_levels *levels);

/* The first level, in the document's order (descending), whose ISVSVN is not above this one; NULL
 * for none. */
const struct tcb_verdict *isvsvn_levels_find(const struct isvsvn_levels *levels, uint16_t isvsvn);

/* Small readers for the documents: hexadecimal digits of either case that make exactly `size`
 * bytes, and a point in time like "2025-06-19T10:56:11Z". */
int tcb_read_hex(const json_t *object, const char *key, void *out, size_t size, struct error *err);
int tcb_read_time(const json_t *object, const char *key, int64_t *out, struct error *err);

#endif
