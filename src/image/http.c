#include "image/http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "image/http_header.h"

#define CONNECT_TIMEOUT_S 15L
#define STALL_SPEED       1L        /* bytes a second … */
#define STALL_TIME_S      60L       /* … for so long end a transfer */
#define AUTHORITIES_MAX   (4 << 20) /* bytes of PEM */

struct http {
    CURL *curl;
    const struct registries *registries;
    const char *tls_ca;
    const atomic_bool *stop;
};

/* One exchange: a request without its redirects. */
struct exchange {
    const struct http_sink *sink;
    struct http_response *response;
    struct buf *message;
    struct error *err;
    bool started;
    bool sink_failed;
};

struct http *http_new(const struct registries *registries, const char *tls_ca, struct error *err)
{
    struct http *http = calloc(1, sizeof *http);
    if (!http || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        free(http);
        (void)error_memory(err);
        return NULL;
    }
    http->registries = registries;
    http->tls_ca = tls_ca;
    http->curl = curl_easy_init();
    if (!http->curl) {
        http_free(http);
        (void)error_memory(err);
        return NULL;
    }
    return http;
}

struct http *http_clone(const struct http *http, struct error *err)
{
    return http_new(http->registries, http->tls_ca, err);
}

void http_stop_when(struct http *http, const atomic_bool *stop)
{
    http->stop = stop;
}

bool http_is_stopped(const struct http *http)
{
    return http->stop && atomic_load(http->stop);
}

void http_free(struct http *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->curl);
    curl_global_cleanup();
    free(http);
}

char *http_escape(const char *text)
{
    char *escaped = curl_easy_escape(NULL, text, 0);
    char *copy = escaped ? text_format("%s", escaped) : NULL;
    curl_free(escaped);
    return copy;
}

static int start(struct exchange *exchange)
{
    if (exchange->started)
        return 0;
    exchange->started = true;
    return exchange->sink->start
               ? exchange->sink->start(exchange->sink->arg, exchange->response, exchange->err)
               : 0;
}

static bool is_success(long status)
{
    return status == 200 || status == 206;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct exchange *exchange = arg;
    struct span bytes = span_of(data, size * count);
    if (!is_success(exchange->response->status)) {
        size_t room = exchange->message ? exchange->message->limit - exchange->message->size : 0;
        if (room > 0)
            (void)buf_append(exchange->message,
                             span_of(bytes.data, bytes.size < room ? bytes.size : room), NULL);
        return bytes.size;
    }
    if (start(exchange) < 0 ||
        exchange->sink->write(exchange->sink->arg, bytes, exchange->err) < 0) {
        exchange->sink_failed = true;
        return 0;
    }
    return bytes.size;
}

static size_t on_header_line(char *data, size_t size, size_t count, void *arg)
{
    struct exchange *exchange = arg;
    http_take_header(exchange->response, span_of(data, size * count));
    return size * count;
}

/* libcurl calls this now and then, about once a second while nothing comes. */
static int on_progress(void *arg, curl_off_t total, curl_off_t done, curl_off_t up_total,
                       curl_off_t up_done)
{
    (void)total;
    (void)done;
    (void)up_total;
    (void)up_done;
    return http_is_stopped(arg);
}

static struct curl_slist *make_headers(const struct http_request *request, struct error *err)
{
    TEXT_AUTO accept = text_format("Accept: %s", request->accept ? request->accept : "*/*");
    struct curl_slist *list = accept ? curl_slist_append(NULL, accept) : NULL;
    if (list && request->authorization) {
        char *header = text_format("Authorization: %s", request->authorization);
        struct curl_slist *longer = header ? curl_slist_append(list, header) : NULL;
        if (header)
            secret_wipe(header, strlen(header));
        free(header);
        if (!longer) {
            curl_slist_free_all(list);
            list = NULL;
        }
    }
    if (list && request->header) {
        struct curl_slist *longer = curl_slist_append(list, request->header);
        if (!longer)
            curl_slist_free_all(list);
        list = longer;
    }
    if (list && request->type) {
        TEXT_AUTO header = text_format("Content-Type: %s", request->type);
        struct curl_slist *longer = header ? curl_slist_append(list, header) : NULL;
        if (!longer)
            curl_slist_free_all(list);
        list = longer;
    }
    if (!list)
        (void)error_memory(err);
    return list;
}

/* One part of a URL; the caller frees it with curl_free(). */
static char *url_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    return curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK ? text : NULL;
}

/* "host" or "host:port" where the port isn't the scheme's own: what certificate folders go by. */
static char *url_authority(const char *text)
{
    CURLU *url = curl_url();
    char *host = NULL;
    char *port = NULL;
    char *authority = NULL;
    if (url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK) {
        host = url_part(url, CURLUPART_HOST);
        (void)curl_url_get(url, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT);
        if (host)
            authority = text_format("%s%s%s", host, port ? ":" : "", port ? port : "");
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(url);
    return authority;
}

static int set_authorities(struct http *http, const char *url, struct error *err)
{
    BUF_AUTO pem = BUF_WITH_LIMIT(AUTHORITIES_MAX);
    TEXT_AUTO authority = url_authority(url);
    if (!authority)
        return error_set(err, ERROR_INVALID, "\"%.256s\" is no URL", url);
    if (registries_authorities(http->registries, authority, http->tls_ca, &pem, err) < 0)
        return -1;
    struct curl_blob blob = {.data = pem.data, .len = pem.size, .flags = CURL_BLOB_COPY};
    if (pem.size > 0 && curl_easy_setopt(http->curl, CURLOPT_CAINFO_BLOB, &blob) != CURLE_OK)
        return error_memory(err);
    return 0;
}

/* What is sent, and who sends it. */
static bool set_message(CURL *curl, const struct http_request *request)
{
    bool sends = request->type || request->form;
    struct span body = request->type   ? request->body
                       : request->form ? span_of_text(request->form)
                                       : span_of(NULL, 0);
    return (!sends || (curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body.size) == CURLE_OK &&
                       curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                                        body.size ? (const char *)body.data : "") == CURLE_OK)) &&
           (!request->method ||
            curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK) &&
           (!request->client ||
            (curl_easy_setopt(curl, CURLOPT_SSLCERT, request->client) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_SSLKEY, request->client) == CURLE_OK));
}

static int set_options(struct http *http, const struct http_request *request,
                       struct exchange *exchange, struct curl_slist *headers, struct error *err)
{
    CURL *curl = http->curl;
    char range[32];
    curl_easy_reset(curl);
    (void)snprintf(range, sizeof range, "%llu-", (unsigned long long)request->from);
    bool sound =
        curl_easy_setopt(curl, CURLOPT_URL, request->url) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, request->http ? "http,https" : "https") ==
            CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, STALL_SPEED) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, STALL_TIME_S) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)request->time_limit) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "caisson/" CAISSON_VERSION) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, http) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header_line) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange) == CURLE_OK &&
        set_message(curl, request) &&
        (request->from == 0 || curl_easy_setopt(curl, CURLOPT_RANGE, range) == CURLE_OK);
    if (!sound)
        return error_set(err, ERROR_UNAVAILABLE, "libcurl refuses an option");
    return set_authorities(http, request->url, err);
}

static const struct {
    CURLcode code;
    enum error_code error;
    bool transient;
} outcomes[] = {
    {CURLE_UNSUPPORTED_PROTOCOL, ERROR_REFUSED, false},
    {CURLE_URL_MALFORMAT, ERROR_INVALID, false},
    {CURLE_PEER_FAILED_VERIFICATION, ERROR_REFUSED, false},
    {CURLE_SSL_CACERT_BADFILE, ERROR_INVALID, false},
    {CURLE_SSL_CERTPROBLEM, ERROR_INVALID, false},
    {CURLE_SSL_CONNECT_ERROR, ERROR_UNAVAILABLE, false},
    {CURLE_COULDNT_RESOLVE_HOST, ERROR_UNAVAILABLE, false},
    {CURLE_COULDNT_CONNECT, ERROR_UNAVAILABLE, false},
    {CURLE_OPERATION_TIMEDOUT, ERROR_UNAVAILABLE, true},
    {CURLE_PARTIAL_FILE, ERROR_UNAVAILABLE, true},
    {CURLE_GOT_NOTHING, ERROR_UNAVAILABLE, true},
    {CURLE_SEND_ERROR, ERROR_UNAVAILABLE, true},
    {CURLE_RECV_ERROR, ERROR_UNAVAILABLE, true},
    {CURLE_HTTP2, ERROR_UNAVAILABLE, true},
    {CURLE_HTTP2_STREAM, ERROR_UNAVAILABLE, true},
};

static int explain(const struct http_request *request, const char *detail, CURLcode code,
                   struct http_response *response, struct error *err)
{
    enum error_code kind = ERROR_UNAVAILABLE;
    const char *text = *detail ? detail : curl_easy_strerror(code);
    response->tls_mismatch = code == CURLE_SSL_CONNECT_ERROR;
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        if (outcomes[i].code != code)
            continue;
        kind = outcomes[i].error;
        response->transient = outcomes[i].transient;
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return error_set(err, kind,
                         "%.256s: the server's certificate is not trusted (%s); name its authority "
                         "with --tls-ca FILE",
                         request->url, text);
    if (code == CURLE_UNSUPPORTED_PROTOCOL)
        return error_set(err, kind, "%.256s: only https is allowed here", request->url);
    return error_set(err, kind, "%.256s: %s", request->url, text);
}

static bool is_transient_status(long status)
{
    static const long statuses[] = {408, 425, 429, 500, 502, 503, 504};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (status == statuses[i])
            return true;
    }
    return false;
}

static int send_once(struct http *http, const struct http_request *request,
                     struct exchange *exchange, struct error *err)
{
    char detail[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = make_headers(request, err);
    if (!headers)
        return -1;
    *exchange->response = (struct http_response){0};
    int status = set_options(http, request, exchange, headers, err);
    CURLcode code = CURLE_OK;
    if (status == 0 && curl_easy_setopt(http->curl, CURLOPT_ERRORBUFFER, detail) == CURLE_OK)
        code = curl_easy_perform(http->curl);
    (void)curl_easy_setopt(http->curl, CURLOPT_ERRORBUFFER, NULL);
    curl_slist_free_all(headers);
    if (status < 0 || exchange->sink_failed)
        return -1;
    if (code != CURLE_OK)
        return explain(request, detail, code, exchange->response, err);
    exchange->response->transient = is_transient_status(exchange->response->status);
    if (is_success(exchange->response->status))
        return start(exchange);
    return 0;
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
    char *left = url_part(a, part);
    char *right = url_part(b, part);
    bool same = left && right && strcasecmp(left, right) == 0;
    curl_free(left);
    curl_free(right);
    return same;
}

/* Replaces `url` by what `location` means against it. *same_origin: scheme, host and port stay. */
static int resolve_redirect(char url[HTTP_URL_MAX], const char *location, bool *same_origin,
                            struct error *err)
{
    CURLU *from = curl_url();
    CURLU *to = from && curl_url_set(from, CURLUPART_URL, url, 0) == CURLUE_OK ? curl_url_dup(from)
                                                                               : NULL;
    char *text = NULL;
    bool sound = to && *location &&
                 curl_url_set(to, CURLUPART_URL, location, CURLU_DISALLOW_USER) == CURLUE_OK &&
                 curl_url_get(to, CURLUPART_URL, &text, 0) == CURLUE_OK;
    *same_origin = sound && same_part(from, to, CURLUPART_SCHEME) &&
                   same_part(from, to, CURLUPART_HOST) && same_part(from, to, CURLUPART_PORT);
    bool downgrade = sound && text_starts_with(url, "https:") && !text_starts_with(text, "https:");
    int status = 0;
    if (!sound)
        status = error_set(err, ERROR_PROTOCOL, "%.256s redirects to \"%.256s\", which is no URL",
                           url, location);
    else if (downgrade)
        status = error_set(err, ERROR_REFUSED, "%.256s redirects from https to %.256s", url, text);
    else if (!text_copy(url, HTTP_URL_MAX, text))
        status = error_set(err, ERROR_LIMIT, "%.256s redirects to a URL of %zu characters", url,
                           strlen(text));
    curl_free(text);
    curl_url_cleanup(from);
    curl_url_cleanup(to);
    return status;
}

int http_send(struct http *http, const struct http_request *request, const struct http_sink *sink,
              struct http_response *response, struct buf *message, struct error *err)
{
    char url[HTTP_URL_MAX];
    struct http_request at = *request;
    at.url = url;
    if (!text_copy(url, sizeof url, request->url))
        return error_set(err, ERROR_LIMIT, "a URL of %zu characters", strlen(request->url));
    for (int redirects = 0; redirects <= HTTP_REDIRECTS_MAX; redirects++) {
        struct exchange exchange = {
            .sink = sink, .response = response, .message = message, .err = err};
        bool same_origin;
        if (message)
            buf_fini(message);
        if (send_once(http, &at, &exchange, err) < 0)
            return -1;
        if (!is_redirect(response->status) || request->stay)
            return 0;
        if (request->form || request->type || request->method || request->client)
            return error_set(err, ERROR_REFUSED, "%.256s redirects a request with credentials",
                             url);
        if (resolve_redirect(url, response->location, &same_origin, err) < 0)
            return -1;
        if (!same_origin)
            at.authorization = NULL;
    }
    return error_set(err, ERROR_PROTOCOL, "%.256s: more than %d redirects", request->url,
                     HTTP_REDIRECTS_MAX);
}
