#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "base/log.h"
#include "base/text.h"
#include "format/json.h"
#include "os/file.h"
#include "service/audit.h"
#include "service/service_parts.h"

/* --- routes ----------------------------------------------------------------------------------- */

static void healthz(const struct call *call, struct server_answer *answer)
{
    (void)call;
    answer->status = HTTP_OK;
    answer->type = "text/plain";
    (void)buf_append_text(&answer->body, "ok\n", NULL);
}

/* Prometheus' text format, version 0.0.4. */
static void metrics(const struct call *call, struct server_answer *answer)
{
    struct service *service = call->service;
    const struct {
        const char *name, *help;
        unsigned long long value;
    } counters[] = {
        {"caisson_requests_total", "Requests answered.", atomic_load(&service->requests)},
        {"caisson_requests_refused_total", "Requests answered with a status of 400 or more.",
         atomic_load(&service->refused)},
        {"caisson_attestations_total", "Tokens given.", atomic_load(&service->attested)},
        {"caisson_attestations_denied_total", "Evidence refused, or denied by a policy.",
         atomic_load(&service->denied)},
    };
    answer->status = HTTP_OK;
    answer->type = "text/plain; version=0.0.4";
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        (void)buf_printf(&answer->body, NULL, "# HELP %s %s\n# TYPE %s counter\n%s %llu\n",
                         counters[i].name, counters[i].help, counters[i].name, counters[i].name,
                         counters[i].value);
}

static const struct route {
    const char *method;
    const char *path; /* without case, as Microsoft's service compares */
    bool has_rest;    /* the path goes on behind it */
    bool is_own;      /* not a tenant's: for whoever watches the service */
    route_answer *answer;
} routes[] = {
    {"GET", "/healthz", false, true, healthz},
    {"GET", "/metrics", false, true, metrics},
    {"GET", "/certs", false, false, maa_certs},
    {"GET", "/.well-known/openid-configuration", false, false, maa_openid_configuration},
    {"POST", "/attest/", true, false, maa_attest},
    {"GET", "/policies/", true, false, maa_get_policy},
    {"PUT", "/policies/", true, false, maa_set_policy},
    {"POST", "/policies/", true, false, maa_reset_policy},
};

/* The route of a path; *known says that the path is there, with this method or another. */
static const struct route *find_route(const char *method, const char *path, bool *known)
{
    *known = false;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        const struct route *route = &routes[i];
        size_t len = strlen(route->path);
        if (strncasecmp(path, route->path, len) != 0 || (!route->has_rest && path[len] != '\0'))
            continue;
        *known = true;
        if (strcmp(method, route->method) == 0)
            return route;
    }
    return NULL;
}

static void answer_call(struct call *call, struct server_answer *answer)
{
    const struct server_request *request = call->request;
    bool known;
    const struct route *route = find_route(request->method, request->path, &known);
    if (!route) {
        answer_error(answer, known ? HTTP_METHOD_NOT_ALLOWED : HTTP_NOT_FOUND, NULL,
                     known ? "this path does not take this method" : "there is nothing here");
        return;
    }
    const struct span *host = http_header_find(request->http, "Host");
    call->tenant = config_find_tenant(call->service->config, host ? *host : span_of(NULL, 0));
    if (!call->tenant && !route->is_own) {
        answer_error(answer, HTTP_NOT_FOUND, NULL, "there is no tenant of this host's name");
        return;
    }
    call->rest = request->path + strlen(route->path);
    route->answer(call, answer);
}

static void on_answer(void *context, const struct server_request *request,
                      struct server_answer *answer)
{
    struct service *service = context;
    struct call call = {.service = service, .request = request, .now = (int64_t)time(NULL)};
    answer_call(&call, answer);
    if (answer->status == 0)
        answer_error(answer, HTTP_SERVER_ERROR, NULL, "nothing answered");
    atomic_fetch_add(&service->requests, 1);
    if (answer->status >= HTTP_BAD_REQUEST)
        atomic_fetch_add(&service->refused, 1);
}

/* --- administrators --------------------------------------------------------------------------- */

bool service_check_administrator(const struct call *call, struct server_answer *answer)
{
    uint8_t digest[SHA256_SIZE];
    struct span certificate = call->request->certificate;
    const struct config_tenant *tenant = call->tenant;
    if (certificate.size == 0) {
        answer_error(answer, HTTP_UNAUTHORIZED, NULL,
                     "this needs a client certificate of an administrator");
        return false;
    }
    sha256_digest(certificate, digest);
    for (size_t i = 0; i < tenant->administrator_count; i++) {
        if (memcmp(tenant->administrators[i], digest, sizeof digest) == 0)
            return true;
    }
    answer_error(answer, HTTP_FORBIDDEN, NULL,
                 "this client certificate is no administrator's of this tenant");
    return false;
}

/* --- audit ------------------------------------------------------------------------------------ */

/* A decision until it is written. */
struct note {
    struct audit_record record;
    json_t *detail; /* the record's */
};

void service_note(const struct call *call, const char *event, bool allowed, json_t *detail,
                  struct server_answer *answer)
{
    struct note *note = detail ? calloc(1, sizeof *note) : NULL;
    if (!note || answer->note) {
        free(note);
        json_decref(detail);
        answer_error(answer, HTTP_SERVER_ERROR, NULL, "the decision could not be noted");
        return;
    }
    *note = (struct note){.record = {call->now, call->tenant->name, event, allowed, detail},
                          .detail = detail};
    answer->note = note;
}

static int append_notes(struct service *service, struct server_answer *const answers[],
                        size_t count, struct error *err)
{
    struct audit_record *records = calloc(count, sizeof *records);
    size_t noted = 0;
    if (!records)
        return error_memory(err);
    for (size_t i = 0; i < count; i++) {
        const struct note *note = answers[i]->note;
        if (note)
            records[noted++] = note->record;
    }
    int result = noted > 0 ? audit_append(service->store, records, noted, err) : 0;
    free(records);
    return result;
}

/* A decision that could not be written down was not made: nobody gets its answer. */
static void on_settle(void *context, struct server_answer *const answers[], size_t count)
{
    struct error err = {0};
    bool written = append_notes(context, answers, count, &err) == 0;
    if (!written)
        log_error("%s", err.text);
    for (size_t i = 0; i < count; i++) {
        struct note *note = answers[i]->note;
        if (!note)
            continue;
        if (!written)
            answer_error(answers[i], HTTP_UNAVAILABLE, NULL,
                         "the decision could not be written to the audit log");
        json_decref(note->detail);
        free(note);
        answers[i]->note = NULL;
    }
}

/* A line of JSON a request, without its query, headers and body. */
static void on_log(void *context, const char *peer, const char *method, const char *path,
                   enum http_status status, uint64_t microseconds)
{
    BUF_AUTO line = BUF_WITH_LIMIT(16384);
    (void)context;
    json_auto_t *entry = json_pack("{s:s, s:s, s:s, s:i, s:I}", "peer", peer, "method", method,
                                   "path", path, "status", (int)status, "microseconds",
                                   (json_int_t)microseconds);
    if (entry && json_append(entry, &line, NULL) == 0)
        log_info("%s", buf_text(&line));
}

struct server_owner service_owner(struct service *service)
{
    return (struct server_owner){on_answer, on_settle, on_log, service};
}

/* --- life ------------------------------------------------------------------------------------- */

#define ROOT_FILE "ark.pem" /* of a simulated processor's folder */

static int read_simulated(struct service *service, struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(65536);
    if (!service->config->simulated)
        return 0;
    TEXT_AUTO path = text_format("%s/" ROOT_FILE, service->config->simulated);
    struct trusted_root *root = &service->roots[service->root_count];
    if (!path)
        return error_memory(err);
    if (file_read(path, &bytes, err) < 0)
        return -1;
    if (trusted_root_read(buf_span(&bytes), root, NULL, err) < 0)
        return error_context(err, "%s", path);
    if (!root->simulated)
        return error_set(err, ERROR_REFUSED, "%s is not the root of a simulated processor", path);
    service->root_count++;
    return 0;
}

static int open_parts(struct service *service, bool *made, struct error *err)
{
    const char *state = service->config->state;
    TEXT_AUTO store = text_format("%s/store", state);
    TEXT_AUTO key = text_format("%s/master.key", state);
    if (!store || !key)
        return error_memory(err);
    if (dir_make_all(state, 0700, err) < 0)
        return -1;
    service->store = database_open(store, err);
    service->vault = service->store ? vault_open_file(key, made, err) : NULL;
    if (!service->vault)
        return -1;
    service->signing = signing_open(service->store, service->vault, (int64_t)time(NULL), err);
    return service->signing ? read_simulated(service, err) : -1;
}

struct service *service_open(const struct config *config, bool *made, struct error *err)
{
    struct service *service = calloc(1, sizeof *service);
    if (!service) {
        (void)error_memory(err);
        return NULL;
    }
    service->config = config;
    *made = false;
    if (open_parts(service, made, err) == 0)
        return service;
    service_close(service);
    return NULL;
}

void service_close(struct service *service)
{
    if (!service)
        return;
    signing_close(service->signing);
    vault_close(service->vault);
    database_close(service->store);
    free(service);
}

int service_refresh(struct service *service, struct error *err)
{
    return signing_refresh(service->signing, (int64_t)time(NULL), err);
}
