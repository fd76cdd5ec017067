#include "cli/keys_client.h"

#include <stdlib.h>

#include "base/text.h"
#include "format/json.h"
#include "image/http.h"
#include "image/reference.h"

#define ANSWER_MAX  ((size_t)4 << 20)
#define BODY_MAX    ((size_t)1 << 20)
#define TIME_LIMIT  60 /* seconds */
#define API_VERSION "7.4"

/* An option, or what the environment has in its place. */
static const char *option(const struct args *args, const char *name, const char *variable)
{
    const char *given = args_get(args, name);
    const char *text = given ? given : getenv(variable);
    return text && *text ? text : NULL;
}

static bool is_local(const char *url)
{
    char name[256];
    const char *host = strchr(url, ':') + 3;
    size_t len = strcspn(host, "/?#");
    if (len == 0 || len >= sizeof name)
        return false;
    memcpy(name, host, len);
    name[len] = '\0';
    return reference_host_is_local(name);
}

static int find_service(const struct args *args, const char **url, bool *http, struct error *err)
{
    *url = option(args, "service", "CAISSON_SERVICE");
    if (!*url)
        return error_set(err, ERROR_USAGE, "name the service: --service URL, or $CAISSON_SERVICE");
    *http = text_starts_with(*url, "http://");
    if (!*http && !text_starts_with(*url, "https://"))
        return error_set(err, ERROR_USAGE, "%.256s is no URL that begins with https://", *url);
    if (*http && !is_local(*url))
        return error_set(err, ERROR_USAGE,
                         "%.256s: plain http is spoken to this machine only; say https://", *url);
    return 0;
}

static int take(void *arg, struct span bytes, struct error *err)
{
    return buf_append(arg, bytes, err);
}

static enum error_code code_of(long status)
{
    switch (status) {
    case 400:
        return ERROR_INVALID;
    case 404:
        return ERROR_NOT_FOUND;
    case 401:
    case 403:
    case 409:
        return ERROR_REFUSED;
    default:
        return ERROR_UNAVAILABLE;
    }
}

/* {"error":{"code":…,"message":…}} */
static int refuse(long status, struct span text, struct error *err)
{
    static const struct json_limits limits = {.size = ANSWER_MAX, .depth = 8};
    json_auto_t *answer = json_parse_object(text, &limits, NULL);
    const char *said = json_string_value(
        json_object_get(json_object_get(answer, "error"), "message"));
    return error_set(err, code_of(status), "the service says (%ld): %s", status,
                     said ? said : "nothing that can be read");
}

static int read_answer(const struct http_response *response, struct span body, struct span message,
                       json_t **answer, struct error *err)
{
    static const struct json_limits limits = {.size = ANSWER_MAX, .depth = 16};
    if (response->status == 204)
        return 0;
    if (response->status != 200)
        return refuse(response->status, message, err);
    *answer = json_parse_object(body, &limits, err);
    return *answer ? 0 : error_context(err, "the service's answer");
}

static int send(const struct args *args, const struct http_request *request, json_t **answer,
                struct error *err)
{
    BUF_AUTO body = BUF_WITH_LIMIT(ANSWER_MAX), message = BUF_WITH_LIMIT(65536);
    const struct http_sink sink = {.write = take, .arg = &body};
    struct http_response response = {0};
    REGISTRIES_AUTO none = registries_parse(span_of_text("{\"registries\":{}}"), err);
    struct http *http = none ? http_new(none, option(args, "tls-ca", "CAISSON_TLS_CA"), err) : NULL;
    int result = http ? http_send(http, request, &sink, &response, &message, err) : -1;
    http_free(http);
    if (result < 0)
        return -1;
    return read_answer(&response, buf_span(&body), buf_span(&message), answer, err);
}

int keys_client_ask(const struct args *args, const char *method, const char *path,
                    const char *query, const json_t *body, json_t **answer, struct error *err)
{
    const char *url;
    struct buf text = BUF_WITH_LIMIT(BODY_MAX);
    struct http_request request = {.method = method,
                                   .stay = true,
                                   .client = option(args, "client", "CAISSON_CLIENT"),
                                   .time_limit = TIME_LIMIT};
    *answer = NULL;
    if (find_service(args, &url, &request.http, err) < 0)
        return -1;
    size_t len = strlen(url);
    TEXT_AUTO whole = text_format("%.*s%s?api-version=" API_VERSION "%s",
                                  (int)(len - (len > 0 && url[len - 1] == '/')), url, path, query);
    if (!whole)
        return error_memory(err);
    request.url = whole;
    int result = body ? json_append(body, &text, err) : 0;
    if (body)
        request.json = buf_text(&text);
    if (result == 0)
        result = send(args, &request, answer, err);
    buf_fini_secret(&text);
    return result;
}
