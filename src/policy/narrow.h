/*
 * Narrowing: which of the policy's containers a process may be. Several rows may agree with the
 * same layers; each step leaves out those that disagree, and none left is a denial. Internal to
 * this folder.
 */
#ifndef CAISSON_POLICY_NARROW_H
#define CAISSON_POLICY_NARROW_H

#include "policy/match.h"
#include "policy/reason.h"

struct asker {
    struct policy_state *state;
    const struct policy_process *process;
    struct policy_decision *decision;
    /* state->candidates: those still possible. */
    size_t count;
    bool privileged;
    struct quotes quotes;
};

/* The checks of one kind of process; each returns false with the decision denied. */
bool narrow_to_create(struct asker *asker);
bool narrow_to_exec(struct asker *asker);
bool narrow_to_external(struct asker *asker);

/* What the variables leave over; fills decision->env_kept. */
bool narrow_by_env(struct asker *asker);

/* What the capabilities leave over; fills decision->caps_kept. */
bool narrow_by_capabilities(struct asker *asker);

/* All that are left must agree on it; fills decision->stdio. */
bool narrow_by_stdio(struct asker *asker);

/* Bounds and forms that hold whatever the policy says. */
bool check_process(struct asker *asker);

/* `container "web"` or `container #3`, for reasons. */
const char *container_label(struct asker *asker, const struct policy_container *container);

/* Keeps everything that was asked for, doubles aside: where no rule restricts it. */
bool keep_all(struct asker *asker);

#endif
