/*
 * The resource limits (setrlimit(2)) of a container's processes: those that the policy names, each
 * "NAME=SOFT:HARD", -1 for no limit.
 */
#ifndef CAISSON_GUEST_RLIMITS_H
#define CAISSON_GUEST_RLIMITS_H

#include <sys/resource.h>

#include "policy/policy.h"

struct rlimits {
    struct rlimit values[RLIMIT_NLIMITS];
    uint32_t given; /* bit N: values[N] is to be set */
};

/* Where the words do not name it, `nofile` is 1,048,576. ERROR_INVALID for what is malformed, no
 * limit of the kernel's, or there twice. */
int rlimits_parse(struct policy_list words, struct rlimits *out, struct error *err);

/* Gives them to this process, which may raise them. */
int rlimits_set(const struct rlimits *limits, struct error *err);

#endif
