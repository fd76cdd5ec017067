/*
 * Calls of a hostile host on one policy: each byte pair chooses a call and its values from small
 * sets, so that sequences get deep. For the fuzz target, and for who compares the gate of two
 * builds.
 */
#ifndef CAISSON_TESTS_POLICY_SEQUENCE_H
#define CAISSON_TESTS_POLICY_SEQUENCE_H

#include "base/buf.h"
#include "policy/policy.h"

extern const char policy_sequence_text[]; /* the policy */

/* Makes the call that the two bytes choose. */
bool policy_sequence_ask(struct policy_state *state, unsigned int a, unsigned int b,
                         struct policy_decision *decision);

/* Plays all pairs on a state of this policy, and appends a line for each: what was decided, what a
 * process keeps, and why not. */
int policy_sequence_play(struct span policy, struct span pairs, struct buf *out, struct error *err);

#endif
