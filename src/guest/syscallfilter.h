/*
 * What system calls a container's processes may make: a seccomp profile (OCI runtime specification,
 * "Seccomp"), made into the kernel's filter by libseccomp. Compiled once a container, before its
 * process exists; every process of the container installs the same one.
 */
#ifndef CAISSON_GUEST_SYSCALLFILTER_H
#define CAISSON_GUEST_SYSCALLFILTER_H

#include <linux/filter.h>

#include "format/value.h"

struct syscallfilter {
    struct sock_filter *instructions; /* NULL for no filter */
    unsigned short count;
    unsigned int flags; /* SECCOMP_FILTER_FLAG_* */
};

/* Makes a profile's filter. Takes no less than seccomp_check() does: keys, words and types that are
 * not known are ERROR_INVALID, with the place. A system call that this libseccomp does not know is
 * passed over where the default action is at least as strict, and refused elsewhere.
 * syscallfilter_fini() is needed on success only. */
int syscallfilter_compile(const struct value *profile, struct syscallfilter *out,
                          struct error *err);
void syscallfilter_fini(struct syscallfilter *filter);

/* Installs it for good, in a process that has no_new_privs or CAP_SYS_ADMIN. Nothing where there is
 * none. */
int syscallfilter_install(const struct syscallfilter *filter, struct error *err);

#endif
