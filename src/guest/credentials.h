/*
 * Who a container's process is: user, groups, capabilities (capabilities(7)), and whether programs
 * with set-user-ID may give it more. Computed before the process exists, taken on by it in two
 * steps.
 */
#ifndef CAISSON_GUEST_CREDENTIALS_H
#define CAISSON_GUEST_CREDENTIALS_H

#include "guest/spec.h"

struct credentials {
    const struct user *user;
    uint64_t capabilities[POLICY_CAPABILITY_SETS]; /* bit N: the kernel's number N */
    bool no_new_privileges;
    bool installs_filter; /* keeps CAP_SYS_ADMIN for it until the program begins */
};

/* ERROR_INVALID for a capability that has no number. Borrows the user. */
int credentials_of(const struct spec *spec, struct credentials *out, struct error *err);

/* Takes them on, for good. Files and terminals that need more rights are to be opened before.
 * Installing a filter for system calls without no_new_privs needs CAP_SYS_ADMIN: it stays in the
 * effective and permitted sets, of which execve(2) takes nothing over but what is ambient. */
int credentials_become(const struct credentials *credentials, struct error *err);

#endif
