/*
 * The checks of one verification, in the order in which they were made, each with what was expected
 * and what was found: the verdict is nothing but their sum, so whoever reads them knows why.
 *
 * A verdict's zero is "refused", and a list is accepted only when its maker has said that it is
 * complete: a verification that stops early, for whatever reason, has refused.
 */
#ifndef CAISSON_EVIDENCE_CHECKS_H
#define CAISSON_EVIDENCE_CHECKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/span.h"

enum verdict { VERDICT_REFUSED = 0, VERDICT_ACCEPTED = 1 };

enum check_result {
    CHECK_FAILED = 0,
    CHECK_PASSED = 1,
    CHECK_SKIPPED = 2, /* does not apply to this evidence; `found` says why */
};

#define CHECKS_MAX      80
#define CHECK_TEXT_SIZE 256

/* What is the same for a check in every evidence. */
struct check_rule {
    const char *name;    /* "host_data" */
    const char *section; /* the source that demands it */
    const char *remedy;  /* what to do when it fails */
};

struct check {
    const struct check_rule *rule;
    enum check_result result;
    char expected[CHECK_TEXT_SIZE];
    char found[CHECK_TEXT_SIZE];
};

struct checks {
    struct check items[CHECKS_MAX];
    size_t count;
    bool complete;
    bool overflow; /* there were more than CHECKS_MAX: refused */
};

void checks_init(struct checks *checks);

/* Makes them those of another list. */
void checks_copy(struct checks *checks, const struct checks *from);

/* Adds a check; texts that are too long are cut. Returns whether it did not fail. */
bool checks_add(struct checks *checks, const struct check_rule *rule, enum check_result result,
                const char *expected, const char *found);

/* As checks_add with CHECK_PASSED or CHECK_FAILED. */
bool checks_judge(struct checks *checks, const struct check_rule *rule, bool passed,
                  const char *expected, const char *found);

/* As checks_judge for what a function answered: 0 passes with this text, else the error's is found.
 */
bool checks_add_outcome(struct checks *checks, const struct check_rule *rule, int outcome,
                        const char *expected, const char *found, const struct error *err);

/* As checks_judge for two values that must be equal, in hexadecimal. */
bool checks_compare(struct checks *checks, const struct check_rule *rule, struct span expected,
                    struct span found);

/* All checks that this kind of evidence calls for have been added. */
void checks_complete(struct checks *checks);

/* VERDICT_ACCEPTED when complete, not empty, and none failed. */
enum verdict checks_verdict(const struct checks *checks);

/* The first that failed, or NULL. */
const struct check *checks_first_failure(const struct checks *checks);

/* The check of this name, or NULL. */
const struct check *checks_find(const struct checks *checks, const char *name);

#endif
