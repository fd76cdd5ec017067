/*
 * What both kinds of attestation agents have in common, the one that serves programs (agent.h) and
 * the one that brings secrets (secrets.h): a process of the library OS' own in an enclave of its
 * own, over a root that is its disk's alone, which no process of the container sees; and the
 * starter's end of agent/exchange.h.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_AGENT_AGENT_PROCESS_H
#define CAISSON_ENCLAVE_LIBOS_AGENT_AGENT_PROCESS_H

#include "agent/exchange.h"
#include "enclave/libos/files/vfs.h"

#define AGENT_PROGRAM     "/agent"
#define AGENT_MESSAGE_MAX (1 + EXCHANGE_SECRET_MAX) /* bytes of what it may say */

struct process;

struct agent {
    struct process *process; /* NULL when it has ended: its has_ended() says so */
    struct file *link;       /* the starter's end; NULL: none */
    uint8_t *answer;         /* where reports are made, while it runs */
};

/* Before it has an enclave: its process in this root, with the other end of the link as its number
 * 0. `has_ended` is called by process_end(), and forgets the process. A negative errno. */
int agent_make(struct agent *agent, const struct vfs *root,
               void (*has_ended)(struct process *process));

/* Its next number; the file is the agent's in any case. */
int agent_give(struct agent *agent, struct file *file);

/* What it is for, a message EXCHANGE_CONFIG: it finds it when it begins. */
int agent_tell(struct agent *agent, struct span config);

/* With the lock, which is let go meanwhile: gives it its enclave. Where there is none its process
 * is gone, and the log says so. */
int agent_begin(struct agent *agent);

/* With the lock, which is let go meanwhile: waits for the next message that asks for no report, and
 * answers those that do. Its bytes, of `size` that there is room for; 0 when the agent has ended,
 * -EPROTO when it says what it should not. */
int64_t agent_hear(struct agent *agent, uint8_t *message, size_t size);

/* With the lock. The starter hears no more: an agent that still runs is killed. */
void agent_end(struct agent *agent);

#endif
