/*
 * AMD's certificate chain of an attestation report: ARK → ASK (or ASVK) → VCEK (or VLEK), and what
 * the leaf says of the processor (AMD 57230, "VCEK Certificate and KDS Interface Specification").
 */
#ifndef CAISSON_EVIDENCE_SNP_CHAIN_H
#define CAISSON_EVIDENCE_SNP_CHAIN_H

#include "crypto/certificate.h"
#include "evidence/checks.h"

#define SNP_CHAIN_LENGTH 3
#define SNP_TCB_SIZE     8
#define SNP_HWID_MAX     64

/* What differs between the generations. */
struct snp_product {
    const char *name; /* as in ARK-…, SEV-… and the leaf's product extension */
    uint8_t struct_version;
    size_t hwid_size;
    const char
        *tcb_oids[SNP_TCB_SIZE]; /* the extension that holds each byte of a TCB; NULL: zero */
};

/* A root that is trusted beside AMD's, by the SHA-256 of its certificate. */
struct snp_root {
    uint8_t digest[SHA256_SIZE];
    bool simulated; /* a root of the simulated processor: named as such by the caller */
};

struct snp_chain_options {
    int64_t time; /* seconds since 1970: all must be valid then */
    const struct snp_root *roots;
    size_t root_count;
    struct span crl;      /* DER of the ARK's revocation list; empty: none at hand */
    bool require_crl;     /* refuse without one */
    bool allow_stale_crl; /* accept one past its nextUpdate */
};

struct snp_leaf {
    const struct snp_product *product; /* NULL: unknown */
    bool is_vlek;                      /* by its name */
    uint8_t tcb[SNP_TCB_SIZE];
    struct span hwid; /* borrowed from the certificate; empty for a VLEK */
};

struct snp_chain {
    struct certificate *certificates[SNP_CHAIN_LENGTH]; /* leaf, intermediate, root */
    struct snp_leaf leaf;
    bool simulated; /* the root is the caller's simulated one */
};

/* Reads the certificates (DER, leaf first) into `chain`, whose owner calls snp_chain_fini(), and
 * adds all checks of them. False when what follows can't be checked for want of a certificate. */
bool snp_chain_check(struct snp_chain *chain, const struct span *certificates, size_t count,
                     const struct snp_chain_options *options, struct checks *checks);
void snp_chain_fini(struct snp_chain *chain);

/* The generation of a processor by CPUID family and model as they stand in a report; NULL for an
 * unknown one. */
const struct snp_product *snp_product_of_cpuid(uint8_t family, uint8_t model);

/* The generation called so, up to a '-' ("Milan-B0" is "Milan"); NULL for an unknown one. */
const struct snp_product *snp_product_by_name(struct span name);

#endif
