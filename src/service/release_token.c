#include "service/release_token.h"

#include "format/jws.h"
#include "service/authorities.h"

#define KEYS_MAX 16 /* that are looked at */

static bool is_own(const struct config *config, const char *issuer)
{
    for (size_t i = 0; i < config->tenant_count; i++) {
        if (strcmp(config->tenants[i].issuer, issuer) == 0)
            return true;
    }
    return false;
}

/* Whose key must have signed, and for whom the token must be. */
static int check_signer(const struct call *call, const char *issuer, const struct jws *jws,
                        struct jwt_rule *rule, struct error *err)
{
    const struct config_authority *authority = NULL;
    if (is_own(call->settings->config, issuer))
        return signing_check(call->service->signing, jws, err);
    if (authorities_check(call->settings->authorities, call->tenant, issuer, jws, &authority, err) <
        0)
        return -1;
    rule->leeway = SIGNING_SKEW;
    rule->audience = authority->audience;
    return 0;
}

static int check(const struct call *call, const struct jws *jws, struct release_token *out,
                 struct error *err)
{
    struct jwt_rule rule = {.now = call->now};
    out->claims = jwt_read_claims(buf_span(&jws->payload), err);
    if (!out->claims || json_get_text(out->claims, "iss", &out->issuer, err) < 0 ||
        check_signer(call, out->issuer, jws, &rule, err) < 0)
        return -1;
    rule.issuer = out->issuer;
    /* A token that says whom it is for is for nobody else. */
    if (!rule.audience && json_object_get(out->claims, "aud"))
        rule.audience = call->tenant->issuer;
    return jwt_check_claims(out->claims, &rule, err);
}

int release_token_read(const struct call *call, const char *text, struct release_token *out,
                       struct error *err)
{
    JWS_AUTO jws = {0};
    *out = (struct release_token){0};
    if (jws_read(span_of_text(text), &jws, err) < 0)
        return error_context(err, "target");
    if (check(call, &jws, out, err) == 0)
        return 0;
    release_token_fini(out);
    return error_context(err, "target");
}

void release_token_fini(struct release_token *token)
{
    json_decref(token->claims);
    *token = (struct release_token){0};
}

static bool wraps(const struct jwk *jwk)
{
    return !jwk->is_oct && jwk->kind == KEY_RSA &&
           (jwk_may(jwk, JWK_WRAP_KEY) || jwk_may(jwk, JWK_ENCRYPT));
}

int release_token_find_key(const struct release_token *token, struct jwk *out, struct error *err)
{
    struct error own = {0};
    const json_t *keys = json_object_get(json_object_get(token->claims, "x-ms-runtime"), "keys");
    for (size_t i = 0; i < json_array_size(keys) && i < KEYS_MAX; i++) {
        json_auto_t *copy = json_deep_copy(json_array_get(keys, i));
        if (!copy)
            return error_memory(err);
        if (jwk_read(copy, out, &own) == 0 && wraps(out))
            return 0;
        jwk_fini(out);
    }
    return error_set(err, ERROR_REFUSED,
                     "the token has no RSA key to wrap for: x-ms-runtime.keys wants one of 2048 "
                     "bits or more, with key_ops encrypt or wrapKey or without key_ops%s%s",
                     own.text[0] ? "; " : "", own.text);
}
