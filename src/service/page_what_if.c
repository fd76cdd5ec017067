/*
 * "What would this evidence get?": evidence goes the whole way that it goes for a token, and at
 * each station the page sees why: the checks, the claims, the policy's rules. Nothing is signed,
 * and no decision is noted, for none is made.
 */
#include <assert.h>

#include "format/json.h"
#include "service/maa_attestation.h"
#include "service/page_parts.h"
#include "service/release_preview.h"

#define WHAT_IF_DEPTH_MAX 16

/* --- what is asked ---------------------------------------------------------------------------- */

struct question {
    enum maa_kind kind;
    struct buf request; /* a body of POST /attest/KIND */
    struct buf policy;  /* in the place of the tenant's; empty: the tenant's, or the request's */
};

static void question_fini(struct question *question)
{
    buf_fini(&question->request);
    buf_fini(&question->policy);
}
#define QUESTION_AUTO __attribute__((cleanup(question_fini))) struct question

static int read_kept(const struct call *call, const char *name, struct question *out,
                     struct error *err)
{
    RECENT_COPY_AUTO copy = {0};
    if (recent_find(call->service->recent, call->tenant->name, name, &copy, err) < 0)
        return -1;
    if (copy.request.size == 0 || !maa_kind_find(span_of_text(copy.kind), &out->kind))
        return error_set(err, ERROR_NOT_FOUND, "the evidence of this attestation is not kept");
    return buf_append(&out->request, buf_span(&copy.request), err);
}

/* {"attestation": NAME}, or {"kind": KIND, "request": {…}} as to POST /attest/KIND; and "policy", a
 * text to be tried. */
static int read_question(const struct call *call, struct question *out, struct error *err)
{
    static const char *const keys[] = {"attestation", "kind", "request", "policy", NULL};
    struct json_limits limits = {call->settings->config->limits.body, WHAT_IF_DEPTH_MAX};
    json_auto_t *body = json_parse_object(call->request->body, &limits, err);
    const char *name = NULL, *kind = NULL, *policy = NULL;
    json_t *request = NULL;
    if (!body || json_check_keys(body, keys, err) < 0 ||
        json_find_text(body, "attestation", &name, err) < 0 ||
        json_find_text(body, "policy", &policy, err) < 0 ||
        buf_append_text(&out->policy, policy ? policy : "", err) < 0)
        return -1;
    if (name)
        return read_kept(call, name, out, err);
    if (json_get_text(body, "kind", &kind, err) < 0 ||
        json_get_object(body, "request", &request, err) < 0)
        return -1;
    if (!maa_kind_find(span_of_text(kind), &out->kind))
        return error_set(err, ERROR_NOT_FOUND, "there is no evidence of this kind");
    return json_append(request, &out->request, err);
}

/* --- what is answered ------------------------------------------------------------------------- */

static json_t *describe_rule(const struct rules_info *info, enum rules_step step)
{
    static const char *const sections[] = {"configuration", "authorization", "issuance"};
    static const char *const actions[] = {"permit", "deny", "add", "issue", "issueproperty"};
    static const char *const steps[] = {"not reached", "not held", "held"};
    static_assert(sizeof sections / sizeof sections[0] == RULES_SECTION_COUNT, "a name each");
    static_assert(sizeof actions / sizeof actions[0] == RULES_ACTION_COUNT, "a name each");
    return json_pack("{s:I, s:s, s:s, s:s, s:s%}", "line", (json_int_t)info->line, "section",
                     sections[info->section], "action", actions[info->action], "step", steps[step],
                     "text", (const char *)info->text.data, info->text.size);
}

/* None where the policy is none. */
static json_t *describe_rules(const struct attestation *attestation)
{
    const struct rules *rules = attestation->policy ? attestation->policy->rules : NULL;
    json_auto_t *list = json_array();
    for (size_t i = 0; rules && i < rules_count(rules); i++) {
        struct rules_info info = rules_info(rules, i);
        if (json_array_append_new(list, describe_rule(&info, attestation->decision.steps[i])) < 0)
            return NULL;
    }
    return json_incref(list);
}

static int add_policy(json_t *answer, const struct attestation *attestation, const char *reason)
{
    return json_object_set_new(
        answer, "policy",
        json_pack("{s:b, s:s?, s:b, s:b, s:o}", "permitted", reason == NULL, "reason", reason,
                  "draft", attestation->is_draft, "default",
                  attestation->policy && attestation->policy->is_default, "rules",
                  describe_rules(attestation)));
}

/* The claims as a token would have them. */
static int add_claims(json_t *answer, struct attestation *attestation, struct error *err)
{
    static const struct json_limits limits = {.size = ATTESTATION_MAX, .depth = 32};
    BUF_AUTO payload = BUF_WITH_LIMIT(ATTESTATION_MAX);
    if (attestation_write_payload(attestation, &payload, err) < 0)
        return -1;
    json_t *claims = json_parse_object(buf_span(&payload), &limits, err);
    return json_object_set_new(answer, "claims", claims);
}

/* What a token of these claims would open. A resource is asked for with a token of the key broker's
 * protocol, which says the same of the evidence. */
static int add_releases(json_t *answer, const struct call *call, struct error *err)
{
    const char *issuer = call->tenant->issuer;
    const json_t *claims = json_object_get(answer, "claims");
    json_t *keys = release_preview(call, issuer, claims, err);
    json_t *resources = keys ? page_preview_resources(call, issuer, claims, err) : NULL;
    if (json_object_set_new(answer, "keys", keys) < 0 ||
        json_object_set_new(answer, "resources", resources) < 0)
        return -1;
    return 0;
}

static int follow(json_t *answer, struct attestation *attestation, struct error *err)
{
    struct error denied = {0};
    int verified = attestation_verify(attestation, &denied);
    if (json_object_set_new(answer, "checks", checks_to_json(&attestation->result.checks)) < 0 ||
        json_object_set_new(answer, "simulated", json_boolean(attestation->result.simulated)) < 0)
        return error_memory(err);
    if (verified < 0)
        return json_object_set_new(answer, "reason", json_string(denied.text));
    int decided = attestation_decide(attestation, &denied);
    if (add_policy(answer, attestation, decided < 0 ? denied.text : NULL) < 0)
        return error_memory(err);
    if (decided < 0)
        return json_object_set(answer, "claims", attestation->result.claims);
    if (add_claims(answer, attestation, err) < 0)
        return -1;
    return attestation->is_draft ? 0 : add_releases(answer, attestation->call, err);
}

static json_t *answer_question(const struct call *call, const struct question *question,
                               struct error *err)
{
    ATTESTATION_AUTO *attestation = attestation_new(call, question->kind);
    json_auto_t *answer = json_pack("{s:s}", "kind", maa_kind_name(question->kind));
    if (!attestation || !answer) {
        (void)error_memory(err);
        return NULL;
    }
    struct buf *draft = &attestation->request.draft_policy;
    if (maa_request_read(question->kind, buf_span(&question->request), &attestation->request, err) <
        0)
        return NULL;
    if (question->policy.size > 0) {
        buf_truncate(draft, 0);
        if (buf_append(draft, buf_span(&question->policy), err) < 0)
            return NULL;
    }
    if (follow(answer, attestation, err) < 0)
        return NULL;
    return json_incref(answer);
}

/* POST /api/what-if */
void page_what_if(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    QUESTION_AUTO question = {.request = BUF_WITH_LIMIT(RECENT_BYTES_MAX),
                              .policy = BUF_WITH_LIMIT(RULES_SIZE_MAX)};
    if (!service_check_administrator(call, answer))
        return;
    json_auto_t *value = NULL;
    if (read_question(call, &question, &err) == 0)
        value = answer_question(call, &question, &err);
    if (value)
        answer_json(answer, HTTP_OK, value);
    else if (err.code == ERROR_NOT_FOUND)
        answer_error(answer, HTTP_NOT_FOUND, NULL, err.text);
    else if (err.code == ERROR_MEMORY || err.code == ERROR_NONE)
        answer_error(answer, HTTP_SERVER_ERROR, NULL, "out of memory");
    else
        answer_error(answer, HTTP_BAD_REQUEST, NULL, err.text);
}
