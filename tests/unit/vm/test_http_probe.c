/* HTTP probes against a server of the test's own: what counts as an answer. */
#include "../check.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm/http_probe.h"

#define TIMEOUT_MS 20000 /* for a machine that is busy */

struct outcome {
    struct event_base *base;
    int calls;
    bool good;
};

static void on_done(void *argument, bool good)
{
    struct outcome *outcome = argument;
    outcome->calls++;
    outcome->good = good;
    (void)event_base_loopbreak(outcome->base);
}

/* Listens on a free port of the loopback. */
static int listen_somewhere(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* A server that takes one connection, reads the request to its end, checks that it holds `wanted`,
 * writes `answer` and ends: with 0 where the request was as wanted. */
static pid_t serve(int listener, const char *wanted, const char *answer)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    char request[4096] = "";
    size_t size = 0;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    while (size < sizeof request - 1 && !strstr(request, "\r\n\r\n")) {
        ssize_t got = read(fd, request + size, sizeof request - 1 - size);
        if (got <= 0)
            break;
        size += (size_t)got;
        request[size] = '\0';
    }
    for (size_t left = strlen(answer); left > 0;) {
        ssize_t put = write(fd, answer + strlen(answer) - left, left);
        if (put <= 0)
            break;
        left -= (size_t)put;
    }
    (void)close(fd);
    _exit(strstr(request, wanted) ? 0 : 1);
}

static bool ask(struct http_probe_plan plan, const char *wanted, const char *answer)
{
    struct outcome outcome = {.base = event_base_new()};
    struct error err = {0};
    int status = 0;
    int listener = listen_somewhere(&plan.port);
    pid_t server = answer ? serve(listener, wanted, answer) : 0;
    (void)close(listener);
    plan.timeout_ms = TIMEOUT_MS;
    assert_non_null(http_probe_start(outcome.base, &plan, on_done, &outcome, &err));
    assert_true(event_base_dispatch(outcome.base) >= 0);
    assert_int_equal(outcome.calls, 1);
    if (server > 0) {
        assert_int_equal(waitpid(server, &status, 0), server);
        assert_int_equal(status, 0);
    }
    event_base_free(outcome.base);
    return outcome.good;
}

static const struct http_probe_plan plain = {.path = "/", .host = ""};

static void takes_200_to_399_for_good(void **state)
{
    (void)state;
    assert_true(ask(plain, "GET / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    assert_true(ask(plain, "", "HTTP/1.0 204 No Content\r\n\r\n"));
    assert_true(ask(plain, "", "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"));
    assert_true(ask(plain, "", "HTTP/1.1 399 Odd\r\nContent-Length: 0\r\n\r\n"));
}

static void takes_all_else_for_bad(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 199 Odd\r\nContent-Length: 0\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1\r\n\r\n",
        "",
    };
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        if (ask(plain, "", answers[i]))
            fail_msg("\"%s\" counts as good", answers[i]);
    }
}

static void says_what_it_was_told_to(void **state)
{
    static const struct http_header headers[] = {{"X-Probe", "yes"}};
    const struct http_probe_plan plan = {
        .path = "/health?a=b", .host = "web.example", .headers = headers, .header_count = 1};
    (void)state;
    assert_true(ask(plan, "GET /health?a=b HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n\r\n"));
    assert_true(ask(plan, "Host: web.example\r\n", "HTTP/1.1 200 OK\r\n\r\n"));
    assert_true(ask(plan, "X-Probe: yes\r\n", "HTTP/1.1 200 OK\r\n\r\n"));
}

static void takes_a_status_whatever_follows(void **state)
{
    static char answer[300000] = "HTTP/1.1 200 OK\r\nContent-Length: 290000\r\n\r\n";
    (void)state;
    memset(answer + strlen(answer), 'x', sizeof answer - strlen(answer) - 1);
    assert_true(ask(plain, "", answer));
}

static void refuses_headers_without_end(void **state)
{
    static char answer[300000] = "HTTP/1.1 200 OK\r\nX: ";
    (void)state;
    memset(answer + strlen(answer), 'x', sizeof answer - strlen(answer) - 1);
    assert_false(ask(plain, "", answer));
}

static void fails_where_nobody_listens(void **state)
{
    (void)state;
    assert_false(ask(plain, "", NULL));
}

static void gives_up_in_time(void **state)
{
    struct outcome outcome = {.base = event_base_new()};
    struct http_probe_plan plan = plain;
    struct error err = {0};
    int listener = listen_somewhere(&plan.port); /* takes the connection and says nothing */
    (void)state;
    plan.timeout_ms = 50;
    assert_non_null(http_probe_start(outcome.base, &plan, on_done, &outcome, &err));
    assert_true(event_base_dispatch(outcome.base) >= 0);
    assert_int_equal(outcome.calls, 1);
    assert_false(outcome.good);
    (void)close(listener);
    event_base_free(outcome.base);
}

static void is_silent_once_cancelled(void **state)
{
    struct outcome outcome = {.base = event_base_new()};
    struct http_probe_plan plan = plain;
    struct error err = {0};
    int listener = listen_somewhere(&plan.port);
    (void)state;
    plan.timeout_ms = 50;
    http_probe_cancel(http_probe_start(outcome.base, &plan, on_done, &outcome, &err));
    (void)event_base_dispatch(outcome.base);
    assert_int_equal(outcome.calls, 0);
    (void)close(listener);
    event_base_free(outcome.base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_200_to_399_for_good),
        cmocka_unit_test(takes_all_else_for_bad),
        cmocka_unit_test(says_what_it_was_told_to),
        cmocka_unit_test(takes_a_status_whatever_follows),
        cmocka_unit_test(refuses_headers_without_end),
        cmocka_unit_test(fails_where_nobody_listens),
        cmocka_unit_test(gives_up_in_time),
        cmocka_unit_test(is_silent_once_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
