/* The containers' control groups (cgroup v2): all beneath one, each with a filter for devices. */
#ifndef CAISSON_GUEST_CONTROL_GROUP_H
#define CAISSON_GUEST_CONTROL_GROUP_H

#include <stdbool.h>

#include "base/error.h"

/* Makes the group that holds the containers'. No controller is on: none has a limit of its own. */
int control_group_prepare(struct error *err);

/* Makes a container's group. Returns its folder's descriptor or -1. */
int control_group_make(const char *id, bool privileged, struct error *err);

/* Removes it once its processes have ended; one that is not empty yet stays. */
void control_group_remove(const char *id);

/* Kills what is left in it: among shared processes it does not end with the first. */
void control_group_kill(const char *id);

#endif
