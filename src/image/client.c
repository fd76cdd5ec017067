#include "image/client.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/secret.h"
#include "base/text.h"
#include "format/json.h"
#include "image/backoff.h"
#include "image/challenge.h"
#include "image/credentials.h"
#include "image/reference.h"

#define TRIES_MAX     5            /* in a row without progress */
#define TRIES_ALL_MAX 64           /* for one document or blob */
#define MESSAGE_MAX   4096         /* bytes of a registry's complaint that are read */
#define TOKEN_MAX     (64 * 1024U) /* bytes of a token service's answer */

struct client {
    struct http *http;
    struct http *own_http; /* the same where it is this client's, else NULL */
    struct endpoint endpoint;
    const char *name;
    const char *path;
    bool plain;  /* speaks http */
    bool sought; /* the credentials were looked for */
    struct credentials credentials;
    struct buf authorization; /* secret; "" before the first challenge */
};

struct client *client_new(struct http *http, const struct endpoint *endpoint, const char *name,
                          const char *path, struct error *err)
{
    struct client *client = calloc(1, sizeof *client);
    if (!client) {
        (void)error_memory(err);
        return NULL;
    }
    client->http = http;
    client->endpoint = *endpoint;
    client->name = name;
    client->path = path;
    client->plain = endpoint->http;
    client->authorization = BUF_WITH_LIMIT(2 * TOKEN_MAX);
    credentials_init(&client->credentials);
    return client;
}

struct client *client_fork(const struct client *client, struct error *err)
{
    struct http *http = http_clone(client->http, err);
    struct client *fork = http
                              ? client_new(http, &client->endpoint, client->name, client->path, err)
                              : NULL;
    if (!fork) {
        http_free(http);
        return NULL;
    }
    fork->own_http = http;
    fork->plain = client->plain;
    if (buf_append(&fork->authorization, buf_span(&client->authorization), err) < 0) {
        client_free(fork);
        return NULL;
    }
    return fork;
}

void client_stop_when(struct client *client, const atomic_bool *stop)
{
    http_stop_when(client->http, stop);
}

/* Only once a registry asks: a helper may have to wake its user. */
static int seek_credentials(struct client *client, struct error *err)
{
    if (client->sought)
        return 0;
    client->sought = true;
    /* registry-1.docker.io serves docker.io, whose credentials are its own. A mirror has others. */
    bool hub = strcmp(client->name, "docker.io") == 0 &&
               strcmp(client->endpoint.host, "registry-1.docker.io") == 0;
    return credentials_find(hub ? client->name : client->endpoint.host, client->path,
                            &client->credentials, err);
}

void client_free(struct client *client)
{
    if (!client)
        return;
    credentials_fini(&client->credentials);
    buf_fini_secret(&client->authorization);
    http_free(client->own_http);
    free(client);
}

/* What a registry says in its error document, as printable text; "" for anything else. */
static void quote_message(const struct buf *body, char out[300])
{
    static const struct json_limits limits = {.size = MESSAGE_MAX, .depth = 16};
    json_auto_t *document = json_parse_object(buf_span(body), &limits, NULL);
    const json_t *first = json_array_get(json_object_get(document, "errors"), 0);
    const char *code = json_string_value(json_object_get(first, "code"));
    const char *text = json_string_value(json_object_get(first, "message"));
    out[0] = '\0';
    if (code || text)
        (void)snprintf(out, 300, " (%.60s%s%.200s)", code ? code : "", code && text ? ": " : "",
                       text ? text : "");
    for (char *at = out; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = ' ';
    }
}

static int refuse_status(const struct client *client, const char *what,
                         const struct http_response *response, const struct buf *body,
                         struct error *err)
{
    char message[300];
    const char *host = client->endpoint.host;
    const struct credentials *credentials = &client->credentials;
    quote_message(body, message);
    if (response->status == 401 && credentials->found)
        return error_set(err, ERROR_REFUSED, "%s refuses the credentials of %s%s", host,
                         credentials->origin, message);
    if (response->status == 401)
        return error_set(err, ERROR_REFUSED,
                         "%s wants credentials%s; log in with docker, podman or skopeo login%s%s%s",
                         host, message, *credentials->problem ? " (" : "", credentials->problem,
                         *credentials->problem ? ")" : "");
    if (response->status == 403)
        return error_set(err, ERROR_REFUSED, "%s denies access to %s%s", host, client->path,
                         message);
    if (response->status == 404)
        return error_set(err, ERROR_NOT_FOUND, "%s has no %s %s%s", host, client->path, what,
                         message);
    return error_set(err, response->transient ? ERROR_UNAVAILABLE : ERROR_PROTOCOL,
                     "%s answers %s %s with status %ld%s", host, client->path, what,
                     response->status, message);
}

static int take_document(void *arg, struct span bytes, struct error *err)
{
    return buf_append(arg, bytes, err);
}

static int set_authorization(struct client *client, const char *scheme, const char *secret,
                             struct error *err)
{
    buf_fini_secret(&client->authorization);
    for (const char *at = secret; *at; at++) {
        if ((unsigned char)*at <= 0x20 || *at == 0x7f)
            return error_set(err, ERROR_PROTOCOL, "a token with a character that no header holds");
    }
    if (buf_append_text(&client->authorization, scheme, err) < 0)
        return -1;
    return buf_append_text(&client->authorization, secret, err);
}

/* RFC 7617: "Basic " and the base64 of user:password. */
static int set_basic(struct client *client, struct error *err)
{
    struct buf pair = BUF_WITH_LIMIT(2 * CREDENTIALS_SIZE_MAX + 1);
    buf_fini_secret(&client->authorization);
    int status = 0;
    if (buf_append(&pair, buf_span(&client->credentials.user), err) < 0 ||
        buf_append_byte(&pair, ':', err) < 0 ||
        buf_append(&pair, buf_span(&client->credentials.password), err) < 0 ||
        buf_append_text(&client->authorization, "Basic ", err) < 0 ||
        base64_encode(buf_span(&pair), &client->authorization, err) < 0)
        status = -1;
    buf_fini_secret(&pair);
    return status;
}

/* "key=<escaped value>&…" onto `out`. */
static int append_parameter(struct buf *out, const char *key, const char *value, struct error *err)
{
    TEXT_AUTO escaped = http_escape(value);
    if (!escaped)
        return error_memory(err);
    int status = buf_printf(out, err, "%s%s=%s", out->size ? "&" : "", key, escaped);
    secret_wipe(escaped, strlen(escaped));
    return status;
}

static int make_query(const struct client *client, const struct challenge *challenge,
                      struct buf *out, struct error *err)
{
    TEXT_AUTO own_scope = text_format("repository:%s%s%s:pull",
                                      *client->endpoint.prefix ? client->endpoint.prefix + 1 : "",
                                      *client->endpoint.prefix ? "/" : "", client->path);
    if (!own_scope)
        return error_memory(err);
    if (challenge->service[0] && append_parameter(out, "service", challenge->service, err) < 0)
        return -1;
    return append_parameter(out, "scope", challenge->scope[0] ? challenge->scope : own_scope, err);
}

static int read_token(struct client *client, const struct buf *answer, struct error *err)
{
    static const struct json_limits limits = {.size = TOKEN_MAX, .depth = 8};
    json_auto_t *document = json_parse_object(buf_span(answer), &limits, err);
    const char *token;
    if (!document || json_find_text(document, "token", &token, err) < 0)
        return -1;
    if (!token && json_get_text(document, "access_token", &token, err) < 0)
        return -1;
    return set_authorization(client, "Bearer ", token, err);
}

/* Sends the request of a token; `query` is its URL's query, or the form where one is posted. */
static int send_token_request(struct client *client, const struct challenge *challenge,
                              const char *query, bool post, struct buf *answer, struct error *err)
{
    struct http_response response;
    BUF_AUTO message = BUF_WITH_LIMIT(MESSAGE_MAX);
    const struct http_sink sink = {.write = take_document, .arg = answer};
    TEXT_AUTO url = post ? text_format("%s", challenge->realm)
                         : text_format("%s%c%s", challenge->realm,
                                       strchr(challenge->realm, '?') ? '&' : '?', query);
    if (!url)
        return error_memory(err);
    struct http_request request = {.url = url, .form = post ? query : NULL, .http = client->plain};
    if (!post && client->credentials.found) {
        if (set_basic(client, err) < 0)
            return -1;
        request.authorization = buf_text(&client->authorization);
    }
    if (http_send(client->http, &request, &sink, &response, &message, err) < 0)
        return -1;
    if (response.status == 200)
        return 0;
    if (response.status == 401 || response.status == 403 || response.status == 400)
        response.status = 401;
    return refuse_status(client, "token", &response, &message, err);
}

/* distribution specification, "token authentication"; with an identity token, its OAuth2 form. */
static int fetch_token(struct client *client, const struct challenge *challenge, struct error *err)
{
    struct buf query = BUF_WITH_LIMIT(4 * TOKEN_MAX);
    struct buf answer = BUF_WITH_LIMIT(TOKEN_MAX);
    bool post = client->credentials.identity_token.size > 0;
    int status = make_query(client, challenge, &query, err);
    if (status == 0 && post)
        status = append_parameter(&query, "grant_type", "refresh_token", err) |
                 append_parameter(&query, "client_id", "caisson", err) |
                 append_parameter(&query, "refresh_token",
                                  buf_text(&client->credentials.identity_token), err);
    if (status == 0)
        status = send_token_request(client, challenge, buf_text(&query), post, &answer, err);
    buf_fini_secret(&client->authorization);
    if (status == 0)
        status = read_token(client, &answer, err);
    buf_fini_secret(&query);
    buf_fini_secret(&answer);
    return status < 0 ? error_context(err, "token service %.128s", challenge->realm) : 0;
}

/* Prepares an answer to status 401. 1 when there is one to try, 0 when there isn't. */
static int authorize(struct client *client, const struct http_response *response, struct error *err)
{
    struct challenge challenge;
    if (response->authenticate[0] == '\0')
        return 0;
    if (challenge_parse(response->authenticate, &challenge, err) < 0)
        return error_context(err, "%s", client->endpoint.host);
    if (seek_credentials(client, err) < 0)
        return -1;
    if (challenge.bearer)
        return fetch_token(client, &challenge, err) < 0 ? -1 : 1;
    if (client->credentials.user.size == 0)
        return 0;
    return set_basic(client, err) < 0 ? -1 : 1;
}

static bool is_stopped(const void *arg)
{
    const struct client *client = arg;
    return http_is_stopped(client->http);
}

static int send_get(struct client *client, const char *what, const char *accept, uint64_t from,
                    const struct http_sink *sink, struct http_response *response,
                    struct buf *message, struct error *err)
{
    TEXT_AUTO url = text_format("%s://%s/v2%s/%s/%s", client->plain ? "http" : "https",
                                client->endpoint.host, client->endpoint.prefix, client->path, what);
    if (!url)
        return error_memory(err);
    const struct http_request request = {
        .url = url,
        .accept = accept,
        .from = from,
        .http = client->plain,
        .authorization = client->authorization.size ? buf_text(&client->authorization) : NULL,
    };
    return http_send(client->http, &request, sink, response, message, err);
}

enum next { NEXT_DONE, NEXT_AGAIN, NEXT_LATER, NEXT_FAILED };

/* One try, and what is to follow it. */
static enum next try_get(struct client *client, const char *what, const char *accept,
                         const uint64_t *from, const struct http_sink *sink,
                         struct http_response *response, bool *authorized, struct error *err)
{
    BUF_AUTO message = BUF_WITH_LIMIT(MESSAGE_MAX);
    int status = send_get(client, what, accept, from ? *from : 0, sink, response, &message, err);
    if (status < 0 && response->tls_mismatch && !client->plain &&
        reference_host_is_local(client->endpoint.host)) {
        client->plain = true;
        return NEXT_AGAIN;
    }
    if (status < 0)
        return response->transient ? NEXT_LATER : NEXT_FAILED;
    if (response->status == 200 || response->status == 206)
        return NEXT_DONE;
    if (response->status == 401 && !*authorized) {
        *authorized = true;
        int answer = authorize(client, response, err);
        if (answer != 0)
            return answer > 0 ? NEXT_AGAIN : NEXT_FAILED;
    }
    (void)refuse_status(client, what, response, &message, err);
    return response->transient ? NEXT_LATER : NEXT_FAILED;
}

int client_get(struct client *client, const char *what, const char *accept, const uint64_t *from,
               const struct http_sink *sink, struct http_response *response, struct error *err)
{
    bool authorized = false;
    unsigned idle = 0; /* tries in a row that brought nothing */
    for (unsigned tries = 0; tries < TRIES_ALL_MAX; tries++) {
        uint64_t before = from ? *from : 0;
        enum next next = try_get(client, what, accept, from, sink, response, &authorized, err);
        if (next == NEXT_DONE || next == NEXT_FAILED)
            return next == NEXT_DONE ? 0 : -1;
        if (next == NEXT_AGAIN)
            continue;
        bool moved = from && *from > before;
        idle = moved ? 0 : idle + 1;
        authorized = authorized && !moved; /* a token may run out on the way */
        if (idle >= TRIES_MAX)
            break;
        backoff_wait(idle, response->retry_after, is_stopped, client);
    }
    return error_context(err, "gave up");
}
