/*
 * Results as the public header promises them, and how its structures are taken over: what is
 * exported stands in this folder alone, and holds no logic of its own.
 */
#ifndef CAISSON_API_RESULT_H
#define CAISSON_API_RESULT_H

#include <caisson/evidence.h>

#include "evidence/aci.h"
#include "evidence/hcl_verify.h"

enum result_kind {
    RESULT_NONE,
    RESULT_SNP,
    RESULT_UVM,
    RESULT_COLLATERAL,
    RESULT_QUOTE,
    RESULT_HCL,
    RESULT_ACI
};

struct caisson_result {
    enum result_kind kind;
    enum verdict verdict;
    struct error error;
    struct checks checks; /* of the kinds that have no list of their own */
    union {
        struct snp_result snp;
        struct uvm_endorsement uvm;
        struct hcl_result hcl;
        struct aci_result aci;
    } of;
    struct dcap_result quote; /* also that of a trust domain in an HCL report */
    bool has_quote;
    uint8_t quote_report[DCAP_TD15_SIZE]; /* its own copy: the caller's bytes are borrowed */
};

/* Forgets what was there: refused, without checks. */
void result_reset(struct caisson_result *result);

/* The SEV-SNP part of the result, or NULL. */
const struct snp_result *result_snp(const struct caisson_result *result);

/* The checks of this kind of result. */
const struct checks *result_checks(const struct caisson_result *result);

/*
 * Copies a structure whose first member is its size, as its caller knew it, to `out` of out_size
 * bytes; members that the caller did not know are zero. ERROR_USAGE for NULL, for a size that holds
 * no more than itself, and for one that is larger than this library knows.
 */
int input_take(void *out, size_t out_size, const void *in, const char *name, struct error *err);

static inline struct span span_of_bytes(struct caisson_bytes bytes)
{
    return span_of(bytes.data, bytes.size);
}

#endif
