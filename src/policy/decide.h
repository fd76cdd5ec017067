/* The start of every decision. Internal to this folder. */
#ifndef CAISSON_POLICY_DECIDE_H
#define CAISSON_POLICY_DECIDE_H

#include "policy/reason.h"
#include "policy/state.h"

enum answer {
    ANSWER_DENY,   /* the decision says why */
    ANSWER_ALLOW,  /* without a rule: the policy's API is older than the point, or allows all */
    ANSWER_DECIDE, /* by the framework's rule */
};

/* Clears the decision and tells how the point is decided. */
enum answer decision_start(struct policy_state *state, enum policy_point point,
                           struct policy_decision *decision);

#endif
