/* The agent's end of the exchange with its starter (exchange.h). */
#ifndef CAISSON_AGENT_LINK_H
#define CAISSON_AGENT_LINK_H

#include "agent/exchange.h"

struct agent_service {
    enum exchange_tee tee; /* what is proved to it: the machine's own */
    const char *url;
    const char *address; /* IPv4, which its host says: nothing depends on its truth */
    const char *roots;
};

struct agent_resource {
    unsigned int service;
    const char *path;
};

/* What the agent is for. The texts borrow from the message. */
struct agent_config {
    bool serves;
    enum exchange_tee tee;
    struct agent_service services[EXCHANGE_SERVICES_MAX];
    size_t service_count;
    struct agent_resource resources[EXCHANGE_RESOURCES_MAX];
    size_t resource_count;
    struct span policy; /* the machine's; empty where it is too long */
};

/* Reads the message 'C', its first byte included. ERROR_INVALID. */
int agent_config_read(struct span message, struct agent_config *out, struct error *err);

/* Receives one message, of the kind `wanted`. Blocks. One thread at a time. */
int link_receive(int fd, enum exchange_kind wanted, struct buf *out, struct error *err);

int link_send(int fd, enum exchange_kind kind, struct span bytes, struct error *err);

/* Asks for a report; both buffers are filled anew. ERROR_REFUSED with the starter's reason. Any
 * number of threads: one asks at a time. */
int link_report(int fd, enum exchange_hash hash, struct span runtime_data, struct buf *report,
                struct buf *certificates, struct error *err);

/* The same in an enclave: a quote. */
int link_quote(int fd, enum exchange_hash hash, struct span runtime_data, struct buf *quote,
               struct error *err);

#endif
