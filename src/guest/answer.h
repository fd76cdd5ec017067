/* The guest's answers and events, as JSON (docs/protocol.md). */
#ifndef CAISSON_GUEST_ANSWER_H
#define CAISSON_GUEST_ANSWER_H

#include "format/channel.h"

enum answer_code { ANSWER_INVALID, ANSWER_ORDER, ANSWER_DENIED, ANSWER_FAILED };

/* `result` is a JSON object's text. */
int answer_ok(struct channel *channel, uint64_t id, const char *result, struct error *err);

/* `point` is the enforcement point for ANSWER_DENIED, else NULL. */
int answer_refused(struct channel *channel, uint64_t id, enum answer_code code, const char *point,
                   const char *reason, struct error *err);

#endif
