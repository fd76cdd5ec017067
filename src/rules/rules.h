/*
 * Policies in the attestation policy language, versions 1.0, 1.1 and 1.2 (Microsoft Azure
 * Attestation, "Claim and claim rules", "Claim rule functions supported in policy version 1.2+").
 *
 *     version=1.2;
 *     configurationrules{ => issueproperty(type="report_validity_in_minutes", value=60); };
 *     authorizationrules{ c:[type=="x-ms-sgx-is-debuggable", value==false] => permit(); };
 *     issuancerules{ c:[type=="x-ms-sgx-svn"] => issue(type="svn", value=c.value); };
 *
 * What that documentation leaves open is decided here so:
 *   - A name stands for all the claims that its condition let through, and c.value for all their
 *     values. A function that wants one value takes several only where they are equal.
 *   - `==` holds where the claim's value is one of those on the right, `!=` where it is none of
 *     them: a value of another kind is another value. The four other comparisons hold between
 *     integers alone.
 *   - A rule that denies decides, wherever it stands; where none does, one must permit. What fails
 *     while rules are evaluated (a function that gets what it does not take, a claim that may only
 *     be read) denies as well, with the rule's line.
 *   - A single `=` in a condition, which published policies contain, is read as `==`; the linter
 *     says so.
 *
 * A policy comes from an administrator of a tenant, claims come from evidence: neither can make an
 * evaluation long, for it counts its steps.
 */
#ifndef CAISSON_RULES_RULES_H
#define CAISSON_RULES_RULES_H

#include "rules/claims.h"

#define RULES_SIZE_MAX       ((size_t)256 << 10) /* bytes of a policy */
#define RULES_MAX            1024                /* rules of a policy */
#define RULES_CONDITIONS_MAX 32                  /* conditions of a rule */
#define RULES_PARTS_MAX      16384               /* comparisons, and expressions, of a policy */
#define RULES_DEPTH_MAX      16                  /* nested calls */
#define RULES_STEPS          4000000             /* of an evaluation: well below a second */
#define RULES_VALUES_MAX     CLAIMS_MAX          /* values of an expression */

enum rules_section {
    RULES_CONFIGURATION,
    RULES_AUTHORIZATION,
    RULES_ISSUANCE,
    RULES_SECTION_COUNT,
};

enum rules_action {
    RULES_PERMIT,
    RULES_DENY,
    RULES_ADD,
    RULES_ISSUE,
    RULES_ISSUE_PROPERTY,
    RULES_ACTION_COUNT,
};

struct rules;

/* Reads a policy. NULL with ERROR_LIMIT, or ERROR_INVALID with line and column. */
struct rules *rules_new(struct span text, struct error *err);
void rules_free(struct rules *rules);
void rules_cleanup(struct rules **rules);
#define RULES_AUTO __attribute__((cleanup(rules_cleanup))) struct rules

/* The number behind "1." in the policy's version. */
unsigned rules_version(const struct rules *rules);

struct rules_info {
    enum rules_section section;
    enum rules_action action;
    size_t line;      /* 1 is the first */
    struct span text; /* as it stands in the policy; lives as long as the rules */
};

size_t rules_count(const struct rules *rules);
struct rules_info rules_info(const struct rules *rules, size_t index);

enum rules_verdict { RULES_DENIED, RULES_PERMITTED };

/* What became of a rule. */
enum rules_step {
    RULES_NOT_REACHED,
    RULES_NOT_HELD, /* a condition did not hold */
    RULES_HELD,
};

struct rules_result {
    enum rules_verdict verdict;
    char reason[512];     /* why: one line, with the rule's line and text */
    struct claims issued; /* for the token */
    struct claims properties;
    struct claims incoming;   /* all that was known in the end */
    uint8_t steps[RULES_MAX]; /* enum rules_step, by rule */
};

void rules_result_fini(struct rules_result *result);
#define RULES_RESULT_AUTO __attribute__((cleanup(rules_result_fini))) struct rules_result

/* Evaluates configurationrules, which say how evidence is to be verified: adds to `properties`. */
int rules_configure(const struct rules *rules, const struct claims *incoming,
                    struct claims *properties, struct error *err);

/* Evaluates the other sections into a zeroed result. Returns 0 for a verdict, and -1 with
 * ERROR_REFUSED or ERROR_LIMIT, the rule's line in the text, where the evaluation failed: the
 * verdict is then RULES_DENIED, the reason is set, and nothing is issued. */
int rules_evaluate(const struct rules *rules, const struct claims *incoming,
                   struct rules_result *out, struct error *err);

#endif
