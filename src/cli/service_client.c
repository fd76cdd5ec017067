#include "cli/service_client.h"

#include <stdlib.h>

#include "base/text.h"
#include "cli/service_file.h"
#include "format/json.h"
#include "image/http.h"
#include "image/reference.h"
#include "os/file.h"

#define TOKEN_MAX  ((size_t)16 << 10)
#define TIME_LIMIT 60 /* seconds */

/* --- which service ---------------------------------------------------------------------------- */

/* An option, or what the environment has in its place, or the file. */
static const char *option(const struct args *args, const char *name, const char *variable,
                          const char *of_file)
{
    const char *given = args_get(args, name);
    const char *text = given ? given : getenv(variable);
    return text && *text ? text : of_file;
}

/* The file's service goes with its client and its authorities alone. */
static int read_file(const struct args *args, struct service_file *out, struct error *err)
{
    *out = (struct service_file){0};
    return option(args, "service", "CAISSON_SERVICE", NULL) ? 0 : service_file_read(out, err);
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

static int check_url(const char *url, bool *http, struct error *err)
{
    if (!url)
        return error_set(err, ERROR_USAGE,
                         "name the service: --service URL, or $CAISSON_SERVICE, or start one for "
                         "this machine by `caisson serve`");
    *http = text_starts_with(url, "http://");
    if (!*http && !text_starts_with(url, "https://"))
        return error_set(err, ERROR_USAGE, "%.256s is no URL that begins with https://", url);
    if (*http && !is_local(url))
        return error_set(err, ERROR_USAGE,
                         "%.256s: plain http is spoken to this machine only; say https://", url);
    return 0;
}

static char *without_slash(const char *url, const char *path, struct error *err)
{
    size_t len = strlen(url);
    char *whole = text_format("%.*s%s", (int)(len - (len > 0 && url[len - 1] == '/')), url, path);
    if (!whole)
        (void)error_memory(err);
    return whole;
}

int service_client_url(const struct args *args, char **url, struct error *err)
{
    bool http;
    SERVICE_FILE_AUTO file;
    if (read_file(args, &file, err) < 0)
        return -1;
    const char *given = option(args, "service", "CAISSON_SERVICE", file.service);
    if (check_url(given, &http, err) < 0)
        return -1;
    *url = without_slash(given, "", err);
    return *url ? 0 : -1;
}

/* --- its answer ------------------------------------------------------------------------------- */

static enum error_code code_of(long status)
{
    switch (status) {
    case 400:
    case 413:
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

/* {"error":{"code":…,"message":…}}, or the key broker's {"type":…,"detail":…} */
static int refuse(long status, struct span text, struct error *err)
{
    static const struct json_limits limits = {.size = SERVICE_ANSWER_MAX, .depth = 8};
    json_auto_t *answer = json_parse_object(text, &limits, NULL);
    const json_t *said = json_object_get(json_object_get(answer, "error"), "message");
    if (!said)
        said = json_object_get(answer, "detail");
    return error_set(err, code_of(status), "the service says (%ld): %s", status,
                     json_is_string(said) ? json_string_value(said) : "nothing that can be read");
}

/* --- asking ----------------------------------------------------------------------------------- */

/* "Bearer …" of a file's first line. */
static int read_token(const char *path, struct buf *out, struct error *err)
{
    if (buf_append_text(out, "Bearer ", err) < 0 || file_read(path, out, err) < 0)
        return -1;
    while (out->size > 0 && strchr(" \r\n", out->data[out->size - 1]))
        buf_truncate(out, out->size - 1);
    for (size_t i = 0; i < out->size; i++) {
        if (out->data[i] < ' ' || out->data[i] > '~')
            return error_set(err, ERROR_INVALID, "%s is no token", path);
    }
    return 0;
}

static int take(void *arg, struct span bytes, struct error *err)
{
    return buf_append(arg, bytes, err);
}

/* `is_own`: its URL is from the file that `caisson serve` wrote for this user. */
static int exchange(const char *tls_ca, const struct http_request *request, bool is_own,
                    struct buf *answer, struct error *err)
{
    BUF_AUTO message = BUF_WITH_LIMIT(65536);
    const struct http_sink sink = {.write = take, .arg = answer};
    struct http_response response = {0};
    REGISTRIES_AUTO none = registries_parse(span_of_text("{\"registries\":{}}"), err);
    struct http *http = none ? http_new(none, tls_ca, err) : NULL;
    int result = http ? http_send(http, request, &sink, &response, &message, err) : -1;
    http_free(http);
    if (result < 0 && is_own && err && err->code == ERROR_UNAVAILABLE)
        return error_context(err, "this user's service does not answer: `caisson serve` starts it");
    if (result < 0)
        return -1;
    return response.status == 200 || response.status == 204
               ? 0
               : refuse(response.status, buf_span(&message), err);
}

int service_client_send(const struct args *args, const struct service_request *request,
                        struct buf *answer, struct error *err)
{
    SERVICE_FILE_AUTO file;
    if (read_file(args, &file, err) < 0)
        return -1;
    struct buf token = BUF_WITH_LIMIT(TOKEN_MAX);
    const char *url = option(args, "service", "CAISSON_SERVICE", file.service);
    const char *token_path = option(args, "token", "CAISSON_TOKEN", NULL);
    struct http_request http = {.method = request->method,
                                .type = request->type,
                                .body = request->body,
                                .stay = true,
                                .client = option(args, "client", "CAISSON_CLIENT", file.client),
                                .time_limit = TIME_LIMIT};
    if (check_url(url, &http.http, err) < 0)
        return -1;
    TEXT_AUTO whole = without_slash(url, request->path, err);
    int result = !whole ? -1 : token_path ? read_token(token_path, &token, err) : 0;
    http.url = whole;
    http.authorization = token_path ? buf_text(&token) : NULL;
    if (result == 0)
        result = exchange(option(args, "tls-ca", "CAISSON_TLS_CA", file.tls_ca), &http,
                          url == file.service, answer, err);
    buf_fini_secret(&token);
    return result;
}
