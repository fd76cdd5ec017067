#include "cli/fetch.h"

#include "base/text.h"
#include "image/backoff.h"
#include "image/http.h"
#include "image/reference.h"

#define TRIES_MAX   5
#define MESSAGE_MAX 512

#define LINK_LOCAL "169.254.169.254"

/* *http: it is plain http, and may be. */
static int check_url(const char *url, const struct fetch_options *options, bool *http,
                     struct error *err)
{
    *http = text_starts_with(url, "http://");
    if (!*http && !text_starts_with(url, "https://"))
        return error_set(err, ERROR_USAGE, "%.256s is no URL that begins with https://", url);
    const char *host = strchr(url, ':') + 3;
    char name[256];
    size_t len = strcspn(host, "/?#");
    if (len == 0 || len >= sizeof name || memchr(host, '@', len))
        return error_set(err, ERROR_USAGE, "%.256s names no host", url);
    memcpy(name, host, len);
    name[len] = '\0';
    bool allowed = reference_host_is_local(name) ||
                   (options->link_local && strcmp(name, LINK_LOCAL) == 0);
    if (*http && !allowed)
        return error_set(err, ERROR_USAGE,
                         "%.256s: plain http is spoken to this machine only; say https://", url);
    return 0;
}

static int take(void *arg, struct span bytes, struct error *err)
{
    return buf_append(arg, bytes, err);
}

/* Nothing of a try that broke off may stay before what the next one brings. */
static int begin(void *arg, const struct http_response *response, struct error *err)
{
    struct buf *out = arg;
    (void)response;
    (void)err;
    buf_truncate(out, 0);
    return 0;
}

static int refuse_status(const char *url, const struct http_response *response, struct error *err)
{
    if (response->status == 404)
        return error_set(err, ERROR_NOT_FOUND, "%.400s: there is no such document", url);
    return error_set(err, ERROR_UNAVAILABLE, "%.400s: the service answers with status %ld", url,
                     response->status);
}

/* 0, -1 for good, or 1 when another try may help. */
static int try_once(struct http *http, const struct http_request *request, struct buf *out,
                    struct http_response *response, struct error *err)
{
    BUF_AUTO message = BUF_WITH_LIMIT(MESSAGE_MAX);
    const struct http_sink sink = {.start = begin, .write = take, .arg = out};
    if (http_send(http, request, &sink, response, &message, err) == 0) {
        if (response->status == 200)
            return 0;
        (void)refuse_status(request->url, response, err);
    }
    return response->transient ? 1 : -1;
}

int fetch_document(const char *url, const struct fetch_options *options, struct buf *out,
                   struct error *err)
{
    struct http_request request = {.url = url,
                                   .stay = true,
                                   .header = options->header,
                                   .time_limit = options->time_limit,
                                   .type = options->json.size > 0 ? "application/json" : NULL,
                                   .body = options->json};
    if (check_url(url, options, &request.http, err) < 0)
        return -1;
    REGISTRIES_AUTO none = registries_parse(span_of_text("{\"registries\":{}}"), err);
    struct http *http = none ? http_new(none, options->tls_ca, err) : NULL;
    int outcome = http ? 1 : -1;
    for (unsigned tries = 1; outcome > 0; tries++) {
        struct http_response response = {0};
        outcome = try_once(http, &request, out, &response, err);
        if (outcome > 0 && tries == TRIES_MAX) {
            outcome = -1;
            (void)error_context(err, "gave up after %d tries", TRIES_MAX);
        }
        if (outcome > 0)
            backoff_wait(tries, response.retry_after, NULL, NULL);
    }
    http_free(http);
    return outcome;
}
