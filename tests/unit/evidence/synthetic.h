/*
 * Evidence under a root of the tests' own: everything about it can be changed before it is issued
 * and signed. The keys are made once (synthetic_start), one for ARK and ASK, since making one takes
 * seconds.
 */
#ifndef CAISSON_TESTS_SYNTHETIC_H
#define CAISSON_TESTS_SYNTHETIC_H

#include "../check.h"

#include "crypto/issue.h"
#include "evidence/snp_verify.h"

#define SYNTHETIC_NOW       INT64_C(1780272000) /* 2026-06-01T00:00:00Z */
#define SYNTHETIC_LIFE      1000 /* seconds before and after in which all are valid */
#define SYNTHETIC_OID       "1.3.6.1.4.1.3704.1."
#define SYNTHETIC_LEAF_MAX  16
#define SYNTHETIC_BYTES_MAX 1024

struct synthetic_extension {
    const char *oid;
    uint8_t bytes[SYNTHETIC_BYTES_MAX];
    size_t size;
};

/* All that a case may change before it is signed. */
struct synthetic {
    const char *root_name;
    const char *middle_name;
    const char *leaf_name;
    struct synthetic_extension extensions[SYNTHETIC_LEAF_MAX];
    size_t extension_count;
    struct snp_report report;
};

/* What comes of it. */
struct synthetic_issued {
    struct buf der[SNP_CHAIN_LENGTH];
    struct span chain[SNP_CHAIN_LENGTH];
    uint8_t report[SNP_REPORT_SIZE];
    struct trusted_root root; /* to be trusted */
    struct snp_evidence evidence;
};

/* Group set-up and tear-down. */
int synthetic_start(void **state);
int synthetic_end(void **state);

/* A version 3 report of a Milan, and a version 5 report of a Turin, in which nothing is wrong. */
void synthetic_milan(struct synthetic *synthetic);
void synthetic_turin(struct synthetic *synthetic);

void synthetic_add(struct synthetic *synthetic, const char *oid, const void *bytes, size_t size);
void synthetic_drop(struct synthetic *synthetic, const char *oid);
void synthetic_replace(struct synthetic *synthetic, const char *oid, const void *bytes,
                       size_t size);

/* Issues and signs. */
void synthetic_issue(struct synthetic *synthetic, struct synthetic_issued *issued);
void synthetic_fini(struct synthetic_issued *issued);
#define SYNTHETIC_ISSUED __attribute__((cleanup(synthetic_fini))) struct synthetic_issued

/* Signs the report once more, after a change of it. */
void synthetic_sign(struct snp_report *report, uint8_t bytes[SNP_REPORT_SIZE]);

/* Issues, signs, verifies under the root; `failure` is the first check that must fail, NULL where
 * all must pass. Returns what was found. */
const struct snp_result *synthetic_check(struct synthetic *synthetic,
                                         const struct snp_appraisal *appraisal,
                                         const char *failure);

#endif
