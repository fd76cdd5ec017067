/*
 * A container's secrets, as the policy's `caisson_attestation` places them: brought and put into
 * place by its first process before it becomes the container, so that nobody else in the machine
 * has them. Files are in a memory file system of that process's mount namespace, and end with it.
 */
#ifndef CAISSON_GUEST_SECRETS_H
#define CAISSON_GUEST_SECRETS_H

#include "guest/agent.h"
#include "guest/request.h"
#include "guest/spec.h"

/* Brings them, waiting for the service, and adds their mounts and variables to the spec; `mounts`
 * becomes the spec's. Memory is the process's: it is gone once it executes its program.
 * ERROR_REFUSED with the service's reason. */
int secrets_bring(const struct agent_order *order, struct spec *spec,
                  struct policy_mount mounts[REQUEST_MOUNTS_MAX], struct error *err);

#endif
