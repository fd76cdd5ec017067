/*
 * AMD's certificate chain of an attestation report: ARK → ASK (or ASVK) → VCEK (or VLEK), and what
 * the leaf says of the processor (AMD 57230, "VCEK Certificate and KDS Interface Specification").
 */
#ifndef CAISSON_EVIDENCE_SNP_CHAIN_H
#define CAISSON_EVIDENCE_SNP_CHAIN_H

#include "evidence/snp_leaf.h"
#include "evidence/trusted_root.h"

#define SNP_CHAIN_LENGTH 3

struct snp_evidence {
    struct span report;
    const struct span *certificates; /* DER: leaf, intermediate, root */
    size_t certificate_count;
};

struct snp_chain_options {
    int64_t time; /* seconds since 1970: all must be valid then */
    const struct trusted_root *roots;
    size_t root_count;
    struct span crl;      /* DER of the ARK's revocation list; empty: none at hand */
    bool require_crl;     /* refuse without one */
    bool allow_stale_crl; /* accept one past its nextUpdate */
};

struct snp_chain {
    struct certificate *certificates[SNP_CHAIN_LENGTH]; /* leaf, intermediate, root */
    struct crl *crl;                                    /* the root's list, NULL: none at hand */
    struct snp_leaf leaf;
    bool simulated; /* the root is the caller's simulated one */
};

/* Reads the certificates (DER, leaf first) into `chain`, whose owner calls snp_chain_fini(), and
 * adds all checks of them. False when what follows can't be checked for want of a certificate. */
bool snp_chain_check(struct snp_chain *chain, const struct span *certificates, size_t count,
                     const struct snp_chain_options *options, struct checks *checks);
void snp_chain_fini(struct snp_chain *chain);

/* The same once more for a chain that passed, at another time: `made` are the checks that were
 * made, and only those that depend on the time are made again. What the options say besides the
 * time must be what it was. */
void snp_chain_recheck(const struct snp_chain *chain, const struct check *made, size_t count,
                       const struct snp_chain_options *options, struct checks *checks);

#endif
