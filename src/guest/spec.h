/*
 * A container's process as the policy allowed it: what guest/start.h makes of it is this and the
 * guest's own constants. Of it the host alone chooses `limits`, the terminal and the host name.
 */
#ifndef CAISSON_GUEST_SPEC_H
#define CAISSON_GUEST_SPEC_H

#include "guest/rlimits.h"
#include "guest/syscallfilter.h"
#include "guest/user.h"
#include "policy/policy.h"

/* What a container's control group may take in all (cgroup v2); 0 for no limit. */
struct spec_limits {
    uint64_t memory;    /* bytes */
    unsigned int cpu;   /* thousandths of a CPU's time */
    unsigned int count; /* of its processes and threads */
};

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
    const struct value *seccomp;        /* NULL for no profile */
    const struct syscallfilter *filter; /* made of it; the container's */
    struct policy_list rlimits;
    const struct rlimits *resources; /* made of them; the container's */
    struct policy_list sysctls;
    const struct policy_group *group; /* of the policy; NULL for none */
    const struct sandbox *sandbox;    /* the machine's */
    struct spec_limits limits;
    const struct policy_attestation *attestation; /* of the policy; NULL for none */
    struct span policy;                /* its text, as far as a container can be given it */
    size_t row;                        /* of the policy's, whose secrets a first process gets */
    const struct agent_order *secrets; /* how it gets them; NULL for none. The machine's */
};

bool spec_mount_is_bind(const struct policy_mount *mount);

/* ERROR_REFUSED for a mount of a kind, from a place or with a word that the guest does not do. */
int spec_check_mounts(const struct spec *spec, struct error *err);

/* Where the sources of bind mounts lie: SANDBOX_MOUNTS. A source must be beneath it, without "."
 * and
 * ".." and empty parts. */
bool spec_source_is_shared(const char *source);

#endif
