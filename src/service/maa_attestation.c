#include "service/maa_attestation.h"

#include <stdlib.h>

#include "base/hex.h"
#include "base/text.h"
#include "crypto/random.h"
#include "format/json.h"

struct attestation *attestation_new(const struct call *call, enum maa_kind kind)
{
    struct attestation *attestation = calloc(1, sizeof *attestation);
    if (!attestation)
        return NULL;
    attestation->call = call;
    attestation->request.kind = kind;
    return attestation;
}

void attestation_free(struct attestation *attestation)
{
    if (!attestation)
        return;
    maa_request_fini(&attestation->request);
    rules_result_fini(&attestation->decision);
    policies_put(attestation->policy);
    json_decref(attestation->result.claims);
    json_decref(attestation->result.older);
    free(attestation);
}

void attestation_cleanup(struct attestation **attestation)
{
    attestation_free(*attestation);
}

int attestation_verify(struct attestation *attestation, struct error *err)
{
    const struct settings *settings = attestation->call->settings;
    const struct config *config = settings->config;
    struct maa_trust trust = {
        .time = attestation->call->now,
        .chains = settings->chains,
        .collaterals = settings->collaterals,
        .files = settings->files,
        .tcb_statuses = config->tcb_statuses,
        .endorser = {config->uvm_issuer, config->uvm_feed, config->uvm_minimum_svn},
    };
    switch (attestation->request.kind) {
    case MAA_SEV_SNP:
        return maa_verify_snp(&attestation->request, &trust, &attestation->result, err);
    case MAA_SGX:
    case MAA_OPEN_ENCLAVE:
    case MAA_TDX:
        return maa_verify_dcap(&attestation->request, &trust, &attestation->result, err);
    case MAA_AZURE_GUEST:
        return maa_verify_hcl(&attestation->request, &trust, &attestation->result, err);
    default:
        return error_set(err, ERROR_UNAVAILABLE, "evidence of the kind %s is not verified here",
                         maa_kind_name(attestation->request.kind));
    }
}

static int find_policy(struct attestation *attestation, struct error *err)
{
    const struct call *call = attestation->call;
    attestation->is_draft = attestation->request.draft_policy.size > 0;
    attestation->policy = attestation->is_draft
                              ? policies_draft(buf_span(&attestation->request.draft_policy), err)
                              : policies_get(call->service->policies, call->tenant->name,
                                             attestation->request.kind, err);
    return attestation->policy ? 0 : error_context(err, "the policy");
}

/* Policies know claims by their older names as "$is-debuggable". */
static int add_older(struct claims *claims, const json_t *older, struct error *err)
{
    json_auto_t *named = json_object();
    json_t *members = (json_t *)(uintptr_t)older; /* jansson's iterators leave it alone */
    for (void *at = json_object_iter(members); at; at = json_object_iter_next(members, at)) {
        TEXT_AUTO name = text_format("$%s", json_object_iter_key(at));
        if (!name || json_object_set(named, name, json_object_iter_value(at)) < 0)
            return error_memory(err);
    }
    return claims_add_members(claims, named, CLAIM_SERVICE, err);
}

int attestation_decide(struct attestation *attestation, struct error *err)
{
    CLAIMS_AUTO claims = {0};
    if (find_policy(attestation, err) < 0)
        return -1;
    if (claims_add_members(&claims, attestation->result.claims, CLAIM_SERVICE, err) < 0 ||
        add_older(&claims, attestation->result.older, err) < 0)
        return -1;
    if (rules_evaluate(attestation->policy->rules, &claims, &attestation->decision, err) < 0)
        return -1;
    if (attestation->decision.verdict != RULES_PERMITTED)
        return error_set(err, ERROR_REFUSED, "%s", attestation->decision.reason);
    return 0;
}

int attestation_take_id(struct attestation *attestation, struct error *err)
{
    uint8_t id[ATTESTATION_ID_SIZE];
    if (random_bytes(id, sizeof id, err) < 0)
        return -1;
    hex_encode(span_of(id, sizeof id), attestation->id);
    return 0;
}

json_t *attestation_keep_claims(const struct attestation *attestation, json_t *detail,
                                const char *const kept[], size_t count)
{
    for (size_t i = 0; detail && i < count; i++) {
        json_t *claim = json_object_get(attestation->result.claims, kept[i]);
        if (claim && json_object_set(detail, kept[i], claim) < 0) {
            json_decref(detail);
            return NULL;
        }
    }
    return detail;
}

int attestation_write_payload(struct attestation *attestation, struct buf *out, struct error *err)
{
    if (attestation_take_id(attestation, err) < 0)
        return -1;
    json_auto_t *issued = claims_to_json(&attestation->decision.issued, err);
    if (!issued)
        return -1;
    struct maa_token token = {.issuer = attestation->call->tenant->issuer,
                              .now = attestation->call->now,
                              .life = SIGNING_TOKEN_LIFE,
                              .policy = attestation->policy,
                              .id = attestation->id,
                              .issued = issued};
    json_auto_t *claims = maa_token_claims(&attestation->request, &attestation->result, &token,
                                           err);
    return claims ? json_append(claims, out, err) : -1;
}
