/*
 * An HTTP/1.1 server over TLS: listens, reads requests within bounds, has them answered.
 *
 * Theory of operation. Each worker is a thread with an event loop, a listening socket of its own
 * (SO_REUSEPORT) and its connections; they share nothing but the limits by client. A request is
 * answered by the worker that read it, at once, by a function of the owner. An answer with a note
 * promises something: one more thread settles all those that have come together, by one sync of the
 * disk, while the workers go on, and only then they are sent (settler.h). What was settled is sent
 * before another request is looked at, however many wait: it costs microseconds, a request may cost
 * milliseconds.
 *
 * Every wait is bounded: the handshake, a request from its first byte to its last, an answer until
 * it is taken, a connection between two requests. So is every size, the number of connections, of
 * those by one address, and of its requests in a second.
 */
#ifndef CAISSON_SERVICE_SERVER_H
#define CAISSON_SERVICE_SERVER_H

#include "base/buf.h"
#include "format/http.h"

struct server_request {
    const struct http_request *http;
    const char *method; /* of the request line */
    const char *path;   /* decoded, with neither empty, "." nor ".." segments */
    struct span body;
    const char *peer;        /* the client's address, as text */
    struct span certificate; /* DER, which the client proved to have; empty where none */
};

#define SERVER_ANSWER_MAX ((size_t)8 << 20) /* bytes of an answer's body */

struct server_answer {
    enum http_status status;
    const char *type;   /* of the content; static */
    const char *cache;  /* Cache-Control; static. NULL: "no-store" */
    struct buf body;    /* empty at first, with SERVER_ANSWER_MAX */
    struct buf headers; /* more lines of headers, each with its CRLF */
    void *note;         /* the owner's, until it is settled */
};

/* What the server's owner does. Any worker may call, several at a time. */
struct server_owner {
    /* Fills the answer. */
    void (*answer)(void *context, const struct server_request *request,
                   struct server_answer *answer);
    /* Before any of these answers, which have notes, is sent: makes lasting what they promise, and
     * frees the notes. An answer that cannot be promised becomes another one here. One call at a
     * time. */
    void (*settle)(void *context, struct server_answer *const answers[], size_t count);
    /* After a request was answered; `path` is "" where there was none that could be read. */
    void (*log)(void *context, const char *peer, const char *method, const char *path,
                enum http_status status, uint64_t microseconds);
    void *context;
};

struct server_limits {
    size_t body;                /* bytes */
    unsigned handshake_ms;      /* from the connection to the end of TLS's handshake */
    unsigned request_ms;        /* from a request's first byte to its last */
    unsigned answer_ms;         /* until an answer is taken */
    unsigned idle_ms;           /* between two requests */
    unsigned connections;       /* in all */
    unsigned connections_each;  /* by one address; of IPv6 by one /64 */
    unsigned requests_a_second; /* by one address; as many again may come at once */
};

extern const struct server_limits server_default_limits;

struct tls_server;
struct server;

/* Listens on an address ("127.0.0.1", "::") and a port (0: any) and starts `workers` threads. `tls`
 * is borrowed; NULL is plain HTTP. Signals stay with the caller's thread, SIGPIPE is ignored, and
 * as many descriptors as allowed may be open from now on. NULL with the error where it can't. */
struct server *server_start(const char *address, uint16_t port, struct tls_server *tls,
                            unsigned workers, const struct server_limits *limits,
                            const struct server_owner *owner, struct error *err);

uint16_t server_port(const struct server *server);

/* Uses another certificate for connections from now on; the old one may be freed then. */
void server_set_tls(struct server *server, struct tls_server *tls);

/* Other limits, from now on: for connections that are open, too, as soon as they wait anew. By one
 * thread. ERROR_NO_MEMORY, and the old ones stay. */
int server_set_limits(struct server *server, const struct server_limits *limits, struct error *err);

/* Takes no more connections, lets requests that have begun come to their end, and frees it all. */
void server_stop(struct server *server);

#endif
