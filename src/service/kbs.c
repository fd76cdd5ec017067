/* Confidential Containers' key broker: a client gets a nonce, and for its evidence a token. */
#include "base/text.h"
#include "format/json.h"
#include "service/kbs_parts.h"
#include "service/kbs_sessions.h"
#include "service/kbs_verify.h"
#include "service/maa_attestation.h"

/* --- errors ----------------------------------------------------------------------------------- */

void kbs_answer_error(struct server_answer *answer, enum http_status status, const char *name,
                      const char *detail)
{
    json_auto_t *value = NULL;
    TEXT_AUTO type = text_format("https://github.com/confidential-containers/kbs/errors/%s", name);
    if (type)
        value = json_pack("{s:s, s:s}", "type", type, "detail", detail);
    if (value)
        answer_json(answer, status, value);
    else
        answer_error(answer, HTTP_SERVER_ERROR, NULL, "out of memory");
}

enum http_status kbs_status_of(const struct error *err)
{
    if (err->code == ERROR_MEMORY || err->code == ERROR_SYSTEM)
        return HTTP_SERVER_ERROR;
    if (err->code == ERROR_LIMIT)
        return HTTP_TOO_LARGE;
    return err->code == ERROR_UNAVAILABLE ? HTTP_NOT_IMPLEMENTED : HTTP_UNAUTHORIZED;
}

/* --- auth ------------------------------------------------------------------------------------- */

/* What is verified here, by the names of the protocol. */
static const struct {
    const char *name;
    enum maa_kind kind;
} tees[] = {{"snp", MAA_SEV_SNP}, {"tdx", MAA_TDX}, {"sgx", MAA_SGX}};
#define TEES (sizeof tees / sizeof *tees)

/* "sample" evidence proves nothing, and nothing here verifies it under any configuration. */
static int check_tee(const char *tee, struct error *err)
{
    for (size_t i = 0; i < TEES; i++) {
        if (strcmp(tee, tees[i].name) == 0)
            return 0;
    }
    if (strcmp(tee, "sample") == 0)
        return error_set(err, ERROR_REFUSED,
                         "tee \"sample\" proves nothing; a simulated processor's evidence is of "
                         "tee \"snp\"");
    return error_set(err, ERROR_UNAVAILABLE,
                     "evidence of tee \"%s\" is not verified here; snp, tdx and sgx are", tee);
}

/* Default parameters are said by saying none: all clients know what an empty text means. */
static json_t *make_challenge(const struct kbs_session *session)
{
    if (session->hello.hash == KBS_SHA384)
        return json_pack("{s:s, s:s}", "nonce", session->nonce, "extra-params", "");
    return json_pack("{s:s, s:{s:s}}", "nonce", session->nonce, "extra-params",
                     "selected-hash-algorithm", kbs_hash_name(session->hello.hash));
}

static int add_cookie(const struct call *call, const char *id, struct server_answer *answer,
                      struct error *err)
{
    return buf_printf(&answer->headers, err,
                      "Set-Cookie: kbs-session-id=%s; Path=/kbs/v0; Max-Age=%d; HttpOnly%s\r\n", id,
                      KBS_SESSION_LIFE, call->settings->config->plain ? "" : "; Secure");
}

void kbs_auth(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    struct kbs_hello hello;
    struct kbs_session session;
    if (kbs_hello_read(call->request->body, &hello, &err) < 0 || check_tee(hello.tee, &err) < 0) {
        kbs_answer_error(answer, kbs_status_of(&err), "AttestationError", err.text);
        return;
    }
    if (kbs_sessions_begin(call->service->kbs, call->tenant->name, call->request->peer, &hello,
                           call->now, &session, &err) < 0) {
        bool many = err.code == ERROR_LIMIT;
        kbs_answer_error(answer, many ? HTTP_TOO_MANY : kbs_status_of(&err), "AttestationError",
                         err.text);
        return;
    }
    json_auto_t *challenge = make_challenge(&session);
    if (challenge && add_cookie(call, session.id, answer, &err) == 0)
        answer_json(answer, HTTP_OK, challenge);
    else
        kbs_answer_error(answer, HTTP_SERVER_ERROR, "AttestationError", "out of memory");
}

/* --- attest ----------------------------------------------------------------------------------- */

/* An attestation by this protocol on its way. */
struct handshake {
    const struct call *call;
    struct kbs_session session;
    struct kbs_attestation given;
    struct attestation *attestation;
    struct snp_report report;
};

static bool is_snp(const struct handshake *handshake)
{
    return handshake->attestation->request.kind == MAA_SEV_SNP;
}

static void set_kind(struct handshake *handshake)
{
    for (size_t i = 0; i < TEES; i++) {
        if (strcmp(handshake->session.hello.tee, tees[i].name) == 0)
            handshake->attestation->request.kind = tees[i].kind;
    }
}

static int read_request(struct handshake *handshake, struct error *err)
{
    const struct call *call = handshake->call;
    struct span cookie = kbs_cookie(call);
    if (cookie.size == 0)
        return error_set(err, ERROR_NOT_FOUND, "the cookie kbs-session-id is missing");
    if (kbs_sessions_take(call->service->kbs, call->tenant->name, cookie, call->now,
                          &handshake->session, err) < 0 ||
        kbs_attestation_read(call->request->body, handshake->session.hello.hash, &handshake->given,
                             err) < 0)
        return -1;
    set_kind(handshake);
    if (strcmp(handshake->given.nonce, handshake->session.nonce) != 0)
        return error_set(err, ERROR_REFUSED, "runtime-data: the nonce is not the session's");
    return 0;
}

static int verify(struct handshake *handshake, struct error *err)
{
    const struct settings *settings = handshake->call->settings;
    struct maa_trust trust = {.time = handshake->call->now,
                              .chains = settings->chains,
                              .collaterals = settings->collaterals,
                              .files = settings->files,
                              .tcb_statuses = settings->config->tcb_statuses};
    struct attestation *attestation = handshake->attestation;
    struct maa_result *result = &attestation->result;
    int verified = is_snp(handshake)
                       ? kbs_verify_snp(&handshake->given, &trust, result, &handshake->report, err)
                   : attestation->request.kind == MAA_SGX
                       ? kbs_verify_sgx(&handshake->given, &trust, result, err)
                       : kbs_verify_tdx(&handshake->given, &trust, result, err);
    return verified < 0 ? -1 : attestation_decide(attestation, err);
}

/* What REPORT_DATA binds, and nothing else that came. */
static json_t *bound_data(const struct handshake *handshake, struct error *err)
{
    /* The key is borrowed and stays as it is; jansson has no constant reference. */
    json_t *data = json_pack("{s:s, s:O}", "nonce", handshake->given.nonce, "tee-pubkey",
                             (json_t *)(uintptr_t)handshake->given.tee_pubkey);
    if (!data)
        (void)error_memory(err);
    return data;
}

static int make_token(struct handshake *handshake, struct buf *token, struct error *err)
{
    const struct call *call = handshake->call;
    BUF_AUTO payload = BUF_WITH_LIMIT(KBS_TOKEN_MAX);
    json_auto_t *runtime = bound_data(handshake, err);
    if (!runtime ||
        attestation_write_ear(handshake->attestation, runtime,
                              is_snp(handshake) ? &handshake->report : NULL, KBS_TOKEN_LIFE,
                              &payload, err) < 0 ||
        attestation_sign_ear(call, buf_span(&payload), token, err) < 0)
        return -1;
    return kbs_sessions_put_token(call->service->kbs, call->tenant->name,
                                  span_of_text(handshake->session.id), call->now, buf_span(token),
                                  err);
}

/* What the audit log keeps: what was proved, by whom, and why not. */
static json_t *describe(const struct handshake *handshake, const char *reason)
{
    static const char *const kept[] = {"x-ms-sevsnpvm-launchmeasurement",
                                       "x-ms-sevsnpvm-hostdata",
                                       "x-ms-sevsnpvm-reportdata",
                                       "tdx_mrtd",
                                       "tdx_mrconfigid",
                                       "tdx_report_data",
                                       "x-ms-sgx-mrenclave",
                                       "x-ms-sgx-config-id",
                                       "x-ms-sgx-report-data"};
    const struct attestation *attestation = handshake->attestation;
    const struct call *call = handshake->call;
    char record[RECENT_NAME_SIZE];
    struct recent_attestation recent = {.time = call->now,
                                        .kind = maa_kind_name(attestation->request.kind),
                                        .checks = &attestation->result.checks};
    recent_add(call->service->recent, call->tenant->name, &recent, record);
    json_t *detail = json_pack("{s:s, s:s, s:s, s:b, s:s}", "tee", handshake->session.hello.tee,
                               "peer", call->request->peer, reason ? "reason" : "token",
                               reason ? reason : attestation->id, "simulated",
                               attestation->result.simulated, "record", record);
    return attestation_keep_claims(attestation, detail, kept, sizeof kept / sizeof kept[0]);
}

static void answer_handshake(struct handshake *handshake, struct server_answer *answer)
{
    struct error err = {0};
    const struct call *call = handshake->call;
    BUF_AUTO token = BUF_WITH_LIMIT(KBS_TOKEN_MAX);
    if (read_request(handshake, &err) < 0) {
        kbs_answer_error(answer, kbs_status_of(&err), "AttestationError", err.text);
        return;
    }
    if (verify(handshake, &err) < 0 || make_token(handshake, &token, &err) < 0) {
        kbs_answer_error(answer, kbs_status_of(&err), "AttestationError", err.text);
        atomic_fetch_add(&call->service->denied, 1);
        service_note(call, "kbs-attest", false, describe(handshake, err.text), answer);
        return;
    }
    json_auto_t *value = json_pack("{s:s}", "token", buf_text(&token));
    if (!value || add_cookie(call, handshake->session.id, answer, &err) < 0) {
        kbs_answer_error(answer, HTTP_SERVER_ERROR, "AttestationError", "out of memory");
        return;
    }
    answer_json(answer, HTTP_OK, value);
    atomic_fetch_add(&call->service->attested, 1);
    service_note(call, "kbs-attest", true, describe(handshake, NULL), answer);
}

void kbs_attest(const struct call *call, struct server_answer *answer)
{
    ATTESTATION_AUTO *attestation = attestation_new(call, MAA_SEV_SNP);
    struct handshake handshake = {.call = call, .attestation = attestation};
    if (!attestation) {
        kbs_answer_error(answer, HTTP_SERVER_ERROR, "AttestationError", "out of memory");
        return;
    }
    answer_handshake(&handshake, answer);
    kbs_attestation_fini(&handshake.given);
}
