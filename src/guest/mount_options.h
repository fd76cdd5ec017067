/*
 * The options of a mount that the policy allows (OCI runtime specification, "Mounts"): words for
 * the mount itself, and a file system's own parameters.
 */
#ifndef CAISSON_GUEST_MOUNT_OPTIONS_H
#define CAISSON_GUEST_MOUNT_OPTIONS_H

#include <stdbool.h>

#include "os/mount.h"
#include "policy/policy.h"

#define MOUNT_OPTIONS_PARAMETERS_MAX 8
#define MOUNT_OPTIONS_TEXT_SIZE      256

struct mount_options {
    bool recursive;          /* of a bind mount: with what is mounted beneath */
    unsigned int attributes; /* MOUNT_ATTR_* */
    struct mount_parameter parameters[MOUNT_OPTIONS_PARAMETERS_MAX];
    size_t parameter_count;
    char text[MOUNT_OPTIONS_TEXT_SIZE]; /* what the parameters point into */
};

/* Reads them for a "bind" or another type. Words that contradict each other: the last one counts.
 * Words for propagation are accepted and mean nothing, for the container's mounts are its own.
 * ERROR_REFUSED for a word that a bind mount does not know, ERROR_LIMIT for too many parameters.
 * `out` must stay where it is. */
int mount_options_parse(struct policy_list options, bool bind, struct mount_options *out,
                        struct error *err);

#endif
