/*
 * What a policy's author probably did not mean: a pure look at the policy, without claims. The
 * page, the command line and the service show it; none of it changes what a policy decides.
 */
#ifndef CAISSON_RULES_RULES_LINT_H
#define CAISSON_RULES_RULES_LINT_H

#include "rules/known_claims.h"
#include "rules/rules.h"

#define RULES_WARNINGS_MAX 256 /* further ones are left out */

enum rules_warning_kind {
    WARNING_NOTHING_PERMITS, /* no rule permits, or one denies always */
    WARNING_PERMITS_ALL,     /* a rule permits without a condition */
    WARNING_UNREACHABLE,     /* a rule that decides nothing, or that can never hold */
    WARNING_REPEATED,        /* a rule that is there already */
    WARNING_UNKNOWN_TYPE,    /* a claim that neither the service nor an earlier rule makes */
    WARNING_OTHER_KIND,      /* a value that the claim never has */
    WARNING_UNUSED_NAME,     /* a condition's name that nothing refers to */
    WARNING_ASSIGNMENT,      /* "=" in a condition */
};

struct rules_warning {
    enum rules_warning_kind kind;
    size_t line; /* 0: of the policy as a whole */
    char text[256];
};

struct rules_warnings {
    struct rules_warning *at;
    size_t count;
};

void rules_warnings_fini(struct rules_warnings *warnings);
#define RULES_WARNINGS_AUTO __attribute__((cleanup(rules_warnings_fini))) struct rules_warnings

/* Looks at a policy for evidence of these kinds (a set of enum known_claims_of). Fills zeroed
 * warnings, in the order of their lines. ERROR_MEMORY. */
int rules_lint(const struct rules *rules, unsigned kinds, struct rules_warnings *out,
               struct error *err);

#endif
