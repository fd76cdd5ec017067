/*
 * A client of Confidential Containers' key broker (KBS attestation protocol 0.4.0, Trustee's
 * kbs/docs/kbs_attestation_protocol.md): proves the machine to it, and takes resources that it
 * seals for a key of the session's, which is made here and never leaves.
 */
#ifndef CAISSON_AGENT_BROKER_H
#define CAISSON_AGENT_BROKER_H

#include "agent/client.h"

#define BROKER_TOKEN_MAX 32768

struct private_key;

struct broker {
    struct client client;
    int starter;             /* who gives reports */
    struct private_key *key; /* NULL before it was proved */
    char cookie[CLIENT_COOKIE_MAX + 1];
    struct buf token; /* what the broker says of this machine: a JWT */
};

int broker_init(struct broker *broker, const struct agent_service *service, int starter,
                int64_t timeout_ms, struct error *err);
void broker_fini(struct broker *broker);
#define BROKER_AUTO __attribute__((cleanup(broker_fini))) struct broker

/* Asks for a nonce and answers with evidence. ERROR_REFUSED with the broker's reason. */
int broker_prove(struct broker *broker, struct error *err);

/* Appends the resource REPOSITORY/TYPE/TAG; proves the machine first where that was not done. The
 * caller wipes `out`. */
int broker_fetch(struct broker *broker, const char *resource, struct buf *out, struct error *err);

#endif
