/* The enforcement points: since which API version each exists, and what older policies get. */
#ifndef CAISSON_POLICY_POINTS_H
#define CAISSON_POLICY_POINTS_H

#include "policy/policy.h"
#include "policy/version.h"

/* What this build enforces; a policy may be older. */
#define POLICY_API       VERSION_OF(0, 12, 0)
#define POLICY_FRAMEWORK VERSION_OF(0, 5, 0)

enum point_default { POINT_DENY, POINT_ALLOW, POINT_FRAMEWORK };

struct point_info {
    const char *name;
    struct version since;
    enum point_default when_older; /* the answer where the policy's API is older than the point */
    bool undecided;                /* known by name, and denied: nothing here decides it yet */
};

const struct point_info *point_info(enum policy_point point);

#endif
