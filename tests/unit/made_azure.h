/* What an Azure machine hands out, made by a test: runtime claims, HCL reports, quotes of a vTPM.
 */
#ifndef CAISSON_TESTS_MADE_AZURE_H
#define CAISSON_TESTS_MADE_AZURE_H

#include "evidence/hcl.h"
#include "evidence/tpm_quote.h"
#include "made.h"

/* Appends claims that name this RSA key as HCLAkPub. */
void made_claims(EVP_PKEY *key, struct buf *out);

/* Appends an HCL report of this kind around a report of the hardware (at most 1184 bytes). */
void made_hcl(enum hcl_kind kind, struct span hardware, struct span claims, struct buf *out);

/* A TDREPORT that is right in itself, with SHA-256(claims) in its REPORT_DATA. */
void made_tdreport(struct span claims, uint8_t out[HCL_TDREPORT_SIZE]);

/* Appends TPMS_ATTEST of the PCRs whose bits are set in `pcrs`, whose values are given one after
 * the other. */
void made_quote(struct span nonce, uint32_t pcrs, struct span values, struct buf *out);

#endif
