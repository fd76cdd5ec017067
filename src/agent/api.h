/*
 * What containers may ask on the machine's loopback, where the policy lets them: Microsoft's secure
 * key release sidecar (sidecar.c) and the endpoints of Confidential Containers' api-server-rest
 * (broker_routes.c).
 *
 * Theory of operation: one loop takes requests of up to API_CONNECTIONS_MAX connections, each
 * whole, within bounds and within its time, however slowly it comes. What needs no service it
 * answers at once. What does, API_WORKERS threads answer, the oldest first. There is one for each
 * place at a service (api_take_place()), and the policy's services have as many places each: one
 * that is slow or silent holds up nobody who asks another. Who finds no place is told to come
 * later, and so is who comes when API_WAITING_MAX are with the threads. Each connection is closed
 * with its answer. One connection more ends the oldest, whose request has not come whole. Whoever
 * floods it keeps other containers of the same machine from asking, and nobody else: what a policy
 * places into containers is brought by another process.
 */
#ifndef CAISSON_AGENT_API_H
#define CAISSON_AGENT_API_H

#include <pthread.h>

#include "agent/link.h"
#include "format/http.h"

#define API_CONNECTIONS_MAX 32
#define API_WORKERS         16 /* and as many places at services */
#define API_WAITING_MAX     24 /* requests with the workers, or waiting for one */
#define API_HEAD_MAX        8192
#define API_BODY_MAX        ((size_t)64 << 10)
#define API_REQUEST_MS      10000 /* a request's time, from its connection on */
#define API_SERVICE_MS      30000 /* a service's, for one request */

struct private_key;

struct api {
    const struct agent_config *config;
    int starter;
    pthread_mutex_t key_mutex;       /* for `release_key` until it is there */
    struct private_key *release_key; /* RSA; NULL before the first release. It never leaves. */
    pthread_mutex_t places_mutex;
    size_t places[EXCHANGE_SERVICES_MAX]; /* that are taken */
};

struct api_answer {
    enum http_status status;
    const char *type; /* of the body */
    struct buf body;  /* wiped */
};

/* Answers a request; the path is the request's own, undecoded. Any number of threads. */
typedef void api_route(struct api *api, const struct http_request *request, struct span body,
                       struct api_answer *answer);
api_route sidecar_answer;
api_route broker_routes_answer;

/* Whether the answer to a request takes a service's. */
typedef bool api_asks(const struct http_request *request);
api_asks sidecar_asks;
api_asks broker_routes_ask;

/* Replaces what the answer holds by {"error": …}, with the status that fits the error's code:
 * for EAGAIN 503. */
void api_refuse(struct api_answer *answer, const struct error *why);

/* The service that the policy names so: by URL, or by its name alone. NULL with ERROR_REFUSED. */
const struct agent_service *api_find_service(const struct api *api, const char *endpoint,
                                             struct error *err);

/* A place at one of the policy's services, before it is asked, and after. Nobody waits for one:
 * ERROR_SYSTEM with EAGAIN. Who has one asks for no other. Any number of threads. */
int api_take_place(struct api *api, const struct agent_service *service, struct error *err);
void api_leave_place(struct api *api, const struct agent_service *service);

/* Starts the threads, which confine() takes system calls from too. Once a process; the two sockets
 * listen and do not block. The configuration is borrowed for good. */
int api_start(const struct agent_config *config, int starter, int sidecar, int broker,
              struct error *err);

/* Serves the two sockets until the starter ends; then there is nothing left but to _exit(). */
int api_serve(struct error *err);

#endif
