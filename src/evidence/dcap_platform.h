/*
 * A platform by its PCK certificate: the chain that leads from it to a root, whether it holds under
 * the collateral, and what the certificate says. A quote has the chain within itself, or the
 * collateral has it for all of a platform's quotes: then it is read and checked but once.
 */
#ifndef CAISSON_EVIDENCE_DCAP_PLATFORM_H
#define CAISSON_EVIDENCE_DCAP_PLATFORM_H

#include "evidence/checks.h"
#include "evidence/dcap_chain.h"
#include "evidence/pck.h"

struct dcap_collateral;

enum dcap_platform_check {
    PLATFORM_CHAIN,
    PLATFORM_VALIDITY,
    PLATFORM_REVOCATION,
    PLATFORM_EXTENSION,
    PLATFORM_CHECK_COUNT
};

struct dcap_platform {
    struct dcap_chain chain; /* PCK certificate, PCK CA, root */
    struct pck pck;          /* zero where it could not be read */
    int outcomes[PLATFORM_CHECK_COUNT];
    struct error errors[PLATFORM_CHECK_COUNT];
};

/* Reads the chain in PEM; what the collateral knows of it is borrowed. The owner calls
 * dcap_platform_fini() in either case. */
int dcap_platform_read(struct span pem, const struct dcap_collateral *collateral,
                       struct dcap_platform *platform, struct error *err);
void dcap_platform_fini(struct dcap_platform *platform);

/* Checks it once, by collateral and at its time; what came out is kept. */
void dcap_platform_check(struct dcap_platform *platform, const struct dcap_collateral *collateral);

/* Adds what came out. Returns whether `pck` could be read. */
bool dcap_platform_add_checks(const struct dcap_platform *platform, struct checks *checks);

static inline struct certificate *dcap_platform_leaf(const struct dcap_platform *platform)
{
    return platform->chain.items[0];
}

#endif
