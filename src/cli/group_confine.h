/*
 * What a pod's container is confined by, as the guest is asked for it. From the drafts that the
 * policy is written from, so that the two cannot differ; what its control group may take, for which
 * policies have no words, from the manifest.
 */
#ifndef CAISSON_CLI_GROUP_CONFINE_H
#define CAISSON_CLI_GROUP_CONFINE_H

#include "template/group.h"
#include "template/pod.h"

/* The keys of create_container that it decides (vm/machine.h), for the caller to json_decref().
 * NULL with ERROR_REFUSED for a privileged container, ERROR_LIMIT. */
json_t *group_confine(const struct pod_container *container,
                      const struct template_container *template,
                      const struct policy_draft_container *draft, struct error *err);

#endif
