/* Which function answers which path. */
#include <strings.h>

#include "service/metrics.h"
#include "service/service_parts.h"

static void healthz(const struct call *call, struct server_answer *answer)
{
    (void)call;
    answer->status = HTTP_OK;
    answer->type = "text/plain";
    (void)buf_append_text(&answer->body, "ok\n", NULL);
}

static route_answer metrics;

static const struct route {
    const char *method;
    const char *path; /* without case, as Microsoft's service compares */
    bool has_rest;    /* the path goes on behind it */
    bool is_own;      /* not a tenant's: for whoever watches the service */
    route_answer *answer;
} routes[] = {
    {"GET", "/healthz", false, true, healthz},
    {"GET", "/metrics", false, true, metrics},
    {"GET", "/", false, true, page_get_html},
    {"GET", "/page.css", false, true, page_get_style},
    {"GET", "/page.js", false, true, page_get_script},
    {"POST", "/api/code", false, false, page_make_code},
    {"GET", "/api/session", false, false, page_get_session},
    {"POST", "/api/session", false, false, page_open_session},
    {"DELETE", "/api/session", false, false, page_end_session},
    {"GET", "/api/log", false, false, page_log},
    {"GET", "/api/attestations/", true, false, page_attestation},
    {"GET", "/api/policies", false, false, page_policies},
    {"POST", "/api/lint/", true, false, page_lint},
    {"POST", "/api/what-if", false, false, page_what_if},
    {"GET", "/api/secrets", false, false, page_secrets},
    {"GET", "/certs", false, false, maa_certs},
    {"GET", "/.well-known/openid-configuration", false, false, maa_openid_configuration},
    {"POST", "/attest/", true, false, maa_attest},
    {"GET", "/policies/", true, false, maa_get_policy},
    {"GET", "/certificates", false, false, maa_get_certificates},
    {"POST", "/certificates:add", false, false, maa_add_certificate},
    {"POST", "/certificates:remove", false, false, maa_remove_certificate},
    {"PUT", "/policies/", true, false, maa_set_policy},
    {"POST", "/policies/", true, false, maa_reset_policy},
    {"GET", "/keys", false, false, keys_list},
    {"GET", "/keys/", true, false, keys_get},
    {"PUT", "/keys/", true, false, keys_put},
    {"POST", "/keys/", true, false, keys_post},
    {"PATCH", "/keys/", true, false, keys_patch},
    {"DELETE", "/keys/", true, false, keys_delete},
    {"POST", "/keys:check", false, false, keys_check},
    {"GET", "/deletedkeys", false, false, deleted_keys_list},
    {"GET", "/deletedkeys/", true, false, deleted_keys_get},
    {"POST", "/deletedkeys/", true, false, deleted_keys_post},
    {"DELETE", "/deletedkeys/", true, false, deleted_keys_delete},
    {"POST", "/kbs/v0/auth", false, false, kbs_auth},
    {"POST", "/kbs/v0/attest", false, false, kbs_attest},
    {"GET", "/kbs/v0/resource/", true, false, kbs_get_resource},
    {"POST", "/kbs/v0/resource/", true, false, kbs_put_resource},
    {"DELETE", "/kbs/v0/resource/", true, false, kbs_remove_resource},
    {"GET", "/kbs/v0/resources", false, false, kbs_list_resources},
    {"GET", "/kbs/v0/resource-rule/", true, false, kbs_get_rule},
    {"PUT", "/kbs/v0/resource-rule/", true, false, kbs_put_rule},
    {"POST", "/kbs/v0/resource-policy", false, false, kbs_refuse_rego},
    {"POST", "/kbs/v0/attestation-policy", false, false, kbs_refuse_rego},
};

#define COUNT (sizeof routes / sizeof routes[0])
_Static_assert(COUNT < METRICS_ROUTES_MAX, "each route has its histogram");

/* The route of a path; *known says that the path is there, with this method or another. */
static const struct route *find_route(const char *method, const char *path, bool *known)
{
    *known = false;
    for (size_t i = 0; i < COUNT; i++) {
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

void service_answer(struct call *call, struct server_answer *answer)
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
    call->tenant = config_find_tenant(call->settings->config, host ? *host : span_of(NULL, 0));
    if (!call->tenant && !route->is_own) {
        answer_error(answer, HTTP_NOT_FOUND, NULL, "there is no tenant of this host's name");
        return;
    }
    call->rest = request->path + strlen(route->path);
    route->answer(call, answer);
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
        {"caisson_key_releases_total", "Keys released.", atomic_load(&service->released)},
        {"caisson_key_releases_denied_total", "Keys withheld.", atomic_load(&service->withheld)},
    };
    answer->status = HTTP_OK;
    answer->type = "text/plain; version=0.0.4";
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        (void)buf_printf(&answer->body, NULL, "# HELP %s %s\n# TYPE %s counter\n%s %llu\n",
                         counters[i].name, counters[i].help, counters[i].name, counters[i].name,
                         counters[i].value);
    struct metrics_label labels[COUNT + 1] = {[COUNT] = {"", "other"}};
    for (size_t i = 0; i < COUNT; i++)
        labels[i] = (struct metrics_label){routes[i].method, routes[i].path};
    struct error err = {0};
    if (metrics_append(service->metrics, labels, COUNT + 1, &answer->body, &err) < 0)
        answer_error(answer, HTTP_SERVER_ERROR, NULL, err.text);
}

/* Requests of no route are counted together: their paths are whatever strangers make up. */
void service_observe(struct service *service, const char *method, const char *path,
                     uint64_t microseconds)
{
    bool known;
    const struct route *route = find_route(method, path, &known);
    metrics_observe(service->metrics, route ? (size_t)(route - routes) : COUNT, microseconds);
}
