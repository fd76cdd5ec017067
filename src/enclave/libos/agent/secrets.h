/*
 * A container's secrets: an attestation agent (agent_process.h) in an enclave of its own brings
 * what the policy names, and ends. That is before the container's first process begins, so that
 * there is no other thread of a program in this enclave meanwhile.
 *
 * Theory of operation: secrets_ask() makes the agent's process and has a service of the library
 * OS's give it its enclave, quote reports for it and keep what it brings. When all is there, or
 * something failed, the gate's thread is called (DOOR_CALLED): it takes what came, and has it
 * wiped.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_AGENT_SECRETS_H
#define CAISSON_ENCLAVE_LIBOS_AGENT_SECRETS_H

#include "base/span.h"
#include "enclave/libos/files/vfs.h"

enum secrets_state { SECRETS_NONE, SECRETS_COME, SECRETS_THERE, SECRETS_FAILED };

/* Once an enclave, before there are other threads: in this root an agent is to bring so many
 * secrets, as the message EXCHANGE_CONFIG says. A negative errno, and then nothing goes on. */
int secrets_ask(const struct vfs *root, struct span config, size_t count);

/* With the lock, all of these. */
enum secrets_state secrets_state(void);
/* Of SECRETS_FAILED: why, in the agent's words or our own. */
const char *secrets_reason(void);
/* Of SECRETS_THERE: one of them, in the order in which they were asked for. */
struct span secrets_get(size_t index);
/* What came is wiped. */
void secrets_forget(void);

#endif
