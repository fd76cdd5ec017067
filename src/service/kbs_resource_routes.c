/* The key broker's resources: for who attested, by their rules; and for administrators. */
#include "base/secret.h"
#include "format/json.h"
#include "service/ear.h"
#include "service/kbs_parts.h"
#include "service/kbs_request.h"
#include "service/kbs_resources.h"

static struct kbs_resources resources_of(const struct call *call)
{
    return (struct kbs_resources){call->service->store, call->service->vault, call->tenant->name};
}

/* --- for who attested ------------------------------------------------------------------------- */

/* A request for a resource on its way. */
struct delivery {
    const struct call *call;
    json_t *claims; /* of the token */
    struct buf sealed;
};

/* Seals the resource for the key that the token holds. */
static int seal(struct delivery *delivery, struct span resource, struct error *err)
{
    JWK_AUTO key;
    enum jwe_algorithm algorithm;
    json_t *jwk = ear_find_key(delivery->claims);
    jwk_init(&key);
    if (!jwk)
        return error_set(err, ERROR_REFUSED, "the token holds no key to seal the resource for");
    if (kbs_key_read(jwk, &key, &algorithm, err) < 0)
        return -1;
    return jwe_seal(algorithm, key.public_key, resource, &delivery->sealed, err);
}

static int fetch(struct delivery *delivery, struct error *err)
{
    const struct call *call = delivery->call;
    struct kbs_resources resources = resources_of(call);
    struct buf resource = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    if (kbs_rule_check(&resources, call->rest, call->tenant->issuer, delivery->claims, err) < 0)
        return -1;
    int result = kbs_resource_get(&resources, call->rest, &resource, err);
    if (result == 0)
        result = seal(delivery, buf_span(&resource), err);
    buf_fini_secret(&resource);
    return result;
}

static json_t *describe(const struct delivery *delivery, const char *reason)
{
    const char *token = json_string_value(json_object_get(delivery->claims, "jti"));
    return json_pack("{s:s, s:s, s:s?, s:s?, s:b}", "resource", delivery->call->rest, "peer",
                     delivery->call->request->peer, "token", token, "reason", reason, "simulated",
                     json_is_true(json_object_get(delivery->claims, "caisson-simulated")));
}

static void refuse(const struct delivery *delivery, const struct error *err,
                   struct server_answer *answer)
{
    if (err->code == ERROR_REFUSED)
        kbs_answer_error(answer, HTTP_FORBIDDEN, "PolicyDeny", err->text);
    else if (err->code == ERROR_NOT_FOUND)
        kbs_answer_error(answer, HTTP_NOT_FOUND, "PluginInternalError", err->text);
    else
        kbs_answer_error(answer, HTTP_SERVER_ERROR, "PluginInternalError", err->text);
    service_note(delivery->call, "resource", false, describe(delivery, err->text), answer);
}

static void deliver(struct delivery *delivery, struct server_answer *answer)
{
    struct error err = {0};
    if (fetch(delivery, &err) < 0) {
        refuse(delivery, &err, answer);
        return;
    }
    answer->status = HTTP_OK;
    answer->type = "application/json";
    if (buf_append(&answer->body, buf_span(&delivery->sealed), &err) < 0) {
        kbs_answer_error(answer, HTTP_SERVER_ERROR, "JweError", err.text);
        return;
    }
    service_note(delivery->call, "resource", true, describe(delivery, NULL), answer);
}

void kbs_get_resource(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    struct delivery delivery = {.call = call, .sealed = BUF_WITH_LIMIT(SERVER_ANSWER_MAX)};
    delivery.claims = kbs_find_claims(call, &err);
    if (!delivery.claims)
        kbs_answer_error(answer, kbs_status_of(&err), "TokenNotFound", err.text);
    else if (kbs_resource_check_name(call->rest, &err) < 0)
        kbs_answer_error(answer, HTTP_NOT_FOUND, "InvalidRequestPath", err.text);
    else
        deliver(&delivery, answer);
    json_decref(delivery.claims);
    buf_fini(&delivery.sealed);
}

/* --- for administrators ----------------------------------------------------------------------- */

static enum http_status admin_status(const struct error *err)
{
    switch (err->code) {
    case ERROR_NOT_FOUND:
        return HTTP_NOT_FOUND;
    case ERROR_LIMIT:
        return HTTP_TOO_LARGE;
    case ERROR_REFUSED:
        return HTTP_CONFLICT;
    case ERROR_INVALID:
        return HTTP_BAD_REQUEST;
    default:
        return HTTP_SERVER_ERROR;
    }
}

/* Answers with the outcome of a change, and notes it. */
static void answer_change(const struct call *call, const char *event, const struct error *err,
                          struct server_answer *answer)
{
    bool done = err->code == ERROR_NONE;
    if (done) {
        answer->status = HTTP_OK;
        answer->type = "application/json";
        (void)buf_append_text(&answer->body, "{}", NULL);
    } else {
        kbs_answer_error(answer, admin_status(err), "PluginInternalError", err->text);
    }
    service_note(call, event, done,
                 json_pack("{s:s, s:s, s:s?}", "resource", call->rest, "peer", call->request->peer,
                           "reason", done ? NULL : err->text),
                 answer);
}

/* An administrator who names a resource; else answers. */
static bool may_change(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    if (!service_check_administrator(call, answer))
        return false;
    if (kbs_resource_check_name(call->rest, &err) == 0)
        return true;
    kbs_answer_error(answer, HTTP_BAD_REQUEST, "InvalidRequestPath", err.text);
    return false;
}

void kbs_put_resource(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    struct kbs_resources resources = resources_of(call);
    if (!may_change(call, answer))
        return;
    (void)kbs_resource_put(&resources, call->rest, call->request->body, &err);
    answer_change(call, "resource-set", &err, answer);
}

void kbs_remove_resource(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    struct kbs_resources resources = resources_of(call);
    if (!may_change(call, answer))
        return;
    (void)kbs_resource_remove(&resources, call->rest, &err);
    answer_change(call, "resource-remove", &err, answer);
}

void kbs_put_rule(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    struct kbs_resources resources = resources_of(call);
    if (!may_change(call, answer))
        return;
    (void)kbs_rule_put(&resources, call->rest, call->request->body, &err);
    answer_change(call, "resource-rule-set", &err, answer);
}

void kbs_get_rule(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    struct kbs_resources resources = resources_of(call);
    if (!may_change(call, answer))
        return;
    answer->status = HTTP_OK;
    answer->type = "application/json";
    if (kbs_rule_get(&resources, call->rest, &answer->body, &err) < 0)
        kbs_answer_error(answer, admin_status(&err), "PluginInternalError", err.text);
}

static int add_name(void *context, const char *name, struct error *err)
{
    json_t *list = context;
    return json_array_append_new(list, json_string(name)) < 0 ? error_memory(err) : 0;
}

/* {"resources": [names], "next": the last one, where more may follow}: ?after= continues. */
void kbs_list_resources(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    struct kbs_resources resources = resources_of(call);
    BUF_AUTO after = BUF_WITH_LIMIT(HTTP_TARGET_MAX);
    if (!service_check_administrator(call, answer))
        return;
    if (http_query_find(call->request->http->query, "after", &after, &err) < 0 &&
        err.code != ERROR_NOT_FOUND) {
        kbs_answer_error(answer, HTTP_BAD_REQUEST, "InvalidRequestPath", err.text);
        return;
    }
    json_auto_t *value = json_pack("{s:[]}", "resources");
    json_t *list = json_object_get(value, "resources");
    if (!list || kbs_resource_list(&resources, buf_text(&after), add_name, list, &err) < 0) {
        kbs_answer_error(answer, HTTP_SERVER_ERROR, "PluginInternalError",
                         list ? err.text : "out of memory");
        return;
    }
    size_t count = json_array_size(list);
    if (count == DATABASE_PAGE_MAX &&
        json_object_set(value, "next", json_array_get(list, count - 1)) < 0)
        kbs_answer_error(answer, HTTP_SERVER_ERROR, "PluginInternalError", "out of memory");
    else
        answer_json(answer, HTTP_OK, value);
}

void kbs_refuse_rego(const struct call *call, struct server_answer *answer)
{
    if (service_check_administrator(call, answer))
        kbs_answer_error(answer, HTTP_NOT_IMPLEMENTED, "ParsePolicyError",
                         "policies in Rego are not evaluated here: each resource has a rule of its "
                         "own (PUT /kbs/v0/resource-rule/REPOSITORY/TYPE/TAG), and evidence the "
                         "tenant's attestation policy (PUT /policies/SevSnpVm)");
}
