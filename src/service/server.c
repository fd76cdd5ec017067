#include "service/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/listener.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/tls_server.h"
#include "os/fd.h"
#include "service/connection.h"

#define BACKLOG 1024
#define LOOK_MS 1 /* of requests, then the worker looks for what was settled */

const struct server_limits server_default_limits = {
    .body = 1 << 20,
    .handshake_ms = 10000,
    .request_ms = 10000,
    .answer_ms = 30000,
    .idle_ms = 120000,
    .connections = 16384,
    .connections_each = 1024,
    .requests_a_second = 500,
};

struct thread {
    struct worker worker;
    struct server *server;
    struct evconnlistener *listener;
    struct event *stop, *settled;
    int stop_fd; /* an eventfd, which wakes the thread to its end */
    pthread_t id;
    bool runs;
};

/* Workers may still read the limits of before: all are kept. */
struct kept_limits {
    struct server_limits limits;
    struct kept_limits *before;
};

struct server {
    struct kept_limits *limits; /* the last ones */
    struct server_owner owner;
    struct limiter *limiter;
    struct settler *settler;
    pthread_mutex_t tls_mutex;
    struct tls_server *tls; /* borrowed */
    uint16_t port;
    unsigned count;
    struct thread *threads;
};

static struct ssl_st *open_session(struct server *server)
{
    (void)pthread_mutex_lock(&server->tls_mutex);
    struct ssl_st *session = server->tls ? tls_server_session(server->tls) : NULL;
    (void)pthread_mutex_unlock(&server->tls_mutex);
    return session;
}

static bool same_limits(const struct server_limits *a, const struct server_limits *b)
{
    return a->body == b->body && a->handshake_ms == b->handshake_ms &&
           a->request_ms == b->request_ms && a->answer_ms == b->answer_ms &&
           a->idle_ms == b->idle_ms && a->connections == b->connections &&
           a->connections_each == b->connections_each &&
           a->requests_a_second == b->requests_a_second;
}

int server_set_limits(struct server *server, const struct server_limits *limits, struct error *err)
{
    if (server->limits && same_limits(&server->limits->limits, limits))
        return 0;
    struct kept_limits *kept = malloc(sizeof *kept);
    if (!kept)
        return error_memory(err);
    *kept = (struct kept_limits){*limits, server->limits};
    server->limits = kept;
    for (unsigned i = 0; server->threads && i < server->count; i++) {
        server->threads[i].worker.limits = &kept->limits;
        server->threads[i].worker.count_max = limits->connections / server->count + 1;
    }
    if (server->limiter)
        limiter_set(server->limiter, limits->connections_each, limits->requests_a_second);
    return 0;
}

static void free_limits(struct server *server)
{
    while (server->limits) {
        struct kept_limits *kept = server->limits;
        server->limits = kept->before;
        free(kept);
    }
}

void server_set_tls(struct server *server, struct tls_server *tls)
{
    (void)pthread_mutex_lock(&server->tls_mutex);
    server->tls = tls;
    (void)pthread_mutex_unlock(&server->tls_mutex);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int size, void *argument)
{
    struct thread *thread = argument;
    (void)listener;
    (void)size;
    struct ssl_st *session = open_session(thread->server);
    if (thread->server->tls && !session) {
        (void)close(fd); /* never in the clear where TLS is meant */
        return;
    }
    connection_accept(&thread->worker, fd, address, session);
}

/* No descriptor or no memory is left: connections wait in the backlog until some have gone. */
static void on_accept_error(struct evconnlistener *listener, void *argument)
{
    struct timespec pause = {.tv_nsec = 10000000};
    (void)listener;
    (void)argument;
    (void)nanosleep(&pause, NULL);
}

static void on_settled(evutil_socket_t fd, short what, void *argument)
{
    struct thread *thread = argument;
    (void)fd;
    (void)what;
    connection_send_settled(&thread->worker);
}

static void on_stop(evutil_socket_t fd, short what, void *argument)
{
    struct thread *thread = argument;
    (void)fd;
    (void)what;
    (void)evconnlistener_disable(thread->listener);
    (void)event_del(thread->stop);
    connection_stop_all(&thread->worker);
    if (thread->worker.count == 0)
        (void)event_base_loopbreak(thread->worker.base);
}

static void *run_thread(void *argument)
{
    struct thread *thread = argument;
    (void)event_base_dispatch(thread->worker.base);
    connection_drop_all(&thread->worker);
    return NULL;
}

static bool read_address(const char *text, uint16_t port, struct sockaddr_storage *out,
                         socklen_t *size)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    *out = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(out, &in, sizeof in);
        *size = sizeof in;
    } else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1) {
        memcpy(out, &in6, sizeof in6);
        *size = sizeof in6;
    } else {
        return false;
    }
    return true;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in in;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return 0;
    memcpy(&in, &address, sizeof in); /* the port has the same place in IPv6 */
    return ntohs(in.sin_port);
}

static bool set_on(int fd, int option)
{
    const int on = 1;
    return setsockopt(fd, SOL_SOCKET, option, &on, sizeof on) == 0;
}

/* Opens a listening socket on the server's port, which the first one chooses where it is 0. Only
 * when that one has the port it is shared, with the others: not with another service of the same
 * user's, which would get some of the clients. */
static int listen_on(struct server *server, const char *text, bool is_first, struct error *err)
{
    struct sockaddr_storage address;
    socklen_t size;
    if (!read_address(text, server->port, &address, &size))
        return error_set(err, ERROR_USAGE, "\"%s\" is no IP address", text);
    FD_AUTO fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !set_on(fd, SO_REUSEADDR) || (!is_first && !set_on(fd, SO_REUSEPORT)) ||
        bind(fd, (struct sockaddr *)&address, size) < 0 || !set_on(fd, SO_REUSEPORT) ||
        listen(fd, BACKLOG) < 0)
        return error_system(err, errno, "cannot listen on %s, port %u", text, server->port);
    server->port = port_of(fd);
    return fd_take(&fd);
}

/* An event loop that looks for what goes first (connection.h) between two requests. */
static struct event_base *make_loop(void)
{
    const struct timeval look = {.tv_usec = 1000 * LOOK_MS};
    struct event_base *base = NULL;
    struct event_config *config = event_config_new();
    if (config && event_config_set_max_dispatch_interval(config, &look, -1, PRIORITY_REQUESTS) == 0)
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    if (base && event_base_priority_init(base, PRIORITY_COUNT) == 0)
        return base;
    if (base)
        event_base_free(base);
    return NULL;
}

static int prepare_thread(struct server *server, struct thread *thread, const char *address,
                          struct error *err)
{
    struct worker *worker = &thread->worker;
    thread->server = server;
    thread->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    *worker = (struct worker){.base = make_loop(),
                              .limits = &server->limits->limits,
                              .owner = &server->owner,
                              .limiter = server->limiter,
                              .settler = server->settler,
                              .count_max = server->limits->limits.connections / server->count + 1};
    if (settled_init(&worker->settled, err) < 0)
        return -1;
    if (thread->stop_fd < 0 || !worker->base)
        return error_memory(err);
    FD_AUTO fd = listen_on(server, address, thread == server->threads, err);
    if (fd < 0)
        return -1;
    thread->settled = event_new(worker->base, worker->settled.fd, EV_READ | EV_PERSIST, on_settled,
                                thread);
    thread->stop = event_new(worker->base, thread->stop_fd, EV_READ, on_stop, thread);
    thread->listener = evconnlistener_new(worker->base, on_accept, thread,
                                          LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (!thread->settled || !thread->stop || !thread->listener ||
        event_priority_set(thread->settled, PRIORITY_ANSWERS) < 0 ||
        event_add(thread->stop, NULL) < 0 || event_add(thread->settled, NULL) < 0)
        return error_memory(err);
    (void)fd_take(&fd); /* the listener's */
    evconnlistener_set_error_cb(thread->listener, on_accept_error);
    return 0;
}

/* Starts the thread with all signals blocked: they are for the one that started the server. */
static int start_thread(struct thread *thread, struct error *err)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&thread->id, NULL, run_thread, thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0)
        return error_system(err, result, "cannot start a thread");
    thread->runs = true;
    return 0;
}

static void free_thread(struct thread *thread)
{
    struct worker *worker = &thread->worker;
    connection_send_settled(worker); /* its clients have gone: this frees them */
    settled_fini(&worker->settled);
    if (thread->listener)
        evconnlistener_free(thread->listener);
    if (thread->stop)
        event_free(thread->stop);
    if (thread->settled)
        event_free(thread->settled);
    if (worker->base)
        event_base_free(worker->base);
    fd_close(&thread->stop_fd);
}

/* The workers first, side by side: their last answers want to be settled. */
void server_stop(struct server *server)
{
    if (!server)
        return;
    for (unsigned i = 0; server->threads && i < server->count; i++) {
        uint64_t one = 1;
        if (server->threads[i].runs)
            (void)!write(server->threads[i].stop_fd, &one, sizeof one);
    }
    for (unsigned i = 0; server->threads && i < server->count; i++) {
        if (server->threads[i].runs)
            (void)pthread_join(server->threads[i].id, NULL);
    }
    settler_stop(server->settler);
    for (unsigned i = 0; server->threads && i < server->count; i++)
        free_thread(&server->threads[i]);
    limiter_free(server->limiter);
    (void)pthread_mutex_destroy(&server->tls_mutex);
    free_limits(server);
    free(server->threads);
    free(server);
}

static struct server *server_new(unsigned workers, const struct server_limits *limits,
                                 const struct server_owner *owner, struct error *err)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server || pthread_mutex_init(&server->tls_mutex, NULL) != 0) {
        free(server);
        (void)error_memory(err);
        return NULL;
    }
    if (server_set_limits(server, limits, err) < 0) {
        server_stop(server);
        return NULL;
    }
    server->owner = *owner;
    server->threads = calloc(workers, sizeof *server->threads);
    server->limiter = limiter_new(limits->connections_each, limits->requests_a_second, err);
    server->settler = server->limiter ? settler_start(owner, err) : NULL;
    for (unsigned i = 0; server->threads && i < workers; i++) {
        server->threads[i].stop_fd = -1;
        server->threads[i].worker.settled.fd = -1;
    }
    if (server->threads && server->settler) {
        server->count = workers;
        return server;
    }
    server_stop(server);
    return NULL;
}

/* As many descriptors as may be had: a connection needs one. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

struct server *server_start(const char *address, uint16_t port, struct tls_server *tls,
                            unsigned workers, const struct server_limits *limits,
                            const struct server_owner *owner, struct error *err)
{
    struct server *server = server_new(workers, limits, owner, err);
    if (!server)
        return NULL;
    server->tls = tls;
    server->port = port;
    (void)signal(SIGPIPE, SIG_IGN); /* TLS writes without MSG_NOSIGNAL */
    raise_descriptor_limit();
    int result = 0;
    for (unsigned i = 0; i < workers && result == 0; i++)
        result = prepare_thread(server, &server->threads[i], address, err);
    for (unsigned i = 0; i < workers && result == 0; i++)
        result = start_thread(&server->threads[i], err);
    if (result == 0)
        return server;
    server_stop(server);
    return NULL;
}

uint16_t server_port(const struct server *server)
{
    return server->port;
}
