/* What a container's security context makes of its draft. Internal to the pod_*.c files. */
#ifndef CAISSON_TEMPLATE_POD_CONFINE_H
#define CAISSON_TEMPLATE_POD_CONFINE_H

#include "template/pod_policy.h"

/* Fills in who the process is and what confines it: of the draft, and beside it the profile. */
int pod_confine(const struct template_pod_options *options, const struct pod_security *security,
                struct template_groups *groups, struct template_container *out, struct error *err);

#endif
