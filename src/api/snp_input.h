/* What several verifications take of an SEV-SNP machine: roots, certificates, appraisal; from the
 * public structures to the library's own. */
#ifndef CAISSON_API_SNP_INPUT_H
#define CAISSON_API_SNP_INPUT_H

#include "api/result.h"
#include "evidence/snp_appraisal_file.h"
#include "evidence/snp_certificates.h"

#define ROOTS_MAX 64

int input_take_roots(const struct caisson_root *given, size_t count,
                     struct trusted_root roots[ROOTS_MAX], struct error *err);

/* Takes an appraisal, the text of an appraisal file, or neither: then it is the strictest. `out` is
 * zero before; its owner calls snp_appraisal_file_fini() in either case. */
int input_take_snp_appraisal(const struct caisson_snp_appraisal *given, struct caisson_bytes text,
                             struct snp_appraisal_file *out, struct error *err);

int input_check_certificates(const struct caisson_bytes *certificates, size_t count,
                             struct error *err);

/* Puts pieces of certificates in order; `chain` borrows from `all`, which is an empty one. */
int input_order_certificates(const struct caisson_bytes *certificates, size_t count,
                             struct snp_certificates *all, struct span chain[SNP_CHAIN_LENGTH],
                             struct error *err);

#endif
