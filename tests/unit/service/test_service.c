/* A configuration that is read again while requests are answered: what has begun goes on by the one
 * before, what comes is answered by the new one, and neither waits for the other. */
#include "../check.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "../remove_tree.h"
#include "format/json.h"
#include "service/service.h"

#define HELD "held" /* the Host of the request that is held in the middle of its answer */

static char folder[256];
static struct service *service;
static struct server_owner owner;
static sem_t has_begun, may_end;

const struct config_tenant *__real_config_find_tenant(const struct config *config,
                                                      struct span host);
const struct config_tenant *__wrap_config_find_tenant(const struct config *config,
                                                      struct span host);

/* In the place of config_find_tenant() (the linker's --wrap): a slow request. */
const struct config_tenant *__wrap_config_find_tenant(const struct config *config, struct span host)
{
    if (span_equal_text(host, HELD)) {
        (void)sem_post(&has_begun);
        while (sem_wait(&may_end) < 0)
            continue;
    }
    return __real_config_find_tenant(config, host);
}

static struct config *read_config(const char *text)
{
    struct error err = {0};
    struct config *config = calloc(1, sizeof *config);
    BUF_AUTO whole = BUF_WITH_LIMIT(CONFIG_SIZE_MAX);
    assert_non_null(config);
    check_ok(buf_printf(&whole, &err, "state: %s/state\ntls: {plain_http: true}\n%s", folder, text),
             &err);
    check_ok(config_read(buf_span(&whole), folder, config, &err), &err);
    return config;
}

static int open_service(void **state)
{
    (void)state;
    struct error err = {0};
    bool made;
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/caisson-service-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder) || sem_init(&has_begun, 0, 0) < 0 || sem_init(&may_end, 0, 0) < 0)
        return -1;
    service = service_open(read_config("tenants: [{name: acme, issuer: https://before}]\n"), NULL,
                           &made, &err);
    if (!service)
        return -1;
    owner = service_owner(service);
    return 0;
}

static int close_service(void **state)
{
    (void)state;
    service_close(service);
    (void)sem_destroy(&has_begun);
    (void)sem_destroy(&may_end);
    return remove_tree(folder);
}

/* What the answer to a request for the issuer's description holds; "" for another answer. */
struct question {
    const char *host;
    char issuer[64];
};

static void ask(struct question *question)
{
    struct error err = {0};
    struct http_request http;
    enum http_status status;
    char head[256];
    int size = snprintf(head, sizeof head,
                        "GET /.well-known/openid-configuration HTTP/1.1\r\nHost: %s\r\n\r\n",
                        question->host);
    if (http_head_read(span_of(head, (size_t)size), &http, &status, &err) < 0)
        return;
    struct server_request request = {.http = &http,
                                     .method = "GET",
                                     .path = "/.well-known/openid-configuration",
                                     .peer = "127.0.0.1"};
    struct server_answer answer = {.body = BUF_WITH_LIMIT(SERVER_ANSWER_MAX),
                                   .headers = BUF_WITH_LIMIT(4096)};
    owner.answer(owner.context, &request, &answer);
    const struct json_limits limits = {.size = SERVER_ANSWER_MAX, .depth = 8};
    json_auto_t *object = json_parse_object(buf_span(&answer.body), &limits, NULL);
    const char *issuer = json_string_value(json_object_get(object, "issuer"));
    (void)snprintf(question->issuer, sizeof question->issuer, "%s",
                   answer.status == HTTP_OK && issuer ? issuer : "");
    buf_fini(&answer.body);
    buf_fini(&answer.headers);
}

static void *ask_in_thread(void *argument)
{
    ask(argument);
    return NULL;
}

static void check_issuer(const char *host, const char *issuer)
{
    struct question question = {.host = host};
    ask(&question);
    assert_string_equal(question.issuer, issuer);
}

static void a_reload_waits_for_no_request_and_no_request_for_it(void **state)
{
    (void)state;
    struct error err = {0};
    pthread_t threads[2];
    struct question held[2] = {{.host = HELD}, {.host = HELD}};
    assert_int_equal(pthread_create(&threads[0], NULL, ask_in_thread, &held[0]), 0);
    assert_int_equal(sem_wait(&has_begun), 0);
    check_ok(service_reload(service,
                            read_config("tenants: [{name: acme, issuer: https://after}]\n"), &err),
             &err);
    check_issuer("any", "https://after");
    assert_int_equal(pthread_create(&threads[1], NULL, ask_in_thread, &held[1]), 0);
    assert_int_equal(sem_wait(&has_begun), 0);
    check_ok(service_reload(service, read_config("tenants: [{name: acme, issuer: https://last}]\n"),
                            &err),
             &err);
    check_issuer("any", "https://last");
    (void)sem_post(&may_end);
    (void)sem_post(&may_end);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_string_equal(held[0].issuer, "https://before");
    assert_string_equal(held[1].issuer, "https://after");
}

static void a_configuration_that_is_refused_changes_nothing(void **state)
{
    (void)state;
    struct error err = {0};
    check_refused(
        service_reload(service,
                       read_config("workers: 7\ntenants: [{name: acme, issuer: https://after}]\n"),
                       &err),
        &err, "workers");
    check_issuer("any", "https://before");
    struct error missing = {0};
    check_error(service_reload(service,
                               read_config("trust: {simulated: nowhere}\ntenants: [{name: acme, "
                                           "issuer: https://after}]\n"),
                               &missing),
                &missing, ERROR_NOT_FOUND);
    check_issuer("any", "https://before");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_reload_waits_for_no_request_and_no_request_for_it),
        CASE(a_configuration_that_is_refused_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
