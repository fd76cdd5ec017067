/*
 * The attestation agent (src/agent) beside the container, which answers what programs ask on the
 * loopback (agent/api.h).
 *
 * Theory of operation: its ports are inside (sockets/socket_inside.h) and listen before the program
 * begins. The first who connects has a service started here, which gives the process its enclave
 * and is its starter from then on (agent/exchange.h): it has reports quoted for it. When the agent
 * ends, whatever for, its ports refuse, and it is not started again.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_AGENT_AGENT_H
#define CAISSON_ENCLAVE_LIBOS_AGENT_AGENT_H

#include "base/span.h"
#include "enclave/libos/files/vfs.h"

#define AGENT_SIDECAR_PORT 8080 /* Microsoft's secure key release sidecar */
#define AGENT_BROKER_PORT  8006 /* Confidential Containers' api-server-rest */

/* Before the program runs: its process in this root, its ports, and what it is for (a message
 * EXCHANGE_CONFIG). A negative errno. */
int agent_prepare(const struct vfs *root, struct span config);

/* Where this image has no agent: its ports are nobody's all the same, and never the host's. */
int agent_prepare_none(void);

#endif
