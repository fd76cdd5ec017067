/*
 * The regular expressions of policies: RE2's syntax, matched by PCRE2 within limits.
 *
 * A pattern is read by RE2's rules and written anew for PCRE2 (regex_syntax.c), so that nothing
 * which RE2 refuses (look-around, back-references, PCRE2's verbs and escapes) ever reaches PCRE2,
 * and what both read, both read alike. Where the two cannot be made to agree, the pattern is
 * treated as invalid. An invalid pattern matches nothing: that is the reference's answer too.
 *
 * A pattern always matches a whole subject: it is wrapped as \A(?:pattern)\z. The reference adds ^
 * and $ without the group, so that its `a|b` accepts "bad" and "ab"; what is accepted here is
 * always accepted there (docs/policy.md).
 *
 * Most patterns of policies are a variable's name and "=.+", and most variables are allowed by a
 * plain text: what the first bytes tell apart, and such an end, is decided without PCRE2, which
 * reads a pattern only when a subject needs it. So a regex is one thread's, as its scratch is.
 *
 * PCRE2 backtracks: each match has limits, and regex_scratch counts how often one of them was hit.
 * After REGEX_STRIKES hits in one decision nothing matches any more, so that no pattern stalls the
 * guest.
 */
#ifndef CAISSON_POLICY_REGEX_H
#define CAISSON_POLICY_REGEX_H

#include "base/buf.h"

#define REGEX_PATTERN_MAX 4096 /* bytes of a pattern */
#define REGEX_SUBJECT_MAX                                                                          \
    ((size_t)128 << 10) /* bytes of a subject: Linux's limit of an argument                        \
                         */
#define REGEX_STRIKES 8

struct regex;

/* Reads RE2 syntax from `pattern` and appends PCRE2 syntax of the same meaning. False when RE2
 * would refuse it, or when it is of the kinds that are not carried over; *why then names the
 * construct. */
bool regex_translate(const char *pattern, struct buf *out, const char **why);

/* Never NULL on success; an invalid pattern gives a regex that never matches and says why. NULL
 * when memory ran out. */
struct regex *regex_new(const char *pattern);
void regex_free(struct regex *regex);

/* NULL for a valid pattern, else what is wrong with it. */
const char *regex_problem(const struct regex *regex);

/* True for a pattern that is decided without PCRE2: plain text, and .+ behind it. */
bool regex_is_plain(const struct regex *regex);

struct regex_scratch; /* what a match writes to: one a thread */

struct regex_scratch *regex_scratch_new(void);
void regex_scratch_free(struct regex_scratch *scratch);

/* Forgets the strikes: at the start of each decision. */
void regex_scratch_reset(struct regex_scratch *scratch);

/* Whether the whole subject matches. A subject that is not UTF-8 matches nothing. */
bool regex_match(const struct regex *regex, struct span subject, struct regex_scratch *scratch);

#endif
