/* Calls of enforcement points as JSON, played on a state: the vectors' format. */
#ifndef CAISSON_TESTS_POLICY_CALLS_H
#define CAISSON_TESTS_POLICY_CALLS_H

#include "format/json.h"
#include "policy/policy.h"

/* The whole file; aborts the test where it can't be read. The caller frees it. */
char *read_whole(const char *path, size_t *size);

/* Makes the call. Returns the decision's `allowed`. */
bool play_call(struct policy_state *state, const json_t *call, struct policy_decision *decision);

#endif
