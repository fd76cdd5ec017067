/* Capability names: the kernel's, as the reference lists them, and those a policy adds. */
#ifndef CAISSON_POLICY_CAPABILITIES_H
#define CAISSON_POLICY_CAPABILITIES_H

#include "policy/policy.h"

extern const char *const policy_default_capability_names[]; /* of an unprivileged container */
extern const size_t policy_default_capability_count;
/* All 41, in the kernel's order (linux/capability.h): an index is a capability's number. */
extern const char *const policy_privileged_capability_names[];
extern const size_t policy_privileged_capability_count;

/* "CAP_CHOWN" is 0. -1 for what the kernel has no such name for. */
int policy_capability_number(const char *name);

/* "bounding", "effective", … */
extern const char *const policy_capability_set_names[POLICY_CAPABILITY_SETS];

#endif
