/* How a client of the key broker proves that it attested: a cookie's session, or a bearer token. */
#include "format/jws.h"
#include "service/kbs_parts.h"
#include "service/kbs_sessions.h"

struct span kbs_cookie(const struct call *call)
{
    return http_cookie_find(call->request->http, "kbs-session-id");
}

/* Appends the token of the request. */
static int find_token(const struct call *call, struct buf *out, struct error *err)
{
    struct span bearer = service_bearer(call);
    struct span cookie = kbs_cookie(call);
    if (bearer.size > 0)
        return buf_append(out, bearer, err);
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
