/*
 * HTTP over libcurl: GET and one POST form (for tokens), as a registry's client needs it, and JSON
 * with a client certificate, as a service's does.
 *
 * Redirects are followed here, not by libcurl: at most HTTP_REDIRECTS_MAX, never from https to
 * http, and the Authorization header stays behind when scheme, host or port change. Everything is
 * bounded: time without progress, headers, and what the sink takes.
 */
#ifndef CAISSON_IMAGE_HTTP_H
#define CAISSON_IMAGE_HTTP_H

#include <stdatomic.h>

#include "base/buf.h"
#include "image/registries.h"

#define HTTP_REDIRECTS_MAX 5
#define HTTP_URL_MAX       8192 /* characters */
#define HTTP_HEADER_MAX    8192 /* bytes of one kept header */

struct http; /* a connection cache and its TLS settings; one thread at a time */

struct http_response {
    long status;                        /* 0 when the server couldn't be reached */
    bool transient;                     /* trying again may help */
    unsigned retry_after;               /* seconds that the server asks for, 0 for none */
    bool tls_mismatch;                  /* the server doesn't speak TLS at all */
    char media_type[256];               /* Content-Type without parameters */
    char authenticate[HTTP_HEADER_MAX]; /* WWW-Authenticate, all of them */
    char location[HTTP_URL_MAX];
    bool has_range;       /* with status 206 */
    uint64_t range_start; /* the first byte that follows */
};

/* Takes a successful response's body. start() comes once before the first byte, with the headers.
 */
struct http_sink {
    int (*start)(void *arg, const struct http_response *response, struct error *err); /* or NULL */
    int (*write)(void *arg, struct span bytes, struct error *err);
    void *arg;
};

struct http_request {
    const char *url;
    const char *accept;        /* or NULL */
    const char *authorization; /* the header's value, or NULL; secret */
    const char *form;          /* POST this instead of GET; secret; or NULL */
    const char *type;          /* of `body`: "application/json"; NULL: there is none */
    struct span body;          /* send this instead of GET; secret */
    const char *method;        /* "PUT": another than GET, or POST where there is a body; or NULL */
    const char *client;        /* PEM file of a certificate and its key to show; or NULL */
    uint64_t from;             /* ask for the bytes from here on (Range) */
    bool http;                 /* plain http is allowed */
    bool stay;                 /* a redirect is an answer like others: it is not followed */
    const char *header;        /* one more header, "Metadata: true", or NULL */
    unsigned time_limit;       /* seconds for the whole exchange; 0: as long as it moves */
};

/* `registries` and `tls_ca` (or NULL) say which authorities to trust; both are borrowed. */
struct http *http_new(const struct registries *registries, const char *tls_ca, struct error *err);
void http_free(struct http *http);

/* Another one with the same settings, for another thread; both live as long as those. */
struct http *http_clone(const struct http *http, struct error *err);

/* Ends what is sent, and what would be, within a second or so of *stop becoming true (as
 * ERROR_UNAVAILABLE). `stop` is borrowed; NULL for never. */
void http_stop_when(struct http *http, const atomic_bool *stop);
bool http_is_stopped(const struct http *http);

/* Sends the request and follows redirects. 0 with any status from the server: the sink has seen the
 * body when it is 200 or 206, `message` (or NULL) the beginning of it otherwise. -1 when the server
 * wasn't reached, the exchange broke off (response->transient), or the sink refused. */
int http_send(struct http *http, const struct http_request *request, const struct http_sink *sink,
              struct http_response *response, struct buf *message, struct error *err);

/* Percent-encodes for a query; the caller frees it. NULL when memory ran out. */
char *http_escape(const char *text);

#endif
