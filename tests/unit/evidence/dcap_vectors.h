/* Real quotes and Intel's samples, with what they are judged by, from the files in which others
 * keep them. */
#ifndef CAISSON_TESTS_DCAP_VECTORS_H
#define CAISSON_TESTS_DCAP_VECTORS_H

#include "evidence/dcap_verify.h"

struct dcap_vector {
    const char *name;
    const char *quote;
    const char *collateral; /* all in one but for a tcb_info; NULL: the files that follow */
    const char *tcb_info;   /* as Intel's service answers, or as Fortanix keeps it */
    const char *qe_identity;
    const char *root_crl;
    const char *pck_crl;
    const char *pck_ca_chain;  /* NULL: the quote's own without the first */
    const char *signing_chain; /* PEM, or Fortanix' JSON with a "ca_chain" */
    const char *pck;           /* NULL: the quote has it */
    const char *root;          /* to be trusted, PEM; NULL: Intel's */
    const char *time;
};

struct dcap_loaded {
    struct buf quote;
    struct buf buffers[8];
    struct dcap_parts json;
    json_t *document;
    struct dcap_parts parts;
    struct trusted_root root;
    struct dcap_options options;
};

/* All that have complete collateral; some of that of VECTOR_TDX_V5 is of another year. */
enum {
    VECTOR_SGX,
    VECTOR_SGX_DEBUG,
    VECTOR_TDX_OLD,
    VECTOR_TDX_DEBUG,
    VECTOR_TDX_V5,
    VECTOR_INTEL_SGX,
    VECTOR_INTEL_TDX,
    VECTOR_COUNT
};
extern const struct dcap_vector dcap_vectors[VECTOR_COUNT];

/* Fails the test when a file is absent; the caller says dcap_vector_unload(). */
void dcap_vector_load(const struct dcap_vector *vector, struct dcap_loaded *loaded);
void dcap_vector_unload(struct dcap_loaded *loaded);

#endif
