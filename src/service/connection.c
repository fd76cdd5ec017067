#include "service/connection.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/tls_server.h"
#include "service/answer.h"

#define LINGER_MS      1000 /* for a client to see why its request was not read */
#define INPUT_MAX      ((size_t)64 << 10)
#define LINGER_BYTES   ((size_t)4 << 20)
#define HEAD_LINES_MAX 512 /* about: the lines that every answer has */

enum state {
    HANDSHAKE,
    IDLE,    /* between two requests */
    HEAD,    /* a request has begun */
    BODY,    /* its head was read */
    WAITING, /* for its answer to be settled */
    SENDING, /* its answer */
    ENDING,  /* all was said; what still comes is dropped */
};

struct connection {
    struct connection *previous, *next;
    struct worker *worker;
    struct bufferevent *bev;
    struct ssl_st *session; /* the bufferevent's */
    struct event *deadline;
    struct limiter_client client;
    char peer[INET6_ADDRSTRLEN];
    enum state state;
    size_t scanned;            /* bytes of a head that were looked at */
    size_t dropped;            /* bytes, while it ends */
    struct exchange *exchange; /* from BODY to SENDING */
};

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void exchange_free(struct exchange *exchange)
{
    if (!exchange)
        return;
    buf_fini_secret(&exchange->head); /* it may hold a bearer's token */
    buf_fini(&exchange->path);
    buf_fini_secret(&exchange->body);
    buf_fini_secret(&exchange->answer.body);
    buf_fini(&exchange->answer.headers);
    free(exchange);
}

static struct exchange *exchange_new(struct connection *connection)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return NULL;
    exchange->connection = connection;
    exchange->settled = &connection->worker->settled;
    buf_init(&exchange->head, HEAD_SIZE_MAX);
    buf_init(&exchange->path, HTTP_TARGET_MAX);
    buf_init(&exchange->body, connection->worker->limits->body);
    buf_init(&exchange->answer.body, SERVER_ANSWER_MAX);
    buf_init(&exchange->answer.headers, HEAD_SIZE_MAX);
    exchange->begun_us = now_us();
    return exchange;
}

static void connection_free(struct connection *connection)
{
    struct worker *worker = connection->worker;
    if (connection->exchange && connection->state == WAITING)
        connection->exchange->connection = NULL; /* it is the settler's now */
    else
        exchange_free(connection->exchange);
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        worker->first = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    worker->count--;
    limiter_disconnect(worker->limiter, &connection->client);
    if (connection->session)
        tls_session_end(connection->session);
    event_free(connection->deadline);
    bufferevent_free(connection->bev);
    free(connection);
    if (worker->is_stopping && worker->count == 0)
        (void)event_base_loopbreak(worker->base);
}

static void enter(struct connection *connection, enum state state, unsigned ms)
{
    struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    connection->state = state;
    (void)event_add(connection->deadline, &wait);
}

static void log_exchange(struct connection *connection, const struct exchange *exchange)
{
    const struct worker *worker = connection->worker;
    uint64_t now = now_us();
    worker->owner->log(worker->owner->context, connection->peer, exchange->method,
                       buf_text(&exchange->path), exchange->answer.status,
                       now - exchange->begun_us);
}

/* Says that it is over, and leaves the client a moment to read why. */
static void end(struct connection *connection)
{
    if (connection->session)
        tls_session_end(connection->session);
    (void)shutdown(bufferevent_getfd(connection->bev), SHUT_WR);
    enter(connection, ENDING, LINGER_MS);
}

static bool may_have_body(const struct server_answer *answer)
{
    return answer->status != HTTP_NO_CONTENT && answer->status != HTTP_NOT_MODIFIED;
}

/* It fails while the connection has an event that waits for its turn, which does no harm: the next
 * request sets it again. */
static void set_priority(struct connection *connection, enum priority priority)
{
    (void)bufferevent_priority_set(connection->bev, (int)priority);
}

/* The head of an answer. Date: RFC 9110, section 6.6.1. */
static int write_head(struct evbuffer *out, const struct exchange *exchange)
{
    char date[64];
    struct tm utc;
    time_t now = time(NULL);
    const struct server_answer *answer = &exchange->answer;
    if (!gmtime_r(&now, &utc) ||
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc) == 0)
        return -1;
    bool has_body = may_have_body(answer);
    return evbuffer_add_printf(
        out,
        "HTTP/1.1 %d %s\r\nDate: %s\r\n%s%s%s"
        "Cache-Control: %s\r\nX-Content-Type-Options: nosniff\r\n"
        "%s%s",
        (int)answer->status, http_status_text(answer->status), date,
        has_body && answer->type ? "Content-Type: " : "",
        has_body && answer->type ? answer->type : "", has_body && answer->type ? "\r\n" : "",
        answer->cache ? answer->cache : "no-store", buf_text(&answer->headers),
        exchange->keep ? "" : "Connection: close\r\n");
}

static int write_answer(struct evbuffer *out, const struct exchange *exchange)
{
    const struct buf *body = &exchange->answer.body;
    /* One piece, so that TLS makes as few records of it as can be. */
    if (evbuffer_expand(out, exchange->answer.headers.size + body->size + HEAD_LINES_MAX) < 0 ||
        write_head(out, exchange) < 0)
        return -1;
    if (!may_have_body(&exchange->answer))
        return evbuffer_add(out, "\r\n", 2);
    if (evbuffer_add_printf(out, "Content-Length: %zu\r\n\r\n", body->size) < 0)
        return -1;
    if (strcmp(exchange->method, "HEAD") == 0 || body->size == 0)
        return 0;
    return evbuffer_add(out, body->data, body->size);
}

static void send_answer(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    if (connection->worker->is_stopping)
        exchange->keep = false;
    log_exchange(connection, exchange);
    enter(connection, SENDING, connection->worker->limits->answer_ms);
    if (write_answer(bufferevent_get_output(connection->bev), exchange) < 0)
        connection_free(connection);
}

/* Answers what never came to the owner, and ends the connection: what follows cannot be told from
 * the rest of the request. */
static void refuse(struct connection *connection, enum http_status status, const char *message)
{
    if (!connection->exchange)
        connection->exchange = exchange_new(connection);
    if (!connection->exchange) {
        connection_free(connection);
        return;
    }
    connection->exchange->keep = false;
    answer_error(&connection->exchange->answer, status, NULL, message);
    if (status == HTTP_TOO_MANY)
        (void)buf_append_text(&connection->exchange->answer.headers, "Retry-After: 1\r\n", NULL);
    send_answer(connection);
}

static void have_answered(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    struct worker *worker = connection->worker;
    BUF_AUTO certificate = BUF_WITH_LIMIT(INPUT_MAX);
    (void)event_del(connection->deadline);
    connection->state = WAITING;
    set_priority(connection, PRIORITY_ANSWERS);
    if (connection->session && tls_client_certificate(connection->session, &certificate, NULL) < 0)
        buf_truncate(&certificate, 0);
    struct server_request request = {
        .http = &exchange->http,
        .method = strcmp(exchange->method, "HEAD") == 0 ? "GET" : exchange->method,
        .path = buf_text(&exchange->path),
        .body = buf_span(&exchange->body),
        .peer = connection->peer,
        .certificate = buf_span(&certificate),
    };
    worker->owner->answer(worker->owner->context, &request, &exchange->answer);
    if (exchange->answer.note)
        settler_take(worker->settler, exchange);
    else
        send_answer(connection);
}

/* A path is a list of names: none empty but the last, none that means another place. */
static bool path_is_plain(const char *path)
{
    for (const char *at = path; *at; at++) {
        if (*at != '/')
            continue;
        size_t len = strcspn(at + 1, "/");
        bool is_last = at[1 + len] == '\0';
        if ((len == 0 && !is_last) || (len == 1 && at[1] == '.') ||
            (len == 2 && at[1] == '.' && at[2] == '.'))
            return false;
    }
    return true;
}

static enum http_status read_head(struct connection *connection, struct error *err)
{
    struct exchange *exchange = connection->exchange;
    enum http_status status = HTTP_OK;
    if (http_head_read(buf_span(&exchange->head), &exchange->http, &status, err) < 0)
        return status;
    struct span method = exchange->http.method;
    exchange->keep = exchange->http.keep_alive;
    if (method.size >= sizeof exchange->method) {
        (void)error_set(err, ERROR_INVALID, "the method is not known");
        return HTTP_NOT_IMPLEMENTED;
    }
    memcpy(exchange->method, method.data, method.size);
    if (http_decode(exchange->http.path, false, &exchange->path, err) < 0)
        return HTTP_BAD_REQUEST;
    if (!path_is_plain(buf_text(&exchange->path))) {
        (void)error_set(err, ERROR_INVALID, "the path holds an empty name, \".\" or \"..\"");
        return HTTP_BAD_REQUEST;
    }
    if (exchange->http.content_length > exchange->body.limit) {
        (void)error_set(err, ERROR_LIMIT, "the body has %llu bytes; at most %zu are taken",
                        (unsigned long long)exchange->http.content_length, exchange->body.limit);
        return HTTP_TOO_LARGE;
    }
    return HTTP_OK;
}

/* Takes a head of `size` bytes from the input. False where the connection has left HEAD for good.
 */
static bool take_head(struct connection *connection, struct evbuffer *input, size_t size)
{
    struct worker *worker = connection->worker;
    struct error err = {0};
    connection->exchange = exchange_new(connection);
    struct exchange *exchange = connection->exchange;
    if (!exchange ||
        buf_append(&exchange->head, span_of(evbuffer_pullup(input, (ev_ssize_t)size), size), &err) <
            0) {
        connection_free(connection);
        return false;
    }
    (void)evbuffer_drain(input, size);
    connection->scanned = 0;
    enum http_status status = read_head(connection, &err);
    if (status == HTTP_OK &&
        !limiter_request(worker->limiter, &connection->client, exchange->begun_us / 1000)) {
        status = HTTP_TOO_MANY;
        (void)error_set(&err, ERROR_LIMIT, "too many requests by this client");
    }
    if (status != HTTP_OK) {
        refuse(connection, status, err.text);
        return false;
    }
    if (exchange->http.expects_continue && evbuffer_get_length(input) == 0)
        (void)bufferevent_write(connection->bev, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    connection->state = BODY; /* the deadline stays */
    return true;
}

/* Takes what there is of the body; has it answered where it is whole. */
static void take_body(struct connection *connection, struct evbuffer *input)
{
    struct exchange *exchange = connection->exchange;
    size_t size = evbuffer_get_length(input), used = 0;
    enum http_status status = HTTP_OK;
    struct error err = {0};
    const uint8_t *data = size > 0 ? evbuffer_pullup(input, -1) : NULL;
    if (exchange->http.chunked) {
        if (http_chunks_take(&exchange->chunks, span_of(data, size), &used, &exchange->body,
                             &status, &err) < 0) {
            refuse(connection, status, err.text);
            return;
        }
    } else {
        uint64_t left = exchange->http.content_length - exchange->body.size;
        used = size < left ? size : (size_t)left;
        if (buf_append(&exchange->body, span_of(data, used), &err) < 0) {
            refuse(connection, HTTP_TOO_LARGE, err.text);
            return;
        }
    }
    (void)evbuffer_drain(input, used);
    if (exchange->http.chunked ? exchange->chunks.is_done
                               : exchange->body.size == exchange->http.content_length)
        have_answered(connection);
}

static void take_input(struct connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->bev);
    size_t size = evbuffer_get_length(input), head = 0;
    if (connection->state == IDLE && size > 0) {
        set_priority(connection, PRIORITY_REQUESTS);
        enter(connection, HEAD, connection->worker->limits->request_ms);
    }
    if (connection->state == HEAD) {
        size_t looked = size < HEAD_SIZE_MAX ? size : HEAD_SIZE_MAX;
        const uint8_t *data = evbuffer_pullup(input, (ev_ssize_t)looked);
        if (!http_head_is_whole(span_of(data, looked), &connection->scanned, &head)) {
            if (looked == HEAD_SIZE_MAX)
                refuse(connection, HTTP_HEADERS_TOO_LARGE, "the request's head is too large");
            return;
        }
        if (!take_head(connection, input, head))
            return;
    }
    if (connection->state == BODY)
        take_body(connection, input);
}

static void on_readable(struct bufferevent *bev, void *argument)
{
    struct connection *connection = argument;
    if (connection->state != ENDING) {
        take_input(connection);
        return;
    }
    struct evbuffer *input = bufferevent_get_input(bev);
    connection->dropped += evbuffer_get_length(input);
    (void)evbuffer_drain(input, evbuffer_get_length(input));
    if (connection->dropped > LINGER_BYTES)
        connection_free(connection);
}

/* All that was written has gone. */
static void on_written(struct bufferevent *bev, void *argument)
{
    struct connection *connection = argument;
    (void)bev;
    if (connection->state != SENDING)
        return;
    bool keep = connection->exchange->keep;
    exchange_free(connection->exchange);
    connection->exchange = NULL;
    if (!keep) {
        end(connection);
        return;
    }
    enter(connection, IDLE, connection->worker->limits->idle_ms);
    take_input(connection); /* the next request may be here */
}

static void on_event(struct bufferevent *bev, short what, void *argument)
{
    struct connection *connection = argument;
    (void)bev;
    if (what & BEV_EVENT_CONNECTED) {
        if (connection->state == HANDSHAKE)
            enter(connection, IDLE, connection->worker->limits->idle_ms);
        return;
    }
    /* A client that has said all may still want its answer. */
    bool may_read = (what & BEV_EVENT_EOF) &&
                    (connection->state == WAITING || connection->state == SENDING);
    if (may_read)
        connection->exchange->keep = false;
    else
        connection_free(connection);
}

static void on_deadline(evutil_socket_t fd, short what, void *argument)
{
    struct connection *connection = argument;
    (void)fd;
    (void)what;
    if (connection->state == HEAD || connection->state == BODY)
        refuse(connection, HTTP_TIMEOUT, "the request did not come to its end in time");
    else
        connection_free(connection);
}

static struct bufferevent *open_events(struct worker *worker, int fd, struct ssl_st *session)
{
    if (!session)
        return bufferevent_socket_new(worker->base, fd, BEV_OPT_CLOSE_ON_FREE);
    return bufferevent_openssl_socket_new(worker->base, fd, session, BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE);
}

static void name_peer(struct connection *connection, const struct sockaddr *address)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    if (address->sa_family == AF_INET) {
        memcpy(&in, address, sizeof in);
        (void)inet_ntop(AF_INET, &in.sin_addr, connection->peer, sizeof connection->peer);
    } else if (address->sa_family == AF_INET6) {
        memcpy(&in6, address, sizeof in6);
        (void)inet_ntop(AF_INET6, &in6.sin6_addr, connection->peer, sizeof connection->peer);
    }
}

/* Makes the connection of a client that was let in; NULL where memory ran out: nothing is closed
 * then. */
static struct connection *connection_new(struct worker *worker, int fd, struct ssl_st *session)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        return NULL;
    connection->deadline = event_new(worker->base, -1, 0, on_deadline, connection);
    connection->bev = connection->deadline ? open_events(worker, fd, session) : NULL;
    if (!connection->bev) {
        if (connection->deadline)
            event_free(connection->deadline);
        free(connection);
        return NULL;
    }
    connection->worker = worker;
    connection->session = session;
    connection->next = worker->first;
    if (worker->first)
        worker->first->previous = connection;
    worker->first = connection;
    worker->count++;
    return connection;
}

void connection_accept(struct worker *worker, int fd, const struct sockaddr *address,
                       struct ssl_st *session)
{
    struct limiter_client client;
    limiter_client_of(address, &client);
    bool let_in = worker->count < worker->count_max && !worker->is_stopping &&
                  limiter_connect(worker->limiter, &client, now_us() / 1000);
    struct connection *connection = let_in ? connection_new(worker, fd, session) : NULL;
    if (!connection) {
        if (let_in)
            limiter_disconnect(worker->limiter, &client);
        tls_session_free(session);
        (void)close(fd);
        return;
    }
    /* An answer's last record must not wait until the client has acknowledged the one before. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    connection->client = client;
    name_peer(connection, address);
    bufferevent_setcb(connection->bev, on_readable, on_written, on_event, connection);
    bufferevent_setwatermark(connection->bev, EV_READ, 0, INPUT_MAX);
    (void)bufferevent_enable(connection->bev, EV_READ | EV_WRITE);
    enter(connection, session ? HANDSHAKE : IDLE,
          session ? worker->limits->handshake_ms : worker->limits->idle_ms);
}

void connection_send_settled(struct worker *worker)
{
    struct exchange_list list = settled_take(&worker->settled);
    for (struct exchange *at; (at = exchange_list_pop(&list));) {
        if (at->connection)
            send_answer(at->connection);
        else
            exchange_free(at);
    }
}

void connection_stop_all(struct worker *worker)
{
    worker->is_stopping = true;
    for (struct connection *at = worker->first, *next; at; at = next) {
        next = at->next;
        if (at->state == HANDSHAKE || at->state == IDLE)
            connection_free(at);
    }
}

void connection_drop_all(struct worker *worker)
{
    while (worker->first)
        connection_free(worker->first);
}
