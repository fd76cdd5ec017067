/*
 * An appraisal file: what a relying party wants of an SEV-SNP machine, in JSON. docs/verify.md has
 * every key. Reading is strict: a key that is unknown or there twice, another type, a number out of
 * its range, hexadecimal of another length and an empty list are refused.
 */
#ifndef CAISSON_EVIDENCE_SNP_APPRAISAL_FILE_H
#define CAISSON_EVIDENCE_SNP_APPRAISAL_FILE_H

#include "evidence/snp_appraisal.h"

#define SNP_APPRAISAL_FILE_MAX (1024 * 1024) /* bytes of text */
#define SNP_APPRAISAL_SET_MAX  4096          /* values of one list */

enum snp_appraisal_value {
    SNP_VALUE_REPORT_DATA,
    SNP_VALUE_HOST_DATA,
    SNP_VALUE_FAMILY_ID,
    SNP_VALUE_IMAGE_ID,
    SNP_VALUE_ID_KEY_DIGEST,
    SNP_VALUE_AUTHOR_KEY_DIGEST,
    SNP_VALUE_REPORT_ID,
    SNP_VALUE_REPORT_ID_MA,
    SNP_VALUE_COUNT,
};

/* The appraisal points into the rest, so the struct stays where it was read. */
struct snp_appraisal_file {
    struct snp_appraisal appraisal;
    uint8_t values[SNP_VALUE_COUNT][64];
    uint8_t (*measurements)[SNP_MEASUREMENT_SIZE];
    uint8_t (*chip_ids)[SNP_CHIP_ID_SIZE];
};

/* Reads the file's text into `file`, whatever that held; its owner calls snp_appraisal_file_fini(),
 * also after a failure. ERROR_INVALID or ERROR_LIMIT with the key. */
int snp_appraisal_file_parse(struct span text, struct snp_appraisal_file *file, struct error *err);
void snp_appraisal_file_fini(struct snp_appraisal_file *file);
#define SNP_APPRAISAL_FILE_AUTO                                                                    \
    __attribute__((cleanup(snp_appraisal_file_fini))) struct snp_appraisal_file

#endif
