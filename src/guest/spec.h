/*
 * The OCI configuration that crun gets (OCI runtime specification 1.0), made of what the policy
 * allowed and of the guest's own constants: namespaces, mounts, masked paths, limits. Nothing of it
 * is the host's.
 */
#ifndef CAISSON_GUEST_SPEC_H
#define CAISSON_GUEST_SPEC_H

#include "base/buf.h"
#include "guest/user.h"
#include "policy/policy.h"

#define SPEC_SIZE_MAX ((size_t)1 << 20)

struct spec {
    const char *id;
    const char *root; /* the overlay */
    struct policy_list args;
    struct policy_list env;
    const char *cwd;
    const struct user *user;
    unsigned int umask;
    struct policy_capabilities capabilities;
    bool no_new_privileges, privileged, read_only_root, terminal;
    unsigned int rows, columns;
    const struct policy_mount *mounts;
    size_t mount_count;
    const char *hostname;
};

/* Appends config.json. ERROR_REFUSED for a mount of a kind that the guest does not do. */
int spec_append(const struct spec *spec, struct buf *out, struct error *err);

/* Where a container's own sources of bind mounts lie: "/run/gcs/c/<id>/sandboxMounts". A source
 * must be beneath it, without "." and ".." and empty parts. */
bool spec_source_is_own(const char *id, const char *source);

#endif
