/*
 * Settings of the kernel that belong to a container's IPC namespace or to the machine's network.
 * Policies have no words for them, so a host chooses, among those that guard nothing: see
 * docs/threat-model.md.
 */
#ifndef CAISSON_GUEST_SYSCTLS_H
#define CAISSON_GUEST_SYSCTLS_H

#include "format/value.h"

#define SYSCTLS_MAX 32

/* Borrowed from the request. */
struct sysctls {
    const char *names[SYSCTLS_MAX]; /* "net.core.somaxconn" */
    const char *values[SYSCTLS_MAX];
    size_t count;
};

/* Reads {"net.core.somaxconn": "1024", …}. ERROR_INVALID for a name that is not allowed or
 * a value that is not numbers. */
int sysctls_parse(const struct value *object, struct sysctls *out, struct error *err);

/* Sets them, for a process that is in the container's namespaces but still sees the machine's
 * /proc. */
int sysctls_set(const struct sysctls *sysctls, struct error *err);

#endif
