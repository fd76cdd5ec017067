/* A connection of the server's: its states, its deadlines, its requests one after the other. For
 * service/server.c. */
#ifndef CAISSON_SERVICE_CONNECTION_H
#define CAISSON_SERVICE_CONNECTION_H

#include <event2/event.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "service/limiter.h"
#include "service/server.h"
#include "service/settler.h"

#define HEAD_SIZE_MAX ((size_t)16 << 10)

/* Of a worker's events: what was settled, and what is sent, go before what is read. */
enum priority { PRIORITY_ANSWERS, PRIORITY_REQUESTS, PRIORITY_COUNT };

struct connection;
struct ssl_st; /* a TLS session: crypto/tls_server.h */

/* A request that was read, and its answer until that is sent. */
struct exchange {
    struct connection *connection; /* NULL once the client has gone; its worker's to read */
    struct settled *settled;       /* where it comes back from the settler */
    struct exchange *next;         /* of a list */
    struct buf head;
    struct http_request http;
    struct buf path;
    char method[16];
    struct http_chunks chunks;
    struct buf body;
    struct server_answer answer;
    bool keep; /* the connection serves another request after this one */
    uint64_t begun_us;
};

/* What the connections of one thread share. */
struct worker {
    struct event_base *base;
    const struct server_limits *_Atomic limits;
    const struct server_owner *owner;
    struct limiter *limiter;
    struct connection *first;
    unsigned count;
    atomic_uint count_max;
    bool is_stopping;
    struct settler *settler; /* all workers' */
    struct settled settled;
};

/* Takes the socket `fd` and, with TLS, the session (NULL for none); both are closed or freed, now
 * or later. */
void connection_accept(struct worker *worker, int fd, const struct sockaddr *address,
                       struct ssl_st *session);

/* Sends the answers that were settled; frees those whose clients have gone. */
void connection_send_settled(struct worker *worker);

/* Ends those between two requests; the others end with the answer that they wait for. */
void connection_stop_all(struct worker *worker);

/* Ends them all at once. */
void connection_drop_all(struct worker *worker);

#endif
