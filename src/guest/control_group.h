/*
 * The containers' control groups (cgroup v2): all beneath one, each with a filter for devices.
 * "/sys/fs/cgroup/caisson/<id>".
 */
#ifndef CAISSON_GUEST_CONTROL_GROUP_H
#define CAISSON_GUEST_CONTROL_GROUP_H

#include <stdbool.h>

#include "base/buf.h"
#include "guest/spec.h"

/* Makes the group that holds the containers', and turns its controllers on. */
int control_group_prepare(struct error *err);

/* Makes a container's group. Returns its folder's descriptor or -1. */
int control_group_make(const char *id, bool privileged, const struct spec_limits *limits,
                       struct error *err);

/* The folder's descriptor of a group that is there, or -1. */
int control_group_open(const char *id, struct error *err);

/* Stops, or lets go on, every process of every container. */
int control_group_freeze(bool frozen, struct error *err);

/* Appends what a container has used so far, as members of a JSON object: the group's files, by
 * their names. */
int control_group_statistics(const char *id, struct buf *out, struct error *err);

/* Appends the container's processes as a JSON array, at most as many as fit (docs/protocol.md). */
int control_group_processes(const char *id, struct buf *out, struct error *err);

/* Removes it once its processes have ended; one that is not empty yet stays. */
void control_group_remove(const char *id);

/* Kills what is left in it: among shared processes it does not end with the first. */
void control_group_kill(const char *id);

#endif
