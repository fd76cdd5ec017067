/*
 * The generations of AMD's processors that make SEV-SNP reports, and what differs between them: the
 * order of a TCB_VERSION's bytes (AMD 56860, section 2.2), the size of HWID and structVersion of a
 * leaf certificate (AMD 57230, section 3.1), and the root that AMD's KDS serves.
 */
#ifndef CAISSON_EVIDENCE_SNP_PRODUCT_H
#define CAISSON_EVIDENCE_SNP_PRODUCT_H

#include "base/span.h"

#define SNP_TCB_SIZE    8
#define SNP_HWID_MAX    64
#define SNP_TCB_NOWHERE (-1)

/* The parts of a TCB_VERSION, each a security version (SPL) of its own. */
enum snp_tcb_part {
    SNP_TCB_FMC, /* Turin only */
    SNP_TCB_BOOTLOADER,
    SNP_TCB_TEE,
    SNP_TCB_SNP,
    SNP_TCB_MICROCODE,
    SNP_TCB_PART_COUNT,
};

struct snp_product {
    const char *name; /* as in ARK-…, SEV-… and the leaf's product extension */
    const char *root; /* SHA-256 of the ARK in hex */
    uint8_t struct_version;
    uint8_t hwid_size;              /* bytes of CHIP_ID that stand in the leaf */
    int tcb_at[SNP_TCB_PART_COUNT]; /* where in a TCB_VERSION, or SNP_TCB_NOWHERE */
};

/* "fmc", "bootloader", "tee", "snp", "microcode". */
const char *snp_tcb_part_name(enum snp_tcb_part part);

/* The generation of a processor by CPUID family and model as they stand in a report; NULL where no
 * root is pinned for it. */
const struct snp_product *snp_product_of_cpuid(uint8_t family, uint8_t model);

/* Its name: also of one that has no root here ("Venice"); NULL for an unknown one. */
const char *snp_product_name_of_cpuid(uint8_t family, uint8_t model);

/* The generation called so, up to a '-' ("Milan-B0" is "Milan"); NULL for an unknown one, and for
 * one without a root. */
const struct snp_product *snp_product_by_name(struct span name);

/* Whether it is known by name only, without a root ("Venice"). */
bool snp_product_lacks_root(struct span name);

/* Whether this SHA-256, in lower-case hex, is of the root of a generation. */
bool snp_product_has_root(const char *digest);

#endif
