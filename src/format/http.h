/*
 * HTTP/1.1 requests as a server reads them (RFC 9112, RFC 9110), strictly: what two readers could
 * take for two different requests is refused. That is bare line feeds, folded lines, blanks before
 * a colon, two lengths, a length beside chunks, and any coding but `chunked`.
 *
 * Spans of a request borrow from the bytes that were read. Reading a head allocates nothing.
 */
#ifndef CAISSON_FORMAT_HTTP_H
#define CAISSON_FORMAT_HTTP_H

#include "base/buf.h"

#define HTTP_HEADERS_MAX 64
#define HTTP_TARGET_MAX  4096 /* bytes of path and query as they come */

enum http_status {
    HTTP_OK = 200,
    HTTP_CREATED = 201,
    HTTP_NO_CONTENT = 204,
    HTTP_NOT_MODIFIED = 304,
    HTTP_BAD_REQUEST = 400,
    HTTP_UNAUTHORIZED = 401,
    HTTP_FORBIDDEN = 403,
    HTTP_NOT_FOUND = 404,
    HTTP_METHOD_NOT_ALLOWED = 405,
    HTTP_NOT_ACCEPTABLE = 406,
    HTTP_TIMEOUT = 408,
    HTTP_CONFLICT = 409,
    HTTP_TOO_LARGE = 413,
    HTTP_TARGET_TOO_LONG = 414,
    HTTP_UNSUPPORTED_MEDIA = 415,
    HTTP_TOO_MANY = 429,
    HTTP_HEADERS_TOO_LARGE = 431,
    HTTP_SERVER_ERROR = 500,
    HTTP_NOT_IMPLEMENTED = 501,
    HTTP_UNAVAILABLE = 503,
    HTTP_VERSION_UNKNOWN = 505,
};

/* "Bad Request"; "Unknown" for a status that is not above. */
const char *http_status_text(enum http_status status);

struct http_header {
    struct span name;  /* a token */
    struct span value; /* without the blanks around it; visible bytes, blanks and tabs */
};

struct http_request {
    struct span method;
    struct span path;  /* begins with a slash; not decoded */
    struct span query; /* what follows the first question mark; not decoded */
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t header_count;
    bool keep_alive;         /* the connection may serve another request */
    bool expects_continue;   /* the client waits for "100 Continue" before it sends the body */
    bool chunked;            /* the body comes in chunks, of unknown size */
    uint64_t content_length; /* bytes of the body that is not chunked */
};

/* Looks for the end of a head in `input`, of which the first *scanned bytes were looked at before.
 * True, and *size with the empty line at its end, once it is whole. */
bool http_head_is_whole(struct span input, size_t *scanned, size_t *size);

/* Reads a head of exactly these bytes. On failure *status is what to answer. */
int http_head_read(struct span head, struct http_request *out, enum http_status *status,
                   struct error *err);

/* Reads the head of an answer of exactly these bytes: what a client may see, as strictly. Method,
 * path and query stay empty. *code is 200 to 599, else ERROR_INVALID; so is an answer with a body
 * that neither says its length nor comes in chunks. */
int http_answer_read(struct span head, unsigned int *code, struct http_request *out,
                     struct error *err);

/* The value of the header `name` (in any case); NULL where it is absent. A header that is there
 * twice gives its first: http_head_read() has refused those where that matters. */
const struct span *http_header_find(const struct http_request *request, const char *name);

/* The value of a cookie (RFC 6265, section 5.4) in the request's first Cookie header: bytes as they
 * come, which the client chose. Empty where there is none, or two of the name. */
struct span http_cookie_find(const struct http_request *request, const char *name);

/* A body in chunks while it is read; all zero at its beginning. */
struct http_chunks {
    int state;
    uint64_t left;       /* bytes of the current chunk */
    size_t line_size;    /* bytes of the current line of sizes or trailers */
    size_t trailer_size; /* of all trailers, which are dropped */
    bool is_done;
};

/* Takes bytes of a body in chunks: what they carry is appended to `body`, and *used says how many
 * were taken: all, or fewer where the body ended (chunks->is_done). On failure *status is what to
 * answer. */
int http_chunks_take(struct http_chunks *chunks, struct span input, size_t *used, struct buf *body,
                     enum http_status *status, struct error *err);

/* Appends a path or a query's name or value with its percent escapes decoded (RFC 3986, section
 * 2.1); `plus_is_blank` for queries. ERROR_INVALID for half an escape, a zero byte, control
 * characters and what is not UTF-8. */
int http_decode(struct span text, bool plus_is_blank, struct buf *out, struct error *err);

/* Appends the decoded value of the query's parameter `name`, compared after decoding.
 * ERROR_NOT_FOUND where it is absent, ERROR_INVALID where it is there twice or malformed. */
int http_query_find(struct span query, const char *name, struct buf *out, struct error *err);

#endif
