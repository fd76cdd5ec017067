/*
 * The resource limits (setrlimit(2)) of a container's processes. Policies have no words for them,
 * so a host chooses, and only what cannot make a program fail where it would not have failed under
 * any login: see docs/threat-model.md.
 */
#ifndef CAISSON_GUEST_RLIMITS_H
#define CAISSON_GUEST_RLIMITS_H

#include <sys/resource.h>

#include "format/value.h"

struct rlimits {
    struct rlimit values[RLIMIT_NLIMITS];
    uint32_t given; /* bit N: values[N] is to be set */
};

/* The container's own, where a host says nothing: 1,048,576 open files. */
void rlimits_init(struct rlimits *limits);

/* Reads {"nofile": [soft, hard], …} over what is there; -1 stands for no limit. ERROR_INVALID for a
 * name that is not among core, memlock, nofile, nproc and stack, ERROR_REFUSED for a value out of
 * its bounds and a soft limit above the hard one. */
int rlimits_parse(const struct value *object, struct rlimits *limits, struct error *err);

/* Gives them to this process, which may raise them. */
int rlimits_set(const struct rlimits *limits, struct error *err);

#endif
