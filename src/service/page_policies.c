/* The tenant's policies for each kind of evidence, with what the linter finds in them. */
#include "format/json.h"
#include "rules/rules_lint.h"
#include "service/policies.h"
#include "service/service_parts.h"

/* Whose claims a policy for a kind of evidence may ask for. */
static unsigned claims_of(enum maa_kind kind)
{
    switch (kind) {
    case MAA_SEV_SNP:
        return KNOWN_SNP;
    case MAA_SGX:
    case MAA_OPEN_ENCLAVE:
        return KNOWN_SGX;
    case MAA_TDX:
        return KNOWN_TDX;
    case MAA_TPM:
        return KNOWN_TPM;
    default:
        return KNOWN_ALL;
    }
}

static int append_finding(json_t *list, const char *severity, size_t line, const char *text)
{
    return json_array_append_new(list, json_pack("{s:s, s:I, s:s}", "severity", severity, "line",
                                                 (json_int_t)line, "text", text));
}

/* "line 3, column 9: …" says where; 0 where it does not. */
static size_t line_of(const char *text)
{
    unsigned long line = 0;
    const char *at = strstr(text, "line ");
    for (at = at ? at + 5 : ""; *at >= '0' && *at <= '9' && line < 1000000; at++)
        line = line * 10 + (unsigned long)(*at - '0');
    return line;
}

/* [{"severity": "error" or "warning", "line", "text"}]; NULL where memory runs out. */
static json_t *lint(struct span text, enum maa_kind kind)
{
    struct error err = {0};
    RULES_WARNINGS_AUTO warnings = {0};
    json_auto_t *list = json_array();
    RULES_AUTO *rules = rules_new(text, &err);
    if (!rules)
        return append_finding(list, "error", line_of(err.text), err.text) < 0 ? NULL
                                                                              : json_incref(list);
    if (rules_lint(rules, claims_of(kind), &warnings, &err) < 0)
        return NULL;
    for (size_t i = 0; i < warnings.count; i++) {
        if (append_finding(list, "warning", warnings.at[i].line, warnings.at[i].text) < 0)
            return NULL;
    }
    return json_incref(list);
}

static json_t *describe(const struct call *call, enum maa_kind kind, struct error *err)
{
    const struct tenant_policy *policy = policies_get(call->service->policies, call->tenant->name,
                                                      kind, err);
    if (!policy)
        return NULL;
    const struct buf *text = &policy->content.text;
    json_t *value = json_pack("{s:s, s:b, s:b, s:s, s:s, s:o}", "kind", maa_kind_name(kind),
                              "default", policy->is_default, "signed", policy->content.is_signed,
                              "hash", policy->hash, "text", buf_text(text), "findings",
                              lint(buf_span(text), kind));
    policies_put(policy);
    return value;
}

/* GET /api/policies */
void page_policies(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    json_auto_t *list = json_array();
    if (!service_check_administrator(call, answer))
        return;
    for (int kind = 0; kind < MAA_KIND_COUNT; kind++) {
        if (json_array_append_new(list, describe(call, (enum maa_kind)kind, &err)) < 0) {
            answer_error(answer, HTTP_SERVER_ERROR, NULL, err.code ? err.text : "out of memory");
            return;
        }
    }
    answer_json(answer, HTTP_OK, list);
}

/* POST /api/lint/KIND with a policy's text. */
void page_lint(const struct call *call, struct server_answer *answer)
{
    enum maa_kind kind;
    if (!service_check_administrator(call, answer))
        return;
    if (!maa_kind_find(span_of_text(call->rest), &kind)) {
        answer_error(answer, HTTP_NOT_FOUND, NULL, "there is no evidence of this kind");
        return;
    }
    json_auto_t *findings = lint(call->request->body, kind);
    if (findings)
        answer_json(answer, HTTP_OK, findings);
    else
        answer_error(answer, HTTP_SERVER_ERROR, NULL, "out of memory");
}
