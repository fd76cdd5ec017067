/* Microsoft Azure Attestation's interface: evidence in, a token out. */
#include "base/text.h"
#include "format/json.h"
#include "format/jws.h"
#include "service/maa_attestation.h"

#define ALGORITHM_HEADER "Caisson-Token-Algorithm"

static const char *const api_versions[] = {"2020-10-01", "2022-08-01", "2025-06-01", NULL};

/* The scheme that the client asks for, else the tenant's; false for one that there is not. */
static bool find_scheme(const struct call *call, enum signature_scheme *out)
{
    const struct span *wanted = http_header_find(call->request->http, ALGORITHM_HEADER);
    *out = call->tenant->token_scheme;
    return !wanted || signing_find_scheme(*wanted, out);
}

bool maa_check_api_version(const struct call *call, struct server_answer *answer)
{
    enum signature_scheme scheme;
    if (!find_scheme(call, &scheme)) {
        answer_error(answer, HTTP_BAD_REQUEST, NULL,
                     ALGORITHM_HEADER " is none of RS256, ES384, ES256");
        return false;
    }
    return answer_check_api_version(call->request, api_versions, answer);
}

int maa_sign(const struct call *call, struct span payload, struct buf *out, struct error *err)
{
    TEXT_AUTO jku = text_format("%s/certs", call->tenant->issuer);
    json_auto_t *header = jku ? json_pack("{s:s}", "jku", jku) : NULL;
    if (!header)
        return error_memory(err);
    enum signature_scheme scheme;
    if (!find_scheme(call, &scheme))
        return error_set(err, ERROR_INVALID, ALGORITHM_HEADER " names no algorithm of tokens");
    return signing_sign(call->service->signing, scheme, header, payload, call->now, out, err);
}

/* --- a token ---------------------------------------------------------------------------------- */

#define EAR_TYPE "application/eat+jwt"

/* Whether the client asks for an attestation result (EAR) instead. */
static bool wants_ear(const struct call *call)
{
    const struct span *accept = http_header_find(call->request->http, "Accept");
    return accept && memmem(accept->data, accept->size, EAR_TYPE, strlen(EAR_TYPE)) != NULL;
}

static int write_ear(struct attestation *attestation, struct buf *out, struct error *err)
{
    static const struct json_limits limits = {.size = MAA_DATA_MAX, .depth = 16};
    const struct maa_data *data = &attestation->request.runtime;
    json_auto_t *runtime = NULL;
    if (data->is_there && data->is_json) {
        runtime = json_parse(buf_span(&data->bytes), &limits, err);
        if (!runtime)
            return -1;
    }
    return attestation_write_ear(attestation, runtime, NULL, SIGNING_TOKEN_LIFE, out, err);
}

static int write_token(struct attestation *attestation, struct buf *out, struct error *err)
{
    const struct call *call = attestation->call;
    bool is_ear = wants_ear(call);
    BUF_AUTO payload = BUF_WITH_LIMIT(ATTESTATION_MAX);
    if ((is_ear ? write_ear(attestation, &payload, err)
                : attestation_write_payload(attestation, &payload, err)) < 0)
        return -1;
    if (attestation->is_draft)
        return jws_append_unsigned(NULL, buf_span(&payload), out, err);
    if (is_ear)
        return attestation_sign_ear(call, buf_span(&payload), out, err);
    return maa_sign(call, buf_span(&payload), out, err);
}

/* --- its answer ------------------------------------------------------------------------------- */

static enum http_status status_of(const struct error *err)
{
    switch (err->code) {
    case ERROR_MEMORY:
    case ERROR_SYSTEM:
        return HTTP_SERVER_ERROR;
    case ERROR_UNAVAILABLE:
        return HTTP_NOT_IMPLEMENTED;
    default:
        return HTTP_BAD_REQUEST;
    }
}

/* What the audit log keeps of an attestation: what was proved, by whom, and why not. */
static json_t *describe(const struct attestation *attestation, const char *reason)
{
    const struct call *call = attestation->call;
    char record[RECENT_NAME_SIZE];
    static const char *const kept[] = {"x-ms-sevsnpvm-launchmeasurement", "x-ms-sevsnpvm-hostdata",
                                       "x-ms-sevsnpvm-reportdata", "x-ms-compliance-status"};
    const char *kind = maa_kind_name(attestation->request.kind);
    struct recent_attestation recent = {call->now, kind, &attestation->result.checks,
                                        call->request->body};
    recent_add(call->service->recent, call->tenant->name, &recent, record);
    json_t *detail = json_pack("{s:s, s:s, s:s, s:b, s:s}", "kind", kind, "peer",
                               call->request->peer, reason ? "reason" : "token",
                               reason ? reason : attestation->id, "simulated",
                               attestation->result.simulated, "record", record);
    return attestation_keep_claims(attestation, detail, kept, sizeof kept / sizeof kept[0]);
}

/* What the text shows of the evidence may have been cut within a character. */
static void refuse(const struct attestation *attestation, const char *code, struct error *err,
                   struct server_answer *answer)
{
    text_make_printable(err->text);
    answer_error(answer, status_of(err), code, err->text);
    atomic_fetch_add(&attestation->call->service->denied, 1);
    service_note(attestation->call, "attest", false, describe(attestation, err->text), answer);
}

/* {"token": …}, or the token itself where its own type was asked for. */
static int answer_token(const struct call *call, const struct buf *token,
                        struct server_answer *answer, struct error *err)
{
    if (wants_ear(call)) {
        answer->status = HTTP_OK;
        answer->type = EAR_TYPE;
        return buf_append(&answer->body, buf_span(token), err);
    }
    answer->status = HTTP_OK;
    answer->type = "application/json";
    /* Base64url and dots: nothing to escape. */
    if (buf_append_text(&answer->body, "{\"token\":\"", err) < 0 ||
        buf_append(&answer->body, buf_span(token), err) < 0)
        return -1;
    return buf_append_text(&answer->body, "\"}", err);
}

static void permit(struct attestation *attestation, const struct buf *token,
                   struct server_answer *answer)
{
    struct error err = {0};
    if (answer_token(attestation->call, token, answer, &err) < 0) {
        answer_error(answer, HTTP_SERVER_ERROR, NULL, err.text);
        return;
    }
    atomic_fetch_add(&attestation->call->service->attested, 1);
    service_note(attestation->call, attestation->is_draft ? "attest-draft" : "attest", true,
                 describe(attestation, NULL), answer);
}

static void attest(struct attestation *attestation, struct server_answer *answer)
{
    struct error err = {0};
    BUF_AUTO token = BUF_WITH_LIMIT(2 * ATTESTATION_MAX);
    if (maa_request_read(attestation->request.kind, attestation->call->request->body,
                         &attestation->request, &err) < 0) {
        text_make_printable(err.text);
        answer_error(answer, status_of(&err), "InvalidParameter", err.text);
    } else if (attestation_verify(attestation, &err) < 0)
        refuse(attestation, "AttestationFailed", &err, answer);
    else if (attestation_decide(attestation, &err) < 0)
        refuse(attestation, "PolicyEvaluationError", &err, answer);
    else if (write_token(attestation, &token, &err) < 0)
        refuse(attestation, "TokenGenerationFailed", &err, answer);
    else
        permit(attestation, &token, answer);
}

void maa_attest(const struct call *call, struct server_answer *answer)
{
    enum maa_kind kind;
    if (!maa_check_api_version(call, answer))
        return;
    if (!maa_kind_find(span_of_text(call->rest), &kind)) {
        answer_error(answer, HTTP_NOT_FOUND, NULL, "there is no evidence of this kind");
        return;
    }
    ATTESTATION_AUTO *attestation = attestation_new(call, kind);
    if (attestation)
        attest(attestation, answer);
    else
        answer_error(answer, HTTP_SERVER_ERROR, NULL, "out of memory");
}

/* --- discovery -------------------------------------------------------------------------------- */

void maa_certs(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    answer->status = HTTP_OK;
    answer->type = "application/json";
    buf_truncate(&answer->body, 0);
    if (signing_append_keys(call->service->signing, &answer->body, &err) < 0)
        answer_error(answer, HTTP_SERVER_ERROR, NULL, err.text);
}

void maa_openid_configuration(const struct call *call, struct server_answer *answer)
{
    static const char *const claims[] = {"is-debuggable",
                                         "sgx-mrsigner",
                                         "sgx-mrenclave",
                                         "product-id",
                                         "svn",
                                         "tee",
                                         "device_id",
                                         "component_0_id",
                                         "expected_components",
                                         "x-ms-attestation-type",
                                         "x-ms-policy-hash",
                                         "x-ms-ver"};
    TEXT_AUTO jwks = text_format("%s/certs", call->tenant->issuer);
    json_auto_t *value = jwks ? json_pack("{s:s, s:s, s:[s,s], s:[s,s,s], s:[]}", "issuer",
                                          call->tenant->issuer, "jwks_uri", jwks,
                                          "response_types_supported", "token", "none",
                                          "id_token_signing_alg_values_supported", "RS256", "ES384",
                                          "ES256", "claims_supported")
                              : NULL;
    json_t *list = json_object_get(value, "claims_supported");
    for (size_t i = 0; list && i < sizeof claims / sizeof claims[0]; i++)
        (void)json_array_append_new(list, json_string(claims[i]));
    if (value)
        answer_json(answer, HTTP_OK, value);
    else
        answer_error(answer, HTTP_SERVER_ERROR, NULL, "out of memory");
}
