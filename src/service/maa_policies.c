/* Microsoft Azure Attestation's interface: the policies of a tenant. */
#include "base/base64.h"
#include "crypto/digest.h"
#include "format/json.h"
#include "service/policies.h"
#include "service/service_parts.h"

void maa_answer_token(const struct call *call, json_t *claims, struct server_answer *answer)
{
    struct error err = {0};
    BUF_AUTO payload = BUF_WITH_LIMIT(SERVER_ANSWER_MAX / 4);
    BUF_AUTO token = BUF_WITH_LIMIT(SERVER_ANSWER_MAX / 2);
    json_auto_t *own = claims;
    json_auto_t *more = json_pack(
        "{s:I, s:I, s:I, s:s}", "exp", (json_int_t)call->now + SIGNING_TOKEN_LIFE, "iat",
        (json_int_t)call->now, "nbf", (json_int_t)call->now, "iss", call->tenant->issuer);
    if (!own || !more || json_object_update(own, more) < 0) {
        answer_error(answer, HTTP_SERVER_ERROR, NULL, "out of memory");
        return;
    }
    if (json_append(own, &payload, &err) < 0 ||
        maa_sign(call, buf_span(&payload), &token, &err) < 0) {
        answer_error(answer, HTTP_SERVER_ERROR, NULL, err.text);
        return;
    }
    json_auto_t *value = json_pack("{s:s}", "token", buf_text(&token));
    if (value)
        answer_json(answer, HTTP_OK, value);
    else
        answer_error(answer, HTTP_SERVER_ERROR, NULL, "out of memory");
}

static bool find_kind(const struct call *call, const char *end, enum maa_kind *kind,
                      struct server_answer *answer)
{
    size_t len = strlen(call->rest), end_len = strlen(end);
    bool ends = len >= end_len && strcmp(call->rest + len - end_len, end) == 0;
    if (ends && maa_kind_find(span_of(call->rest, len - end_len), kind))
        return true;
    answer_error(answer, HTTP_NOT_FOUND, NULL, "there is no policy of this kind");
    return false;
}

void maa_get_policy(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    enum maa_kind kind;
    if (!maa_check_api_version(call, answer) || !find_kind(call, "", &kind, answer))
        return;
    const struct tenant_policy *policy = policies_get(call->service->policies, call->tenant->name,
                                                      kind, &err);
    if (policy)
        maa_answer_token(call, json_pack("{s:s}", "x-ms-policy", buf_text(&policy->jws)), answer);
    else
        answer_error(answer, HTTP_SERVER_ERROR, NULL, err.text);
    policies_put(policy);
}

/* What happened to a policy: x-ms-policy-token-hash is base64url(SHA-256(the JWS)). */
static json_t *result_of(struct span jws, const char *result)
{
    uint8_t digest[SHA256_SIZE];
    BUF_AUTO hash = BUF_WITH_LIMIT(64);
    sha256_digest(jws, digest);
    if (base64url_encode(span_of(digest, sizeof digest), &hash, NULL) < 0)
        return NULL;
    return json_pack("{s:s, s:s}", "x-ms-policy-result", result, "x-ms-policy-token-hash",
                     buf_text(&hash));
}

static void note(const struct call *call, const char *event, enum maa_kind kind,
                 const struct error *err, json_t *result, struct server_answer *answer)
{
    json_t *hash = json_object_get(result, "x-ms-policy-token-hash");
    service_note(call, event, err == NULL,
                 json_pack("{s:s, s:s, s:s?, s:s?}", "kind", maa_kind_name(kind), "peer",
                           call->request->peer, "reason", err ? err->text : NULL, "hash",
                           json_string_value(hash)),
                 answer);
}

/* Where the tenant has signers, one of them must have signed what is sent: the policy, or, to reset
 * it, any message. */
static int check_signer(const struct call *call, struct error *err)
{
    POLICY_MESSAGE_AUTO message = {.payload = NULL};
    struct span body = call->request->body;
    jwk_init(&message.signer);
    if (body.size > 0 && policy_message_read(body, &message, err) < 0)
        return error_context(err, "the JWS");
    return signers_check(call->settings->signers, call->tenant,
                         message.is_signed ? &message.signer : NULL, call->now, err);
}

static void change(const struct call *call, const char *event, enum maa_kind kind, bool is_reset,
                   struct server_answer *answer)
{
    struct error err = {0};
    const char *tenant = call->tenant->name;
    struct policies *policies = call->service->policies;
    json_auto_t *result = result_of(call->request->body, is_reset ? "Removed" : "Updated");
    int changed = check_signer(call, &err);
    if (changed == 0)
        changed = is_reset ? policies_reset(policies, tenant, kind, &err)
                           : policies_set(policies, tenant, kind, call->request->body, &err);
    if (changed < 0) {
        bool ours = err.code == ERROR_UNAVAILABLE || err.code == ERROR_MEMORY;
        answer_error(answer, ours ? HTTP_SERVER_ERROR : HTTP_BAD_REQUEST, "InvalidPolicy",
                     err.text);
        note(call, event, kind, &err, result, answer);
        return;
    }
    maa_answer_token(call, json_incref(result), answer);
    note(call, event, kind, NULL, result, answer);
}

void maa_set_policy(const struct call *call, struct server_answer *answer)
{
    enum maa_kind kind;
    if (maa_check_api_version(call, answer) && find_kind(call, "", &kind, answer) &&
        service_check_administrator(call, answer))
        change(call, "policy-set", kind, false, answer);
}

void maa_reset_policy(const struct call *call, struct server_answer *answer)
{
    enum maa_kind kind;
    if (maa_check_api_version(call, answer) && find_kind(call, ":reset", &kind, answer) &&
        service_check_administrator(call, answer))
        change(call, "policy-reset", kind, true, answer);
}
