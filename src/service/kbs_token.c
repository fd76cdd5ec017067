/* How a client of the key broker proves that it attested: a cookie's session, or a bearer token. */
#include <strings.h>

#include "format/jws.h"
#include "service/kbs_parts.h"
#include "service/kbs_sessions.h"

#define COOKIE "kbs-session-id="

struct span kbs_cookie(const struct call *call)
{
    const struct span *header = http_header_find(call->request->http, "Cookie");
    struct span rest = header ? *header : span_of(NULL, 0);
    size_t len = strlen(COOKIE);
    while (rest.size > 0) {
        while (rest.size > 0 && (rest.data[0] == ' ' || rest.data[0] == ';'))
            rest = span_of(rest.data + 1, rest.size - 1);
        const uint8_t *end = rest.size > 0 ? memchr(rest.data, ';', rest.size) : NULL;
        size_t size = end ? (size_t)(end - rest.data) : rest.size;
        if (size > len && memcmp(rest.data, COOKIE, len) == 0)
            return span_of(rest.data + len, size - len);
        rest = span_of(rest.data + size, rest.size - size);
    }
    return span_of(NULL, 0);
}

/* Appends the token of the request. */
static int find_token(const struct call *call, struct buf *out, struct error *err)
{
    static const char scheme[] = "Bearer ";
    size_t len = sizeof scheme - 1;
    const struct span *header = http_header_find(call->request->http, "Authorization");
    struct span cookie = kbs_cookie(call);
    if (header && header->size > len && strncasecmp((const char *)header->data, scheme, len) == 0)
        return buf_append(out, span_of(header->data + len, header->size - len), err);
    if (cookie.size == 0)
        return error_set(err, ERROR_NOT_FOUND,
                         "neither a token nor a session: attest first, at /kbs/v0/auth");
    return kbs_sessions_get_token(call->service->kbs, call->tenant->name, cookie, call->now, out,
                                  err);
}

json_t *kbs_find_claims(const struct call *call, struct error *err)
{
    struct jwt_rule rule = {
        .now = call->now, .leeway = 0, .issuer = call->tenant->issuer, .audience = NULL};
    BUF_AUTO token = BUF_WITH_LIMIT(KBS_TOKEN_MAX);
    JWS_AUTO jws = {0};
    if (find_token(call, &token, err) < 0 || jws_read(buf_span(&token), &jws, err) < 0 ||
        signing_check(call->service->signing, &jws, err) < 0)
        return NULL;
    json_t *claims = jwt_read_claims(buf_span(&jws.payload), err);
    if (claims && jwt_check_claims(claims, &rule, err) == 0)
        return claims;
    json_decref(claims);
    return NULL;
}
