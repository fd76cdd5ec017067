/* Decisions: their start, their end, and the words of a denial. Internal to this folder. */
#ifndef CAISSON_POLICY_REASON_H
#define CAISSON_POLICY_REASON_H

#include "policy/model.h"

/* Text from outside in quotes, shortened, without control characters. Borrowed until the eighth
 * call after this one. */
struct quotes {
    char text[8][88];
    unsigned int next;
};

const char *quote(struct quotes *quotes, const char *text);

/* The name of a variable, up to its "=": values stay out of reasons. */
const char *quote_name(struct quotes *quotes, const char *text);

/* Frees what the decision held and makes it a denial at this point. */
void decision_begin(struct policy_decision *decision, enum policy_point point);

/* Sets the reason, after the point's name. Returns false. */
bool deny(struct policy_decision *decision, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* An analyser that reads one file does not know that it always returns false. */
#ifdef __clang_analyzer__
#define deny(...) ((void)(deny)(__VA_ARGS__), false)
#endif

/* Returns true. */
bool allow(struct policy_decision *decision);

#endif
