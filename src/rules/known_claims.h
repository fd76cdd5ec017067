/*
 * The claims that the service makes of verified evidence, by their names and kinds: Microsoft Azure
 * Attestation, "Claim sets", and its policy pages. For the linter, and for whoever lists them.
 */
#ifndef CAISSON_RULES_KNOWN_CLAIMS_H
#define CAISSON_RULES_KNOWN_CLAIMS_H

#include "rules/claims.h"

enum known_claims_of {
    KNOWN_SGX = 1U << 0,
    KNOWN_SNP = 1U << 1,
    KNOWN_TDX = 1U << 2,
    KNOWN_TPM = 1U << 3,
    KNOWN_ALL = (1U << 4) - 1,
};

struct known_claim {
    const char *type;
    enum claim_kind kind;
    unsigned of; /* enum known_claims_of */
};

extern const struct known_claim known_claims[];
extern const size_t known_claim_count;

/* The claim of this type that evidence of any of these kinds has, or NULL. */
const struct known_claim *known_claim_find(const char *type, unsigned of);

#endif
