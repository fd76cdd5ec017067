/* What confcom gives containers on ACI's virtual nodes of Kubernetes when they ask for it. What
 * they get unasked is POLICY_PLATFORM_VIRTUAL_NODE. */
#ifndef CAISSON_TEMPLATE_VIRTUAL_NODE_H
#define CAISSON_TEMPLATE_VIRTUAL_NODE_H

#include "policy/generate.h"

#define TEMPLATE_IDENTITY_LABEL    "azure.workload.identity/use"
#define TEMPLATE_POLICY_ANNOTATION "microsoft.containerinstance.virtualnode.ccepolicy"

/* Workload identity: rules that follow the container's own variables, and where its token is. */
#define TEMPLATE_IDENTITY_RULES 4
extern const struct policy_draft_rule template_identity_rules[TEMPLATE_IDENTITY_RULES];
extern const struct policy_mount template_identity_mount;

/* Mounts of privileged containers. */
#define TEMPLATE_PRIVILEGED_MOUNTS 2
extern const struct policy_mount template_privileged_mounts[TEMPLATE_PRIVILEGED_MOUNTS];

#endif
