/*
 * A JSON document with one thing changed: for tests of readers that take every member in one form
 * alone.
 */
#ifndef CAISSON_TESTS_MUTATE_H
#define CAISSON_TESTS_MUTATE_H

#include "../check.h"

#include "base/buf.h"
#include "format/json.h"

/* Parses a document and lets go of it. */
typedef int mutate_parse(struct span text, struct error *err);

/*
 * Expects a refusal of the document, which is taken as it is, for each of these changes: a member
 * left out or of another type, a member that is not known, an element of an array of another type.
 * `optional` names the members that may be absent, `unread` those that may be absent or anything;
 * an absent or wrong member must be named. Returns how many changes were tried.
 */
size_t mutate_every_member(const char *text, mutate_parse *parse, const char *const optional[],
                           const char *const unread[]);

/* Expects a refusal of each text that ends early. */
void mutate_every_length(const char *text, mutate_parse *parse);

/* Appends `text` with the first `from`, which is there, replaced. */
void mutate_replace(const char *text, const char *from, const char *to, struct buf *out);

/* Changes to refuse, and words of the refusal. */
struct mutate_refused {
    const char *from;
    const char *to;
    const char *words;
};
void mutate_each(const char *text, mutate_parse *parse, const struct mutate_refused *refused,
                 size_t count);

/* Appends what lies between `start` and the last `end`, both of which are there. */
void mutate_between(struct span text, const char *start, const char *end, struct buf *out);

#endif
