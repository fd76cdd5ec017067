/*
 * What the containers of one machine share (the machine is their pod): the folder that bind mounts
 * come from, and, where the policy's group says so, IPC and processes. Made once, before the first
 * container: everything in it is the policy's or the guest's own, nothing the host's choice.
 *
 * Theory of operation: shared namespaces are held by a process that does nothing, so that they do
 * not end with the container that comes first. It is the first process in them: it takes over what
 * other processes leave behind. It has no rights, no files and an empty root, since containers that
 * share processes see it.
 */
#ifndef CAISSON_GUEST_SANDBOX_H
#define CAISSON_GUEST_SANDBOX_H

#include <netinet/in.h>
#include <stddef.h>

#include "guest/request.h"
#include "guest/spec.h"

#define SANDBOX_ID     "sandbox" /* sandbox:// in a policy stands for SANDBOX_MOUNTS */
#define SANDBOX_FOLDER "/run/gcs/c/" SANDBOX_ID
#define SANDBOX_MOUNTS SANDBOX_FOLDER "/sandboxMounts"
#define SANDBOX_SHM    SANDBOX_MOUNTS "/shm" /* the shared /dev/shm */

struct sandbox {
    bool made;
    bool whole;       /* all of it could be made; what is not is not tried again */
    bool has_scratch; /* the machine has a scratch disk */
    bool shared_ipc, shared_pid;
    int holder; /* of the shared namespaces, a pidfd; -1 for none */
};

#define SANDBOX_NONE ((struct sandbox){.holder = -1})

/* `group` may be NULL. Does nothing the second time. */
int sandbox_make(struct sandbox *sandbox, const struct policy_group *group,
                 const struct request_addresses *dns, struct error *err);

/* Adds to the container's mounts what it shares: `mounts` gets all of them, and becomes the spec's.
 */
int sandbox_add_mounts(const struct sandbox *sandbox, struct spec *spec,
                       struct policy_mount mounts[REQUEST_MOUNTS_MAX], struct error *err);

/* The namespaces (CLONE_NEW*) of these that a container has for itself. */
unsigned long long sandbox_own(const struct sandbox *sandbox, unsigned long long namespaces);

/* For the agent: children are made among the shared processes, until it says otherwise. */
int sandbox_begin_children(const struct sandbox *sandbox, struct error *err);
int sandbox_end_children(const struct sandbox *sandbox, struct error *err);

/* For a container's first process: joins the shared IPC. */
int sandbox_join(const struct sandbox *sandbox, struct error *err);

#endif
