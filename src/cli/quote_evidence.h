/*
 * A DCAP quote that lies in a file, with the collateral that lies in another: read, verified,
 * printed. For `verify sgx` and `verify tdx`, and for who else is given a quote.
 */
#ifndef CAISSON_CLI_QUOTE_EVIDENCE_H
#define CAISSON_CLI_QUOTE_EVIDENCE_H

#include "cli/args.h"
#include "evidence/dcap_verify.h"

#define QUOTE_EVIDENCE_ROOTS 2
#define QUOTE_FILE_MAX       ((size_t)2 * DCAP_QUOTE_SIZE_MAX)

struct quote_evidence_files {
    struct buf quote;
    struct dcap_parts parts;
    struct trusted_root roots[QUOTE_EVIDENCE_ROOTS];
    struct dcap_appraisal appraisal;
    struct dcap_options options;
};

void quote_evidence_init(struct quote_evidence_files *files);
void quote_evidence_fini(struct quote_evidence_files *files);
#define QUOTE_EVIDENCE_AUTO                                                                        \
    __attribute__((cleanup(quote_evidence_fini))) struct quote_evidence_files

int quote_evidence_set_collateral(struct quote_evidence_files *files, const char *path,
                                  struct error *err);
int quote_evidence_set_appraisal(struct quote_evidence_files *files, const char *path,
                                 struct error *err);

/* Trusts the root of the simulated platform in this folder (root.pem). */
int quote_evidence_add_simulated(struct quote_evidence_files *files, const char *dir,
                                 struct error *err);

/* Takes what the options say of trust and time: root, trust-simulated, at, appraise. The command's
 * table must have all of them. */
int quote_evidence_read_trust(struct quote_evidence_files *files, const struct args *args,
                              struct error *err);

/* Prints a verdict over evidence of this kind ("SGX quote"); the exit status, or -1. */
int quote_evidence_print(const struct dcap_result *result, enum verdict verdict, const char *kind,
                         const struct args *args, struct error *err);

/* Verifies and prints; the exit status, or -1. */
int quote_evidence_judge(const struct quote_evidence_files *files, const struct args *args,
                         struct error *err);

#endif
