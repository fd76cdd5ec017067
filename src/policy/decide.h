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

/* The same of a point about a path, which must not be too long. */
enum answer decision_start_path(struct policy_state *state, enum policy_point point,
                                const char *path, struct policy_decision *decision);

/* Notes a device that is mounted; `root_hash` is NULL for a writable one. */
bool decide_add_device(struct policy_state *state, const char *target, const char *root_hash,
                       struct policy_decision *decision);

/* unmount_device and rw_unmount_device. */
bool decide_unmount_device(struct policy_state *state, enum policy_point point, const char *target,
                           struct policy_decision *decision);

/* Its place among state->scratches; their count where it has none. */
size_t decide_find_scratch(const struct policy_state *state, const char *target);

#endif
