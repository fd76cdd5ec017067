#include "service/maa_token.h"

#include "format/json.h"

static bool add(json_t *claims, const char *name, json_t *value)
{
    return json_object_set_new(claims, name, value) == 0;
}

/* Data that is JSON stands in the token as what it is; other data only binds. */
static int add_data(json_t *claims, const char *name, const struct maa_data *data,
                    struct error *err)
{
    static const struct json_limits limits = {.size = MAA_DATA_MAX, .depth = 16};
    if (!data->is_there || !data->is_json)
        return 0;
    json_t *value = json_parse(buf_span(&data->bytes), &limits, err);
    if (!value)
        return -1;
    return add(claims, name, value) ? 0 : error_memory(err);
}

static int add_common(json_t *claims, const struct maa_token *token, struct error *err)
{
    if (!add(claims, "exp", json_integer(token->now + token->life)) ||
        !add(claims, "iat", json_integer(token->now)) ||
        !add(claims, "iss", json_string(token->issuer)) ||
        !add(claims, "jti", json_string(token->id)) ||
        !add(claims, "nbf", json_integer(token->now)) ||
        !add(claims, "x-ms-policy-hash", json_string(token->policy->hash)) ||
        !add(claims, "x-ms-ver", json_string("1.0")))
        return error_memory(err);
    return 0;
}

static int add_signer(json_t *claims, const struct tenant_policy *policy, struct error *err)
{
    static const struct json_limits limits = {.size = MAA_DATA_MAX, .depth = 4};
    if (policy->signer.size == 0)
        return 0;
    json_t *value = json_parse(buf_span(&policy->signer), &limits, err);
    if (!value)
        return -1;
    return add(claims, "x-ms-policy-signer", value) ? 0 : error_memory(err);
}

static int fill(json_t *claims, const struct maa_request *request, const struct maa_result *result,
                const struct maa_token *token, struct error *err)
{
    if (add_common(claims, token, err) < 0 || add_signer(claims, token->policy, err) < 0 ||
        add_data(claims, "x-ms-runtime", &request->runtime, err) < 0 ||
        add_data(claims, "x-ms-inittime", &request->init, err) < 0)
        return -1;
    if ((request->nonce && json_object_set(claims, "nonce", request->nonce) < 0) ||
        json_object_update_missing(claims, result->claims) < 0 ||
        (result->older && json_object_update_missing(claims, result->older) < 0) ||
        (result->simulated && !add(claims, "caisson-simulated", json_true())) ||
        (token->issued &&
         json_object_update_missing(claims, (json_t *)(uintptr_t)token->issued) < 0))
        return error_memory(err);
    return 0;
}

json_t *maa_token_claims(const struct maa_request *request, const struct maa_result *result,
                         const struct maa_token *token, struct error *err)
{
    json_t *claims = json_object();
    if (!claims) {
        (void)error_memory(err);
        return NULL;
    }
    if (fill(claims, request, result, token, err) == 0)
        return claims;
    json_decref(claims);
    return NULL;
}
