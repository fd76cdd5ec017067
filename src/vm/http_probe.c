#include "vm/http_probe.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <sys/time.h>

#define HEADERS_SIZE_MAX 16384 /* bytes of an answer's headers */
#define BODY_SIZE_MAX    65536

struct http_probe {
    struct evhttp_connection *connection;
    struct event *later; /* a connection cannot be freed in its own callback */
    bool decided, good;
    void (*done)(void *argument, bool good);
    void *argument;
};

void http_probe_cancel(struct http_probe *probe)
{
    if (!probe)
        return;
    if (probe->connection)
        evhttp_connection_free(probe->connection);
    if (probe->later)
        event_free(probe->later);
    free(probe);
}

static void on_later(evutil_socket_t fd, short what, void *argument)
{
    struct http_probe *probe = argument;
    void (*done)(void *, bool) = probe->done;
    void *owner = probe->argument;
    bool good = probe->good;
    (void)fd;
    (void)what;
    http_probe_cancel(probe);
    done(owner, good);
}

/* `request` is NULL where there was no answer in time, or none that is HTTP. */
static void on_answer(struct evhttp_request *request, void *argument)
{
    struct http_probe *probe = argument;
    int code = request ? evhttp_request_get_response_code(request) : 0;
    if (probe->decided)
        return;
    probe->decided = true;
    probe->good = code >= 200 && code < 400;
    event_active(probe->later, EV_TIMEOUT, 0);
}

/* The status line and headers are the answer. A body that is too long is then no failure. */
static int on_headers(struct evhttp_request *request, void *argument)
{
    on_answer(request, argument);
    return 0;
}

static int add_headers(struct evhttp_request *request, const struct http_probe_plan *plan)
{
    struct evkeyvalq *out = evhttp_request_get_output_headers(request);
    if (evhttp_add_header(out, "Host", *plan->host ? plan->host : "127.0.0.1") < 0 ||
        evhttp_add_header(out, "Connection", "close") < 0 ||
        evhttp_add_header(out, "User-Agent", "caisson-probe/" CAISSON_VERSION) < 0)
        return -1;
    for (size_t i = 0; i < plan->header_count; i++) {
        if (evhttp_add_header(out, plan->headers[i].name, plan->headers[i].value) < 0)
            return -1;
    }
    return 0;
}

static int begin(struct http_probe *probe, struct event_base *base,
                 const struct http_probe_plan *plan, struct error *err)
{
    struct timeval timeout = {.tv_sec = plan->timeout_ms / 1000,
                              .tv_usec = (suseconds_t)(plan->timeout_ms % 1000) * 1000};
    probe->later = evtimer_new(base, on_later, probe);
    probe->connection = evhttp_connection_base_new(base, NULL, "127.0.0.1", plan->port);
    struct evhttp_request *request = evhttp_request_new(on_answer, probe);
    if (!probe->later || !probe->connection || !request || add_headers(request, plan) < 0) {
        if (request)
            evhttp_request_free(request);
        return error_memory(err);
    }
    evhttp_request_set_header_cb(request, on_headers);
    evhttp_connection_set_timeout_tv(probe->connection, &timeout);
    evhttp_connection_set_max_headers_size(probe->connection, HEADERS_SIZE_MAX);
    evhttp_connection_set_max_body_size(probe->connection, BODY_SIZE_MAX);
    /* The connection owns the request from here on, also where this fails. */
    if (evhttp_make_request(probe->connection, request, EVHTTP_REQ_GET, plan->path) < 0)
        return error_set(err, ERROR_UNAVAILABLE, "cannot ask for %s", plan->path);
    return 0;
}

struct http_probe *http_probe_start(struct event_base *base, const struct http_probe_plan *plan,
                                    void (*done)(void *argument, bool good), void *argument,
                                    struct error *err)
{
    struct http_probe *probe = calloc(1, sizeof *probe);
    if (!probe) {
        (void)error_memory(err);
        return NULL;
    }
    probe->done = done;
    probe->argument = argument;
    if (begin(probe, base, plan, err) < 0) {
        http_probe_cancel(probe);
        return NULL;
    }
    return probe;
}
