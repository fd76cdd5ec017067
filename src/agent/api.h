/*
 * What containers may ask on the machine's loopback, where the policy lets them: Microsoft's secure
 * key release sidecar (sidecar.c) and the endpoints of Confidential Containers' api-server-rest
 * (broker_routes.c).
 *
 * Theory of operation: one loop takes requests of up to API_CONNECTIONS_MAX connections, each
 * whole, within bounds and within its time, however slowly it comes; then each is answered in turn,
 * with the service's answer waited for, and its connection closed. One connection more ends the
 * oldest, whose request has not come whole. Whoever floods it keeps other containers of the same
 * machine from asking, and nobody else: what a policy places into containers is brought by another
 * process.
 */
#ifndef CAISSON_AGENT_API_H
#define CAISSON_AGENT_API_H

#include "agent/link.h"
#include "format/http.h"

#define API_CONNECTIONS_MAX 32
#define API_HEAD_MAX        8192
#define API_BODY_MAX        ((size_t)64 << 10)
#define API_REQUEST_MS      10000 /* a request's time, from its connection on */
#define API_SERVICE_MS      30000 /* a service's, for one request */

struct private_key;

struct api {
    const struct agent_config *config;
    int starter;
    struct private_key *release_key; /* RSA; NULL before the first release. It never leaves. */
};

struct api_answer {
    enum http_status status;
    const char *type; /* of the body */
    struct buf body;  /* wiped */
};

/* Answers a request; the path is the request's own, undecoded. */
typedef void api_route(struct api *api, const struct http_request *request, struct span body,
                       struct api_answer *answer);
api_route sidecar_answer;
api_route broker_routes_answer;

/* Replaces what the answer holds by {"error": …}, with the status that fits the error's code. */
void api_refuse(struct api_answer *answer, const struct error *why);

/* The service that the policy names so: by URL, or by its name alone. NULL with ERROR_REFUSED. */
const struct agent_service *api_find_service(const struct api *api, const char *endpoint,
                                             struct error *err);

/* Serves the two sockets, which listen and do not block, until the starter ends. */
int api_serve(const struct agent_config *config, int starter, int sidecar, int broker,
              struct error *err);

#endif
