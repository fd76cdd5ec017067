/*
 * Where AMD's key distribution service has the certificates of a report (AMD 57230, sections 4.1
 * and 4.2), as paths below its base URL.
 */
#ifndef CAISSON_EVIDENCE_SNP_KDS_H
#define CAISSON_EVIDENCE_SNP_KDS_H

#include "base/buf.h"
#include "evidence/snp_product.h"
#include "evidence/snp_report.h"

#define SNP_KDS_URL      "https://kdsintf.amd.com"
#define SNP_KDS_PATH_MAX 512

/* The product whose certificates a report needs: by its CPUID; a version 2 report has none, and
 * only a Turin shows by its chip id. NULL where the report does not say; ERROR_NOT_FOUND is then
 * set, ERROR_INVALID for a processor without a root here. */
const struct snp_product *snp_kds_product(const struct snp_report *report, struct error *err);

/* Appends the path of the VCEK for the report's chip and REPORTED_TCB (not CURRENT_TCB: that would
 * be another key). ERROR_INVALID when a VLEK signed, or when the chip's id is masked: the host has
 * the certificate then. */
int snp_kds_leaf(const struct snp_report *report, const struct snp_product *product,
                 struct buf *path, struct error *err);

/* The path of intermediate and root. */
int snp_kds_chain(const struct snp_product *product, bool is_vlek, struct buf *path,
                  struct error *err);

/* The path of the root's revocation list. */
int snp_kds_crl(const struct snp_product *product, bool is_vlek, struct buf *path,
                struct error *err);

#endif
