/*
 * The services that a policy's `caisson_attestation` names, as the host finds them: it looks their
 * names up for the guest, which believes an address no more than the network behind it.
 */
#ifndef CAISSON_CLI_RUN_SERVICES_H
#define CAISSON_CLI_RUN_SERVICES_H

#include "base/buf.h"
#include "vm/machine.h"

#define RUN_SERVICES_MAX 4

struct run_services {
    char addresses[RUN_SERVICES_MAX][16]; /* IPv4; the gateway's for one on the host's loopback */
    const char *list[RUN_SERVICES_MAX];
};

/* Reads the policy, and sets what the machine needs of it in `config`. ERROR_UNAVAILABLE for a name
 * that has no address here, ERROR_USAGE without a network. */
int run_services_find(struct span policy, struct run_services *out, struct vm_config *config,
                      struct error *err);

#endif
