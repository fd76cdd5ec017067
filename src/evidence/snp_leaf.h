/*
 * What a VCEK or VLEK certificate says of the processor whose key it certifies (AMD 57230, section
 * 3.1): its generation, its security versions, its chip.
 */
#ifndef CAISSON_EVIDENCE_SNP_LEAF_H
#define CAISSON_EVIDENCE_SNP_LEAF_H

#include "crypto/certificate.h"
#include "evidence/checks.h"
#include "evidence/snp_product.h"

struct snp_leaf {
    const struct snp_product *product; /* NULL: unknown */
    bool is_vlek;                      /* by its name */
    uint8_t tcb[SNP_TCB_SIZE];
    struct span hwid; /* borrowed from the certificate; empty for a VLEK */
};

/* Reads the certificate's name and extensions into `leaf`, which borrows from it. Adds one check;
 * where it fails, the product stays NULL. */
void snp_leaf_check(const struct certificate *certificate, struct snp_leaf *leaf,
                    struct checks *checks);

#endif
