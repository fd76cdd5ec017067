/*
 * Settings of the kernel that belong to a container's IPC namespace or to the machine's network:
 * those that the policy names, each "NAME=VALUE". What guards the machine no policy can set, since
 * the machine is all containers'.
 */
#ifndef CAISSON_GUEST_SYSCTLS_H
#define CAISSON_GUEST_SYSCTLS_H

#include "policy/policy.h"

/* ERROR_INVALID for a name that is not allowed or a value that is not numbers. */
int sysctls_check(const char *word, struct error *err);

/* Checks and sets them, for a process that is in the container's namespaces but still sees the
 * machine's /proc. */
int sysctls_set(struct policy_list words, struct error *err);

#endif
