#include "agent/api.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/client.h"
#include "base/text.h"
#include "crypto/issue.h"
#include "crypto/tls_client.h"
#include "format/json_string.h"

#define LISTENERS 2
#define ANSWER_MS 5000                /* for a client to take its answer */
#define STACK     ((size_t)512 << 10) /* bytes of a worker's; what is not used is not there */

enum stage { FREE, READS, WAITS, ASKS }; /* WAITS for a worker, which ASKS */

struct connection {
    enum stage stage; /* with the loop's mutex; what follows is the worker's while it ASKS */
    int fd;
    size_t listener; /* on which it came */
    struct buf input;
    size_t scanned;
    int64_t deadline;
    uint64_t number;             /* among all that came: many come within a millisecond */
    struct http_request request; /* once it is whole */
    struct span body;
};

_Static_assert(API_WAITING_MAX < API_CONNECTIONS_MAX, "one that comes finds another to end");

static struct loop {
    struct api api;
    pthread_mutex_t mutex; /* for the connections' stages */
    pthread_cond_t waits;  /* one more WAITS */
    pthread_barrier_t begun;
    uint64_t accepted;
    int listeners[LISTENERS];
    struct connection connections[API_CONNECTIONS_MAX];
} loop = {.api.key_mutex = PTHREAD_MUTEX_INITIALIZER,
          .api.places_mutex = PTHREAD_MUTEX_INITIALIZER,
          .mutex = PTHREAD_MUTEX_INITIALIZER,
          .waits = PTHREAD_COND_INITIALIZER};

static const struct {
    api_route *answer;
    api_asks *asks;
} routes[LISTENERS] = {{sidecar_answer, sidecar_asks}, {broker_routes_answer, broker_routes_ask}};

/* --- answers ---------------------------------------------------------------------------------- */

void api_refuse(struct api_answer *answer, const struct error *why)
{
    static const struct {
        enum error_code code;
        enum http_status status;
    } known[] = {{ERROR_INVALID, HTTP_BAD_REQUEST},
                 {ERROR_LIMIT, HTTP_BAD_REQUEST},
                 {ERROR_REFUSED, HTTP_FORBIDDEN},
                 {ERROR_NOT_FOUND, HTTP_NOT_FOUND}};
    answer->status = HTTP_SERVER_ERROR;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].code == why->code)
            answer->status = known[i].status;
    }
    if (why->code == ERROR_SYSTEM && why->sys == EAGAIN)
        answer->status = HTTP_UNAVAILABLE;
    answer->type = "application/json";
    buf_truncate(&answer->body, 0);
    if (buf_append_text(&answer->body, "{\"error\":", NULL) < 0 ||
        json_append_string(&answer->body, span_of_text(why->text), NULL) < 0 ||
        buf_append_text(&answer->body, "}", NULL) < 0)
        buf_truncate(&answer->body, 0);
}

const struct agent_service *api_find_service(const struct api *api, const char *endpoint,
                                             struct error *err)
{
    char wanted[CLIENT_NAME_MAX + 1], name[CLIENT_NAME_MAX + 1];
    unsigned int wanted_port, port;
    TEXT_AUTO url = text_format("%s%s", text_starts_with(endpoint, "https://") ? "" : "https://",
                                endpoint);
    if (!url || client_read_url(url, wanted, &wanted_port, err) < 0)
        return NULL;
    for (size_t i = 0; i < api->config->service_count; i++) {
        const struct agent_service *service = &api->config->services[i];
        if (client_read_url(service->url, name, &port, err) == 0 && port == wanted_port &&
            strcasecmp(name, wanted) == 0)
            return service;
    }
    (void)error_set(err, ERROR_REFUSED, "the policy names no service %s", url);
    return NULL;
}

int api_take_place(struct api *api, const struct agent_service *service, struct error *err)
{
    const size_t each = API_WORKERS / api->config->service_count;
    size_t *taken = &api->places[service - api->config->services];
    (void)pthread_mutex_lock(&api->places_mutex);
    bool there_is_one = *taken < each;
    *taken += there_is_one;
    (void)pthread_mutex_unlock(&api->places_mutex);
    return there_is_one ? 0
                        : error_system(err, EAGAIN, "%zu requests ask %s already; ask again later",
                                       each, service->url);
}

void api_leave_place(struct api *api, const struct agent_service *service)
{
    (void)pthread_mutex_lock(&api->places_mutex);
    api->places[service - api->config->services]--;
    (void)pthread_mutex_unlock(&api->places_mutex);
}

static void send_all(int fd, struct span bytes, int64_t deadline)
{
    while (bytes.size > 0) {
        ssize_t size = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (size < 0 && errno == EAGAIN && tls_wait(fd, POLLOUT, deadline, NULL) == 0)
            continue;
        if (size < 0)
            return;
        bytes = span_of(bytes.data + size, bytes.size - (size_t)size);
    }
}

static void send_answer(int fd, const struct api_answer *answer)
{
    const int64_t deadline = tls_now() + ANSWER_MS;
    BUF_AUTO head = BUF_WITH_LIMIT(1024);
    if (buf_printf(&head, NULL,
                   "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                   "Connection: close\r\n\r\n",
                   (int)answer->status, http_status_text(answer->status), answer->type,
                   answer->body.size) < 0)
        return;
    send_all(fd, buf_span(&head), deadline);
    send_all(fd, buf_span(&answer->body), deadline);
}

/* --- requests --------------------------------------------------------------------------------- */

enum outcome { MORE, DONE, HANDED };

static void set_stage(struct connection *connection, enum stage stage)
{
    (void)pthread_mutex_lock(&loop.mutex);
    connection->stage = stage;
    (void)pthread_mutex_unlock(&loop.mutex);
}

static void end(struct connection *connection)
{
    (void)close(connection->fd);
    buf_fini_secret(&connection->input);
    set_stage(connection, FREE);
}

static void answer_status(struct connection *connection, enum http_status status,
                          const struct error *why)
{
    struct api_answer answer = {.body = BUF_WITH_LIMIT(API_BODY_MAX)};
    api_refuse(&answer, why);
    answer.status = status;
    send_answer(connection->fd, &answer);
    buf_fini(&answer.body);
}

static void answer_request(struct connection *connection)
{
    struct api_answer answer = {
        .status = HTTP_OK, .type = "application/json", .body = BUF_WITH_LIMIT(CLIENT_BODY_MAX)};
    routes[connection->listener].answer(&loop.api, &connection->request, connection->body, &answer);
    send_answer(connection->fd, &answer);
    buf_fini_secret(&answer.body);
}

/* A worker's, unless too many wait already. */
static enum outcome hand_over(struct connection *connection)
{
    size_t waiting = 0;
    struct error why = {0};
    (void)pthread_mutex_lock(&loop.mutex);
    for (size_t i = 0; i < API_CONNECTIONS_MAX; i++)
        waiting += loop.connections[i].stage >= WAITS;
    if (waiting < API_WAITING_MAX) {
        connection->stage = WAITS;
        (void)pthread_cond_signal(&loop.waits);
    }
    (void)pthread_mutex_unlock(&loop.mutex);
    if (waiting < API_WAITING_MAX)
        return HANDED;
    (void)error_set(&why, ERROR_LIMIT, "%d requests wait for services already; ask again later",
                    API_WAITING_MAX);
    answer_status(connection, HTTP_UNAVAILABLE, &why);
    return DONE;
}

/* The request is whole, or refused: then it is answered, or handed over. */
static enum outcome take_request(struct connection *connection)
{
    struct http_request *request = &connection->request;
    enum http_status status = HTTP_HEADERS_TOO_LARGE;
    struct error why = {0};
    size_t size = 0;
    bool whole = http_head_is_whole(buf_span(&connection->input), &connection->scanned, &size);
    if (!whole && connection->input.size <= API_HEAD_MAX)
        return MORE;
    if (!whole || size > API_HEAD_MAX)
        (void)error_set(&why, ERROR_LIMIT, "the head has more than %d bytes", API_HEAD_MAX);
    else if (http_head_read(span_of(connection->input.data, size), request, &status, &why) == 0) {
        status = request->chunked ? HTTP_NOT_IMPLEMENTED : HTTP_TOO_LARGE;
        if (request->chunked || request->content_length > API_BODY_MAX)
            (void)error_set(&why, ERROR_LIMIT, "the body is in chunks, or has more than %zu bytes",
                            API_BODY_MAX);
        else if (connection->input.size < size + request->content_length)
            return connection->scanned = 0, MORE;
    }
    if (why.code != ERROR_NONE) {
        answer_status(connection, status, &why);
        return DONE;
    }
    connection->body = span_of(connection->input.data + size, request->content_length);
    if (routes[connection->listener].asks(request))
        return hand_over(connection);
    answer_request(connection);
    return DONE;
}

static enum outcome read_some(struct connection *connection)
{
    uint8_t bytes[4096];
    ssize_t size = recv(connection->fd, bytes, sizeof bytes, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return MORE;
    if (size <= 0 || buf_append(&connection->input, span_of(bytes, (size_t)size), NULL) < 0)
        return DONE;
    return take_request(connection);
}

/* --- the workers ------------------------------------------------------------------------------ */

static struct connection *find_waiting(void)
{
    struct connection *oldest = NULL;
    for (size_t i = 0; i < API_CONNECTIONS_MAX; i++) {
        struct connection *each = &loop.connections[i];
        if (each->stage == WAITS && (!oldest || each->number < oldest->number))
            oldest = each;
    }
    return oldest;
}

static void *work(void *argument)
{
    (void)argument;
    (void)pthread_barrier_wait(&loop.begun);
    for (;;) {
        struct connection *connection;
        (void)pthread_mutex_lock(&loop.mutex);
        while (!(connection = find_waiting()))
            (void)pthread_cond_wait(&loop.waits, &loop.mutex);
        connection->stage = ASKS;
        (void)pthread_mutex_unlock(&loop.mutex);
        answer_request(connection);
        end(connection);
    }
    return NULL;
}

/* All have begun when it returns: confine() leaves no system calls for that. */
static int start_workers(struct error *err)
{
    pthread_t thread;
    pthread_attr_t how;
    /* One heap for all: one each takes memory, and system calls that confine() does not leave. */
    int result = mallopt(M_ARENA_MAX, 1) == 1 ? pthread_attr_init(&how) : ENOMEM;
    if (result == 0)
        result = pthread_attr_setstacksize(&how, STACK);
    if (result == 0)
        result = pthread_barrier_init(&loop.begun, NULL, API_WORKERS + 1);
    for (size_t i = 0; result == 0 && i < API_WORKERS; i++)
        result = pthread_create(&thread, &how, work, NULL);
    if (result != 0)
        return error_system(err, result, "cannot start a thread");
    (void)pthread_barrier_wait(&loop.begun);
    return 0;
}

/* --- the loop --------------------------------------------------------------------------------- */

/* One that is free, else the oldest's, whose request is not whole yet: who asks at once is not held
 * up by those who say a word a second, however many they are. */
static struct connection *take_slot(void)
{
    struct connection *oldest = NULL; /* there is one: few wait for workers */
    struct connection *unused = NULL;
    (void)pthread_mutex_lock(&loop.mutex);
    for (size_t i = 0; i < API_CONNECTIONS_MAX; i++) {
        struct connection *each = &loop.connections[i];
        if (each->stage == FREE)
            unused = each;
        else if (each->stage == READS && (!oldest || each->number < oldest->number))
            oldest = each;
    }
    (void)pthread_mutex_unlock(&loop.mutex);
    if (!unused)
        end(oldest);
    return unused ? unused : oldest;
}

static bool is_local(const struct sockaddr_in *peer)
{
    return peer->sin_family == AF_INET && (ntohl(peer->sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
}

static void let_in(size_t listener)
{
    struct sockaddr_in peer = {0};
    socklen_t size = sizeof peer;
    struct error why = {0};
    int fd = accept4(loop.listeners[listener], (struct sockaddr *)&peer, &size,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct connection *slot = take_slot();
    *slot = (struct connection){.fd = fd,
                                .listener = listener,
                                .input = BUF_WITH_LIMIT(API_HEAD_MAX + API_BODY_MAX + 4096),
                                .deadline = tls_now() + API_REQUEST_MS,
                                .number = ++loop.accepted};
    set_stage(slot, READS);
    if (is_local(&peer))
        return;
    (void)error_set(&why, ERROR_REFUSED, "only containers of this machine are answered");
    answer_status(slot, HTTP_FORBIDDEN, &why);
    end(slot);
}

static bool is_reading(struct connection *connection)
{
    (void)pthread_mutex_lock(&loop.mutex);
    bool reads = connection->stage == READS;
    (void)pthread_mutex_unlock(&loop.mutex);
    return reads;
}

/* Those whose time is over are told so; returns how long the next one has, -1 for ever. */
static int64_t expire(void)
{
    const int64_t now = tls_now();
    int64_t next = -1;
    for (size_t i = 0; i < API_CONNECTIONS_MAX; i++) {
        struct connection *each = &loop.connections[i];
        int64_t left = each->deadline - now;
        if (!is_reading(each))
            continue;
        if (left <= 0)
            end(each);
        else if ((next < 0 || left < next))
            next = left;
    }
    return next;
}

static int turn(struct error *err)
{
    struct pollfd polls[1 + LISTENERS + API_CONNECTIONS_MAX];
    const int64_t left = expire();
    /* Only its end: what it says is for the thread that asked. */
    polls[0] = (struct pollfd){.fd = loop.api.starter, .events = 0};
    for (size_t i = 0; i < LISTENERS; i++)
        polls[1 + i] = (struct pollfd){.fd = loop.listeners[i], .events = POLLIN};
    for (size_t i = 0; i < API_CONNECTIONS_MAX; i++)
        polls[1 + LISTENERS + i] = (struct pollfd){
            .fd = is_reading(&loop.connections[i]) ? loop.connections[i].fd : -1, .events = POLLIN};
    if (poll(polls, sizeof polls / sizeof *polls, (int)left) < 0 && errno != EINTR)
        return error_system(err, errno, "cannot wait");
    if (polls[0].revents)
        return error_set(err, ERROR_UNAVAILABLE, "the starter has ended");
    for (size_t i = 0; i < API_CONNECTIONS_MAX; i++) {
        struct connection *each = &loop.connections[i];
        if (polls[1 + LISTENERS + i].revents && read_some(each) == DONE)
            end(each);
    }
    for (size_t i = 0; i < LISTENERS; i++) {
        if (polls[1 + i].revents)
            let_in(i);
    }
    return 0;
}

int api_start(const struct agent_config *config, int starter, int sidecar, int broker,
              struct error *err)
{
    loop.api.config = config;
    loop.api.starter = starter;
    loop.listeners[0] = sidecar;
    loop.listeners[1] = broker;
    return start_workers(err);
}

int api_serve(struct error *err)
{
    while (turn(err) == 0)
        continue;
    return -1;
}
