/*
 * SEV-SNP's reports, verified for many clients: a chain of certificates that was verified once is
 * kept, and what is left of a report is its own signature. Up to SNP_CHAINS_MAX chains are kept;
 * the oldest makes place. What depends on the time is checked at each use.
 */
#ifndef CAISSON_SERVICE_SNP_CHAINS_H
#define CAISSON_SERVICE_SNP_CHAINS_H

#include "evidence/snp_certificates.h"
#include "evidence/snp_verify.h"

#define SNP_CHAINS_MAX 4096 /* about 10 kB each */

struct snp_chains;

/* Trusts AMD's roots and these, which are copied. The caller frees it. */
struct snp_chains *snp_chains_new(const struct trusted_root *roots, size_t root_count,
                                  struct error *err);
void snp_chains_free(struct snp_chains *chains);

/* As snp_verify(), with certificates in any order; any number of threads at once. ERROR_INVALID
 * where they are no chain, else 0 with the verdict in result->checks. */
int snp_chains_verify(struct snp_chains *chains, const struct snp_certificates *certificates,
                      struct span report, int64_t time, const struct snp_appraisal *appraisal,
                      struct snp_result *result, struct error *err);

/* Whom to trust at this time; the roots are borrowed. */
void snp_chains_options(const struct snp_chains *chains, int64_t time,
                        struct snp_chain_options *out);

#endif
