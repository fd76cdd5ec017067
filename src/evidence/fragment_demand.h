/*
 * What a relying party wants of the fragments that a machine has loaded. The policy says whom it
 * takes fragments from, and HOST_DATA binds that; which of them are there is the host's choice, and
 * the guest's runtime data tells it.
 */
#ifndef CAISSON_EVIDENCE_FRAGMENT_DEMAND_H
#define CAISSON_EVIDENCE_FRAGMENT_DEMAND_H

#include "evidence/checks.h"
#include "evidence/runtime_data.h"

/* One fragment that must be loaded; what is NULL may be any. Texts are borrowed. */
struct fragment_demand {
    const char *feed;
    const char *issuer;
    const char *minimum_svn; /* "5", or "1.2.0"; only alike ones compare */
    const uint8_t *digest;   /* SHA-256 of the text that was signed */
};

struct fragment_demands {
    const struct fragment_demand *items;
    size_t count;
    bool no_others; /* nothing may be loaded that no item names */
};

/* Whether a text is an svn: a number, or three with dots between. */
bool fragment_svn_is_good(const char *svn);

/* Adds the check `fragments`: passed where all demands are met, skipped where there are none and
 * something was loaded. `data` is believed as far as its report is; one without a nonce could not
 * be read, and meets nothing. */
void fragment_demands_check(const struct fragment_demands *demands, const struct runtime_data *data,
                            struct checks *checks);

#endif
