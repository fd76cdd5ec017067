/*
 * An SEV-SNP report that lies in a file, with what lies in files around it: read, verified,
 * printed. For `verify snp`, and for `verify` where a report is what it is given.
 */
#ifndef CAISSON_CLI_SNP_EVIDENCE_H
#define CAISSON_CLI_SNP_EVIDENCE_H

#include "cli/args.h"
#include "evidence/snp_appraisal_file.h"
#include "evidence/snp_certificates.h"
#include "evidence/snp_verify.h"

#define SNP_EVIDENCE_ROOTS    2
#define SNP_EVIDENCE_FILE_MAX (64 * 1024) /* bytes of a report's file */

struct snp_evidence_files {
    struct buf report;
    struct snp_certificates certificates;
    struct buf crl;
    struct trusted_root roots[SNP_EVIDENCE_ROOTS];
    struct snp_appraisal_file appraisal;
    struct snp_chain_options options;
};

void snp_evidence_init(struct snp_evidence_files *files);
void snp_evidence_fini(struct snp_evidence_files *files);
#define SNP_EVIDENCE_AUTO __attribute__((cleanup(snp_evidence_fini))) struct snp_evidence_files

/* Takes the certificates of a file in any form. */
int snp_evidence_add_certificates(struct snp_evidence_files *files, const char *path,
                                  struct error *err);

/* Trusts the root in this file, and takes it into the chain. */
int snp_evidence_add_root(struct snp_evidence_files *files, const char *path, struct error *err);

/* Trusts the root of the simulated processor in this folder. */
int snp_evidence_add_simulated(struct snp_evidence_files *files, const char *dir,
                               struct error *err);

int snp_evidence_set_crl(struct snp_evidence_files *files, const char *path, struct error *err);
int snp_evidence_set_appraisal(struct snp_evidence_files *files, const char *path,
                               struct error *err);

/* Takes what the options say of trust and time: root, trust-simulated, crl, require-crl,
 * allow-stale-crl, at. The command's table must have all of them. */
int snp_evidence_read_roots(struct snp_evidence_files *files, const struct args *args,
                            struct error *err);

/* The same, and `appraise`. */
int snp_evidence_read_trust(struct snp_evidence_files *files, const struct args *args,
                            struct error *err);

/* Verifies and prints; the exit status, or -1. */
int snp_evidence_judge(struct snp_evidence_files *files, const struct args *args,
                       struct error *err);

#endif
