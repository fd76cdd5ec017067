/*
 * One HTTP request to a container's published port: does it answer with 200 to 399? Bounded in size
 * and time; what the container answers beyond its status is dropped. A Kubernetes httpGet probe.
 *
 * It is made from the host by way of passt, so that the guest needs no HTTP: what is not in the
 * guest need not be trusted. (A TCP probe cannot be made so: passt takes the connection before it
 * asks the guest. There the guest looks itself: `probe_port` in docs/protocol.md.)
 */
#ifndef CAISSON_VM_HTTP_PROBE_H
#define CAISSON_VM_HTTP_PROBE_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct http_header {
    const char *name;
    const char *value;
};

struct http_probe_plan {
    uint16_t port; /* on the host's loopback */
    const char *path;
    const char *host; /* of the Host header; "" for the address */
    const struct http_header *headers;
    size_t header_count;
    uint32_t timeout_ms;
};

struct http_probe;

/* Begins; `done` is called once, from the loop, and the probe is gone then. NULL with `err`. */
struct http_probe *http_probe_start(struct event_base *base, const struct http_probe_plan *plan,
                                    void (*done)(void *argument, bool good), void *argument,
                                    struct error *err);

/* Ends one that has not called `done`; it will not. May be NULL. */
void http_probe_cancel(struct http_probe *probe);

#endif
