/*
 * Calls of enforcement points as a JSON list, played on one state: what `caisson policy eval` reads
 * and what the reference's vectors are written in (docs/policy.md has the members). The list is
 * read strictly; a member that is absent or null is "", false, 0 or an empty list.
 *
 * A zero byte in a text is read as the byte 1, and written back as it was: no guest is ever asked
 * with one (src/guest/request.c refuses it), so that only the reference's answer matters here.
 */
#ifndef CAISSON_POLICY_CALLS_H
#define CAISSON_POLICY_CALLS_H

#include "base/buf.h"
#include "policy/policy.h"

#define POLICY_CALLS_SIZE_MAX ((size_t)64 << 20) /* bytes of text */

struct policy_calls;

/* ERROR_INVALID or ERROR_LIMIT, with what is wrong with the text as a whole. The caller frees *out
 * with policy_calls_free(). */
int policy_calls_parse(struct span text, struct policy_calls **out, struct error *err);
void policy_calls_free(struct policy_calls *calls);
void policy_calls_cleanup(struct policy_calls **calls);
#define POLICY_CALLS_AUTO __attribute__((cleanup(policy_calls_cleanup))) struct policy_calls *

size_t policy_calls_count(const struct policy_calls *calls);

/* Makes one call. -1 with ERROR_INVALID naming call and member where it is malformed; otherwise the
 * decision is filled, and lives until the next call of the list is played. */
int policy_calls_play(struct policy_calls *calls, size_t index, struct policy_state *state,
                      struct policy_decision *decision, struct error *err);

/* Appends the answer as one line of JSON: i, op, note, allowed, and env_kept, caps_kept, stdio
 * where a process was allowed, errors where the call was denied. Lists are sorted bytewise. */
int policy_calls_answer(const struct policy_calls *calls, size_t index,
                        const struct policy_decision *decision, struct buf *out, struct error *err);

#endif
