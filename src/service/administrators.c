/* Who may change what belongs to a tenant. */
#include <stdio.h>
#include <strings.h>

#include "base/hex.h"
#include "base/text.h"
#include "service/oidc.h"
#include "service/service_parts.h"

/* Whether a page of another origin made a browser ask. A browser shows its certificate and cookies
 * for whoever makes it ask, but says who that is (Fetch Metadata, section 2.1; RFC 6454, section
 * 7). Other clients send neither header. */
static bool is_cross_site(const struct call *call)
{
    const struct http_request *http = call->request->http;
    const struct span *site = http_header_find(http, "Sec-Fetch-Site");
    const struct span *origin = http_header_find(http, "Origin");
    const struct span *host = http_header_find(http, "Host");
    if (site && !span_equal_text(*site, "same-origin") && !span_equal_text(*site, "none"))
        return true;
    if (!origin)
        return false;
    struct span scheme = span_of_text(call->settings->config->plain ? "http://" : "https://");
    return !host || origin->size != scheme.size + host->size ||
           memcmp(origin->data, scheme.data, scheme.size) != 0 ||
           memcmp(origin->data + scheme.size, host->data, host->size) != 0;
}

bool service_check_origin(const struct call *call, struct server_answer *answer)
{
    if (!is_cross_site(call))
        return true;
    answer_error(answer, HTTP_FORBIDDEN, NULL, "a page of another origin asks for this");
    return false;
}

static bool is_listed(const struct config_tenant *tenant, const uint8_t digest[SHA256_SIZE])
{
    for (size_t i = 0; i < tenant->administrator_count; i++) {
        if (memcmp(tenant->administrators[i], digest, SHA256_SIZE) == 0)
            return true;
    }
    return false;
}

static bool by_certificate(const struct call *call, struct administrator *out)
{
    char hex[2 * 8 + 1];
    if (call->request->certificate.size == 0)
        return false;
    sha256_digest(call->request->certificate, out->certificate);
    hex_encode(span_of(out->certificate, 8), hex);
    (void)snprintf(out->name, sizeof out->name, "certificate %s", hex);
    return is_listed(call->tenant, out->certificate);
}

/* A session ends early where the certificate that opened it is no administrator's any more. */
static bool by_session(const struct call *call, struct administrator *out)
{
    struct session session;
    struct span word = http_cookie_find(call->request->http, SESSION_COOKIE);
    if (word.size == 0 ||
        !sessions_find(call->service->sessions, word, call->tenant->name, call->now, &session))
        return false;
    struct span certificate = span_of(session.certificate, sizeof session.certificate);
    if (!span_is_zero(certificate) && !is_listed(call->tenant, session.certificate))
        return false;
    *out = (struct administrator){.is_session = true, .expires = session.expires};
    memcpy(out->certificate, session.certificate, sizeof out->certificate);
    return text_copy(out->name, sizeof out->name, session.name);
}

struct span service_bearer(const struct call *call)
{
    static const char scheme[] = "Bearer ";
    size_t len = sizeof scheme - 1;
    const struct span *header = http_header_find(call->request->http, "Authorization");
    if (!header || header->size <= len || strncasecmp((const char *)header->data, scheme, len) != 0)
        return span_of(NULL, 0);
    return span_of(header->data + len, header->size - len);
}

/* Answers with the reason where there is a token that proves nothing. */
static bool by_bearer(const struct call *call, struct administrator *out,
                      struct server_answer *answer)
{
    struct error err = {0};
    struct span token = service_bearer(call);
    if (token.size == 0)
        return false;
    if (oidc_check(call->settings->oidc, call->tenant, token, call->now, out->name,
                   sizeof out->name, &err) == 0)
        return true;
    (void)error_context(&err, "the bearer token");
    answer_error(answer, HTTP_UNAUTHORIZED, NULL, err.text);
    (void)buf_append_text(&answer->headers, "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n",
                          NULL);
    return false;
}

bool service_find_administrator(const struct call *call, struct administrator *out,
                                struct server_answer *answer)
{
    *out = (struct administrator){0};
    if (!service_check_origin(call, answer))
        return false;
    if (by_certificate(call, out) || by_session(call, out) || by_bearer(call, out, answer)) {
        memcpy(call->who, out->name, sizeof out->name);
        return true;
    }
    if (answer->status != 0)
        return false;
    if (call->request->certificate.size > 0)
        answer_error(answer, HTTP_FORBIDDEN, NULL,
                     "this client certificate is no administrator's of this tenant");
    else
        answer_error(answer, HTTP_UNAUTHORIZED, NULL,
                     "this needs a client certificate of an administrator, or a bearer token");
    return false;
}

bool service_check_administrator(const struct call *call, struct server_answer *answer)
{
    struct administrator who;
    return service_find_administrator(call, &who, answer);
}
