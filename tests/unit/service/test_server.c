/* The server over real sockets: what it answers, what it bounds, what it settles first. */
#include "../check.h"

#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../made.h"
#include "crypto/certificate.h"
#include "crypto/tls_server.h"
#include "service/server.h"

/* What the owner saw, and how it behaves. */
struct seen {
    pthread_mutex_t mutex;
    unsigned answered, settled, logged, notes;
    bool cannot_settle;
    size_t certificate_size;
};

static void answer(void *context, const struct server_request *request, struct server_answer *out)
{
    struct seen *seen = context;
    (void)pthread_mutex_lock(&seen->mutex);
    seen->answered++;
    seen->notes++;
    seen->certificate_size = request->certificate.size;
    (void)pthread_mutex_unlock(&seen->mutex);
    out->note = malloc(1);
    out->status = HTTP_OK;
    out->type = "text/plain";
    assert_int_equal(buf_printf(&out->body, NULL, "%s %s %.*s", request->method, request->path,
                                (int)request->body.size, (const char *)request->body.data),
                     0);
    if (strcmp(request->path, "/large") == 0)
        assert_int_equal(buf_append_zero(&out->body, 4 << 20, NULL), 0);
    if (strcmp(request->path, "/none") == 0)
        out->status = HTTP_NO_CONTENT;
}

static void settle(void *context, struct server_answer *const answers[], size_t count)
{
    struct seen *seen = context;
    (void)pthread_mutex_lock(&seen->mutex);
    for (size_t i = 0; i < count; i++) {
        free(answers[i]->note);
        seen->notes--;
        seen->settled++;
        if (seen->cannot_settle) {
            answers[i]->status = HTTP_UNAVAILABLE;
            buf_truncate(&answers[i]->body, 0);
        }
    }
    (void)pthread_mutex_unlock(&seen->mutex);
}

static void log_request(void *context, const char *peer, const char *method, const char *path,
                        enum http_status status, uint64_t microseconds)
{
    struct seen *seen = context;
    (void)method;
    (void)path;
    (void)status;
    (void)microseconds;
    (void)pthread_mutex_lock(&seen->mutex);
    seen->logged += strcmp(peer, "127.0.0.1") == 0;
    (void)pthread_mutex_unlock(&seen->mutex);
}

static const struct server_limits test_limits = {
    .body = 1000,
    .handshake_ms = 20000,
    .request_ms = 20000,
    .answer_ms = 20000,
    .idle_ms = 20000,
    .connections = 100,
    .connections_each = 50,
    .requests_a_second = 100000,
};

static struct server *start(struct seen *seen, struct tls_server *tls,
                            const struct server_limits *limits)
{
    struct error err = {0};
    *seen = (struct seen){.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct server_owner owner = {answer, settle, log_request, seen};
    struct server *server = server_start("127.0.0.1", 0, tls, 2, limits, &owner, &err);
    if (!server)
        fail_msg("%s", err.text);
    return server;
}

static int open_client(const struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(server_port(server)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval wait = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    size_t size = strlen(text);
    assert_int_equal(send(fd, text, size, MSG_NOSIGNAL), size);
}

/* Reads until the server closes; the text is in a static buffer. */
static const char *hear(int fd)
{
    static char text[8 << 20];
    size_t size = 0;
    ssize_t got;
    while (size + 1 < sizeof text && (got = recv(fd, text + size, sizeof text - size - 1, 0)) > 0)
        size += (size_t)got;
    text[size] = '\0';
    (void)close(fd);
    return text;
}

static const char *ask(const struct server *server, const char *request)
{
    int fd = open_client(server);
    say(fd, request);
    return hear(fd);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        count++;
    return count;
}

static void check_has(const char *text, const char *part)
{
    assert_non_null(text);
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in \"%.500s\"", part, text);
}

static void answers_requests_of_one_connection_in_their_order(void **state)
{
    (void)state;
    struct seen seen;
    struct server *server = start(&seen, NULL, &test_limits);
    const char *text = ask(server,
                           "GET /a%20b?x=1 HTTP/1.1\r\nHost: h\r\n\r\n"
                           "PUT /c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz"
                           "POST /d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "2\r\nuv\r\n1\r\nw\r\n0\r\n\r\n"
                           "HEAD /e HTTP/1.1\r\nHost: h\r\n\r\n"
                           "GET /none HTTP/1.1\r\nHost: h\r\n\r\n"
                           "GET /f HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
                           "GET /never HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(count_of(text, "HTTP/1.1 200 OK\r\n"), 5);
    assert_int_equal(count_of(text, "HTTP/1.1 204 No Content\r\n"), 1);
    assert_int_equal(count_of(text, "Connection: close\r\n"), 1);
    const char *a = strstr(text, "GET /a b "), *c = strstr(text, "PUT /c xyz");
    const char *d = strstr(text, "POST /d uvw"), *f = strstr(text, "GET /f ");
    assert_true(a && c && d && f && a < c && c < d && d < f);
    assert_null(strstr(text, "/e"));
    check_has(text, "Content-Length: 7\r\n\r\nHTTP/1.1 204");
    assert_null(strstr(text, "/never"));
    server_stop(server);
    assert_int_equal(seen.answered, 6);
    assert_int_equal(seen.settled, 6);
    assert_int_equal(seen.logged, 6);
    assert_int_equal(seen.notes, 0);
}

static void sends_large_answers_whole(void **state)
{
    (void)state;
    struct seen seen;
    struct server *server = start(&seen, NULL, &test_limits);
    int fd = open_client(server);
    say(fd, "GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    size_t size = 0;
    char part[65536];
    ssize_t got;
    while ((got = recv(fd, part, sizeof part, 0)) > 0)
        size += (size_t)got;
    assert_int_equal(got, 0);
    assert_true(size > (4 << 20) + 50);
    (void)close(fd);
    server_stop(server);
}

static void refuses_what_it_cannot_read_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *request, *status, *reason;
    } cases[] = {
        {"nonsense\r\n\r\n", "400 Bad Request", "method, a target and a version"},
        {"GET / HTTP/3.0\r\n\r\n", "505 HTTP Version", "HTTP/1.1"},
        {"GET /../a HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request", "\\\".\\\""},
        {"GET /a//b HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request", "empty name"},
        {"GET /%2e%2e/a HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request", "\\\".\\\""},
        {"GET /%ff HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request", "UTF-8"},
        {"GETGETGETGETGETGET / HTTP/1.1\r\nHost: h\r\n\r\n", "501 Not Impl", "method"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n", "413 Content",
         "at most 1000"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400 Bad",
         "malformed"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", "501 Not Impl", "coding"},
    };
    struct seen seen;
    struct server *server = start(&seen, NULL, &test_limits);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = ask(server, cases[i].request);
        check_has(text, cases[i].status);
        check_has(text, cases[i].reason);
        check_has(text, "Connection: close\r\n");
        assert_int_equal(count_of(text, "Content-Length: "), 1);
    }
    server_stop(server);
    assert_int_equal(seen.answered, 0);
    assert_int_equal(seen.logged, sizeof cases / sizeof cases[0]);
}

static void bounds_heads_and_chunks_that_go_on(void **state)
{
    (void)state;
    struct seen seen;
    struct server *server = start(&seen, NULL, &test_limits);
    BUF_AUTO text = BUF_WITH_LIMIT(1 << 20);
    assert_int_equal(buf_append_text(&text, "GET / HTTP/1.1\r\nHost: h\r\nX: ", NULL), 0);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(buf_append_byte(&text, 'a', NULL), 0);
    check_has(ask(server, buf_text(&text)), "431 Request Header");
    buf_truncate(&text, 0);
    assert_int_equal(
        buf_append_text(&text, "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
                        NULL),
        0);
    for (int i = 0; i < 300; i++)
        assert_int_equal(buf_append_text(&text, "4\r\nabcd\r\n", NULL), 0);
    check_has(ask(server, buf_text(&text)), "413 Content Too Large");
    server_stop(server);
    assert_int_equal(seen.answered, 0);
}

static void asks_for_a_body_that_waits_to_be_asked_for(void **state)
{
    (void)state;
    struct seen seen;
    struct server *server = start(&seen, NULL, &test_limits);
    static const char wanted[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char got[sizeof wanted] = "";
    int fd = open_client(server);
    say(fd, "PUT /c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n"
            "Connection: close\r\n\r\n");
    assert_int_equal(recv(fd, got, sizeof wanted - 1, MSG_WAITALL), sizeof wanted - 1);
    assert_string_equal(got, wanted);
    say(fd, "xyz");
    check_has(hear(fd), "PUT /c xyz");
    server_stop(server);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* However slowly bytes come, the request's time runs from its first byte. */
static void ends_requests_that_only_drip(void **state)
{
    (void)state;
    static const char *const begins[] = {
        "GET / HTTP/1.1\r\n",
        "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    };
    struct seen seen;
    struct server_limits limits = test_limits;
    limits.request_ms = 300;
    struct server *server = start(&seen, NULL, &limits);
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        int fd = open_client(server);
        struct timespec pause = {.tv_nsec = 20000000};
        char byte;
        say(fd, begins[i]);
        uint64_t begun = now_ms();
        while (recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && now_ms() < begun + 15000) {
            (void)send(fd, "a", 1, MSG_NOSIGNAL);
            (void)nanosleep(&pause, NULL);
        }
        check_has(hear(fd), "408 Request Timeout");
    }
    server_stop(server);
    assert_int_equal(seen.answered, 0);
}

static void ends_connections_that_say_nothing(void **state)
{
    (void)state;
    struct seen seen;
    struct server_limits limits = test_limits;
    limits.idle_ms = 50;
    struct server *server = start(&seen, NULL, &limits);
    assert_string_equal(hear(open_client(server)), "");
    server_stop(server);
    assert_int_equal(seen.logged, 0);
}

/* A client that takes no answer is let go. */
static void ends_answers_that_nobody_takes(void **state)
{
    (void)state;
    struct seen seen;
    struct server_limits limits = test_limits;
    limits.answer_ms = 100;
    limits.connections_each = 1;
    struct server *server = start(&seen, NULL, &limits);
    int small = 4096, fd = open_client(server);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    say(fd, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
    uint64_t begun = now_ms();
    const char *text = "";
    while (!*text && now_ms() < begun + 15000) /* there is room again once it was let go */
        text = ask(server, "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    check_has(text, "GET /a");
    (void)close(fd);
    server_stop(server);
}

static void bounds_connections_and_requests_of_one_client(void **state)
{
    (void)state;
    struct seen seen;
    struct server_limits limits = test_limits;
    limits.connections_each = 2;
    limits.requests_a_second = 3;
    struct server *server = start(&seen, NULL, &limits);
    int one = open_client(server), two = open_client(server);
    say(one, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
    char byte;
    assert_int_equal(recv(one, &byte, 1, 0), 1); /* it is in */
    say(two, "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(recv(two, &byte, 1, 0), 1);
    assert_string_equal(hear(open_client(server)), "");
    say(two, "GET /3 HTTP/1.1\r\nHost: h\r\n\r\nGET /4 HTTP/1.1\r\nHost: h\r\n\r\n"
             "GET /5 HTTP/1.1\r\nHost: h\r\n\r\nGET /6 HTTP/1.1\r\nHost: h\r\n\r\n"
             "GET /7 HTTP/1.1\r\nHost: h\r\n\r\nGET /8 HTTP/1.1\r\nHost: h\r\n\r\n");
    const char *text = hear(two);
    check_has(text, "429 Too Many Requests");
    check_has(text, "Retry-After: 1\r\n");
    (void)close(one);
    server_stop(server);
}

static void sends_nothing_that_was_not_settled(void **state)
{
    (void)state;
    struct seen seen;
    struct server *server = start(&seen, NULL, &test_limits);
    seen.cannot_settle = true;
    const char *text = ask(server, "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    check_has(text, "503 Service Unavailable");
    assert_null(strstr(text, "GET /a"));
    server_stop(server);
    assert_int_equal(seen.notes, 0);
}

/* Clients that go at once leave no note behind. */
static void settles_answers_of_clients_that_have_gone(void **state)
{
    (void)state;
    struct seen seen;
    struct server_limits limits = test_limits;
    limits.connections = limits.connections_each = 1000;
    struct server *server = start(&seen, NULL, &limits);
    for (int i = 0; i < 200; i++) {
        struct linger now = {.l_onoff = 1};
        int fd = open_client(server);
        say(fd, "GET /large HTTP/1.1\r\nHost: h\r\n\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        if (i % 2)
            assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
        (void)close(fd);
    }
    check_has(ask(server, "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), "GET /a");
    server_stop(server);
    assert_int_equal(seen.notes, 0);
    assert_int_equal(seen.settled, seen.answered);
}

#define QUEUE 8

/* Requests that came together, each of which costs two milliseconds. */
struct queue {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool all_are_there;
    unsigned answered, settled, sent, sent_before_last;
};

static void answer_queued(void *context, const struct server_request *request,
                          struct server_answer *out)
{
    struct queue *queue = context;
    const struct timespec cost = {.tv_nsec = 2000000};
    (void)request;
    (void)pthread_mutex_lock(&queue->mutex);
    while (!queue->all_are_there || queue->settled < queue->answered)
        (void)pthread_cond_wait(&queue->changed, &queue->mutex);
    if (++queue->answered == QUEUE)
        queue->sent_before_last = queue->sent;
    (void)pthread_mutex_unlock(&queue->mutex);
    (void)nanosleep(&cost, NULL);
    out->note = malloc(1);
    out->status = HTTP_OK;
}

static void settle_queued(void *context, struct server_answer *const answers[], size_t count)
{
    struct queue *queue = context;
    (void)pthread_mutex_lock(&queue->mutex);
    for (size_t i = 0; i < count; i++)
        free(answers[i]->note);
    queue->settled += (unsigned)count;
    (void)pthread_cond_broadcast(&queue->changed);
    (void)pthread_mutex_unlock(&queue->mutex);
}

static void log_queued(void *context, const char *peer, const char *method, const char *path,
                       enum http_status status, uint64_t microseconds)
{
    struct queue *queue = context;
    (void)peer;
    (void)method;
    (void)path;
    (void)status;
    (void)microseconds;
    (void)pthread_mutex_lock(&queue->mutex);
    queue->sent++;
    (void)pthread_mutex_unlock(&queue->mutex);
}

/* The first ones do not wait until the last one was answered, too. */
static void sends_what_was_settled_before_it_takes_more_requests(void **state)
{
    (void)state;
    struct error err = {0};
    struct queue queue = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct server_owner owner = {answer_queued, settle_queued, log_queued, &queue};
    struct server *server = server_start("127.0.0.1", 0, NULL, 1, &test_limits, &owner, &err);
    int clients[QUEUE];
    assert_non_null(server);
    for (size_t i = 0; i < QUEUE; i++) {
        clients[i] = open_client(server);
        say(clients[i], "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    }
    (void)pthread_mutex_lock(&queue.mutex);
    queue.all_are_there = true;
    (void)pthread_cond_broadcast(&queue.changed);
    (void)pthread_mutex_unlock(&queue.mutex);
    for (size_t i = 0; i < QUEUE; i++)
        check_has(hear(clients[i]), "200 OK");
    server_stop(server);
    assert_int_equal(queue.sent, QUEUE);
    assert_true(queue.sent_before_last >= QUEUE / 2); /* one or two may be on their way */
}

static void lets_a_request_that_has_begun_come_to_its_end(void **state)
{
    (void)state;
    struct seen seen;
    struct server *server = start(&seen, NULL, &test_limits);
    int fd = open_client(server), idle = open_client(server);
    char byte;
    say(fd, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    say(fd, "GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    server_stop(server); /* returns once all is answered, and does not wait for the idle one */
    check_has(hear(fd), "GET /b");
    assert_string_equal(hear(idle), "");
}

/* A server's certificate and key, and a client's, under one root. */
struct pki {
    struct buf root, chain, key, client_chain, client_key;
};

static void make_pem(EVP_PKEY *key, struct buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    long size = BIO_get_mem_data(bio, &data);
    assert_int_equal(buf_append(out, span_of(data, (size_t)size), NULL), 0);
    BIO_free(bio);
}

static void make_leaf(const char *name, EVP_PKEY *root_key, struct buf *chain, struct buf *key)
{
    BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    EVP_PKEY *leaf = made_key("P-256");
    struct made_certificate wanted = {
        .subject = name, .issuer = "CN=Root", .not_before = 1, .not_after = INT64_C(4102444800)};
    made_issue(&wanted, leaf, root_key, "SHA256", &der);
    assert_int_equal(certificate_der_to_pem(buf_span(&der), chain, NULL), 0);
    make_pem(leaf, key);
    EVP_PKEY_free(leaf);
}

static void make_pki(struct pki *pki)
{
    BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    struct buf *all[] = {&pki->root, &pki->chain, &pki->key, &pki->client_chain, &pki->client_key};
    for (size_t i = 0; i < 5; i++)
        buf_init(all[i], 65536);
    EVP_PKEY *root = made_key("P-256");
    struct made_certificate wanted = {.subject = "CN=Root",
                                      .issuer = "CN=Root",
                                      .constraints = "critical,CA:TRUE",
                                      .not_before = 1,
                                      .not_after = INT64_C(4102444800)};
    made_issue(&wanted, root, root, "SHA256", &der);
    assert_int_equal(certificate_der_to_pem(buf_span(&der), &pki->root, NULL), 0);
    make_leaf("CN=Server", root, &pki->chain, &pki->key);
    make_leaf("CN=Client", root, &pki->client_chain, &pki->client_key);
    EVP_PKEY_free(root);
}

static void free_pki(struct pki *pki)
{
    buf_fini(&pki->root);
    buf_fini(&pki->chain);
    buf_fini_secret(&pki->key);
    buf_fini(&pki->client_chain);
    buf_fini_secret(&pki->client_key);
}

/* A client with the certificate of `pki`, or none; returns what the server answers, "" where the
 * handshake fails. */
static const char *ask_tls(const struct server *server, const struct pki *pki, int version)
{
    static char text[4096];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_set_max_proto_version(context, version), 1);
    if (pki) {
        BIO *chain = BIO_new_mem_buf(pki->client_chain.data, (int)pki->client_chain.size);
        BIO *key = BIO_new_mem_buf(pki->client_key.data, (int)pki->client_key.size);
        X509 *certificate = PEM_read_bio_X509(chain, NULL, NULL, NULL);
        EVP_PKEY *pkey = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
        assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(context, pkey), 1);
        X509_free(certificate);
        EVP_PKEY_free(pkey);
        BIO_free(chain);
        BIO_free(key);
    }
    SSL *ssl = SSL_new(context);
    int fd = open_client(server), size = 0, got;
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    static const char request[] = "GET /t HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    if (SSL_connect(ssl) == 1 && SSL_write(ssl, request, sizeof request - 1) > 0) {
        while ((got = SSL_read(ssl, text + size, (int)sizeof text - 1 - size)) > 0)
            size += got;
        if (size > 0) /* the end was said, not cut */
            assert_int_equal(SSL_get_error(ssl, got), SSL_ERROR_ZERO_RETURN);
    }
    text[size] = '\0';
    SSL_free(ssl);
    SSL_CTX_free(context);
    (void)close(fd);
    return text;
}

static void speaks_tls_and_knows_its_clients(void **state)
{
    (void)state;
    struct error err = {0};
    struct pki pki, other;
    struct seen seen;
    make_pki(&pki);
    make_pki(&other);
    struct tls_server *tls = tls_server_new(buf_span(&pki.chain), buf_span(&pki.key),
                                            buf_span(&pki.root), &err);
    assert_non_null(tls);
    struct server *server = start(&seen, tls, &test_limits);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        check_has(ask_tls(server, NULL, version), "GET /t");
        assert_int_equal(seen.certificate_size, 0);
        check_has(ask_tls(server, &pki, version), "GET /t");
        assert_true(seen.certificate_size > 100);
        assert_string_equal(ask_tls(server, &other, version), "");
    }
    assert_string_equal(ask_tls(server, NULL, TLS1_1_VERSION), "");
    const char *plain = ask(server, "GET /p HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_null(strstr(plain, "HTTP"));
    assert_int_equal(seen.answered, 4);

    /* Another certificate for those who come from now on; the first may go. */
    struct tls_server *next = tls_server_new(buf_span(&other.chain), buf_span(&other.key),
                                             buf_span(&other.root), &err);
    assert_non_null(next);
    server_set_tls(server, next);
    tls_server_free(tls);
    check_has(ask_tls(server, &other, TLS1_3_VERSION), "GET /t");
    assert_string_equal(ask_tls(server, &pki, TLS1_3_VERSION), "");
    server_stop(server);
    tls_server_free(next);
    free_pki(&pki);
    free_pki(&other);
}

static void refuses_keys_and_certificates_that_do_not_fit(void **state)
{
    (void)state;
    struct error err = {0};
    struct pki pki, other;
    make_pki(&pki);
    make_pki(&other);
    struct span none = {0}, bad = span_of_text("-----BEGIN CERTIFICATE-----\n");
    assert_null(tls_server_new(buf_span(&pki.chain), buf_span(&other.key), none, &err));
    check_has(err.text, "not its certificate's");
    assert_null(tls_server_new(bad, buf_span(&pki.key), none, &err));
    assert_null(tls_server_new(buf_span(&pki.chain), bad, none, &err));
    assert_null(tls_server_new(buf_span(&pki.chain), buf_span(&pki.key), bad, &err));
    check_has(err.text, "roots");
    free_pki(&pki);
    free_pki(&other);
}

static void refuses_addresses_that_it_cannot_have(void **state)
{
    (void)state;
    struct error err = {0};
    struct seen seen;
    struct server_owner owner = {answer, settle, log_request, &seen};
    assert_null(server_start("localhost", 0, NULL, 1, &test_limits, &owner, &err));
    assert_int_equal(err.code, ERROR_USAGE);
    assert_null(server_start("192.0.2.1", 0, NULL, 1, &test_limits, &owner, &err));
    assert_int_equal(err.code, ERROR_SYSTEM);
    struct server *server = start(&seen, NULL, &test_limits);
    uint16_t port = server_port(server);
    assert_null(server_start("127.0.0.1", port, NULL, 2, &test_limits, &owner, &err));
    assert_int_equal(err.code, ERROR_SYSTEM);
    server_stop(server);
    server = server_start("127.0.0.1", port, NULL, 2, &test_limits, &owner, &err);
    assert_non_null(server); /* at once, once the other has gone */
    server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_requests_of_one_connection_in_their_order),
        cmocka_unit_test(sends_large_answers_whole),
        cmocka_unit_test(refuses_what_it_cannot_read_with_a_reason),
        cmocka_unit_test(bounds_heads_and_chunks_that_go_on),
        cmocka_unit_test(asks_for_a_body_that_waits_to_be_asked_for),
        cmocka_unit_test(ends_requests_that_only_drip),
        cmocka_unit_test(ends_connections_that_say_nothing),
        cmocka_unit_test(ends_answers_that_nobody_takes),
        cmocka_unit_test(bounds_connections_and_requests_of_one_client),
        cmocka_unit_test(sends_nothing_that_was_not_settled),
        cmocka_unit_test(settles_answers_of_clients_that_have_gone),
        cmocka_unit_test(sends_what_was_settled_before_it_takes_more_requests),
        cmocka_unit_test(lets_a_request_that_has_begun_come_to_its_end),
        cmocka_unit_test(speaks_tls_and_knows_its_clients),
        cmocka_unit_test(refuses_keys_and_certificates_that_do_not_fit),
        cmocka_unit_test(refuses_addresses_that_it_cannot_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
