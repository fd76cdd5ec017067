/*
 * Results as the public header promises them, and how its structures are taken over: what is
 * exported stands in this folder alone, and holds no logic of its own.
 */
#ifndef CAISSON_API_RESULT_H
#define CAISSON_API_RESULT_H

#include <caisson/evidence.h>

#include "evidence/snp_verify.h"
#include "evidence/uvm_endorsement.h"

enum result_kind { RESULT_NONE, RESULT_SNP, RESULT_UVM };

struct caisson_result {
    enum result_kind kind;
    enum verdict verdict;
    struct error error;
    struct snp_result snp;
    struct checks checks; /* of the other kinds */
    struct uvm_endorsement uvm;
};

/* Forgets what was there: refused, without checks. */
void result_reset(struct caisson_result *result);

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
