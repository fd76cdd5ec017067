/*
 * A network of a process' own: a network namespace with a loopback and nothing else, in a user
 * namespace that gives its owner nothing beyond it. Neither needs root.
 */
#ifndef CAISSON_OS_NAMESPACE_H
#define CAISSON_OS_NAMESPACE_H

#include "os/process.h"

/* Descriptors, close-on-exec; -1 for none. What they stand for lives as long as they do, or a
 * process in it. */
struct namespaces {
    int user;
    int network;
};

#define NAMESPACES_NONE ((struct namespaces){-1, -1})

/* Makes both, owned by `owner` (NULL for this user), who may enter them. Its ports are for
 * everybody, also those below 1024, where /proc/sys can be written. ERROR_SYSTEM where the kernel
 * has no user namespaces for such users. */
int namespaces_make(const struct process_user *owner, struct namespaces *out, struct error *err);

/* For a process of the owner's that has one thread: it is in them from then on, and has no
 * capabilities there. */
int namespaces_enter(const struct namespaces *namespaces, struct error *err);

void namespaces_close(struct namespaces *namespaces);

#endif
