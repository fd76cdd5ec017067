/* Capability names: the kernel's, as the reference lists them, and those a policy adds. */
#ifndef CAISSON_POLICY_CAPABILITIES_H
#define CAISSON_POLICY_CAPABILITIES_H

#include "policy/policy.h"

extern const char *const policy_default_capability_names[]; /* of an unprivileged container */
extern const size_t policy_default_capability_count;
extern const char *const policy_privileged_capability_names[]; /* all 41 */
extern const size_t policy_privileged_capability_count;

/* "bounding", "effective", … */
extern const char *const policy_capability_set_names[POLICY_CAPABILITY_SETS];

#endif
