/*
 * Certificates of processors that the operator keeps, for clients whose host gave them none: a
 * folder of files NAME.pem, each a chain (VCEK or VLEK, intermediate, root) as `caisson
 * fetch-certs` writes it. Nothing is believed of them: a report is verified by them as by those
 * that a client sends.
 */
#ifndef CAISSON_SERVICE_SNP_FILES_H
#define CAISSON_SERVICE_SNP_FILES_H

#include "evidence/snp_certificates.h"
#include "evidence/snp_report.h"

#define SNP_FILES_MAX 1024 /* files in the folder, about 6 kB each */

struct snp_files;

/* Reads the folder; NULL: there is none. The caller closes it; NULL with the file that is no such
 * chain. */
struct snp_files *snp_files_open(const char *folder, struct error *err);
void snp_files_close(struct snp_files *files);

/* Reads the folder anew, by one thread; what was there stays where that fails. */
int snp_files_refresh(struct snp_files *files, struct error *err);

/* Adds the chain of the key that signs this report: of its chip, and for its REPORTED_TCB. Any
 * number of threads at once. ERROR_NOT_FOUND, with both. */
int snp_files_find(struct snp_files *files, const struct snp_report *report,
                   struct snp_certificates *out, struct error *err);

#endif
