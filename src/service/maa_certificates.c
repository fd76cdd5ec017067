/* Microsoft Azure Attestation's interface: who may sign a tenant's policies. */
#include "base/hex.h"
#include "crypto/certificate.h"
#include "format/json.h"
#include "service/policies.h"
#include "service/service_parts.h"

#define MEMBER "maa-policyCertificate"

/* {"keys": [public keys with x5c]} */
static json_t *key_set(const struct jwk *keys, size_t count, struct error *err)
{
    static const struct json_limits limits = {.size = SIGNERS_PEM_MAX, .depth = 4};
    BUF_AUTO text = BUF_WITH_LIMIT(SIGNERS_PEM_MAX);
    if (buf_append_text(&text, "{\"keys\":[", err) < 0)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if ((i > 0 && buf_append_text(&text, ",", err) < 0) ||
            jwk_append_public(&keys[i], &text, err) < 0)
            return NULL;
    }
    if (buf_append_text(&text, "]}", err) < 0)
        return NULL;
    return json_parse_object(buf_span(&text), &limits, err);
}

void maa_get_certificates(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    struct jwk keys[SIGNERS_MAX];
    size_t count;
    if (!maa_check_api_version(call, answer))
        return;
    if (signers_get(call->settings->signers, call->tenant, keys, &count, &err) < 0) {
        answer_error(answer, HTTP_SERVER_ERROR, NULL, err.text);
        return;
    }
    json_t *set = key_set(keys, count, &err);
    for (size_t i = 0; i < count; i++)
        jwk_fini(&keys[i]);
    if (set)
        maa_answer_token(call, json_pack("{s:o}", "x-ms-policy-certificates", set), answer);
    else
        answer_error(answer, HTTP_SERVER_ERROR, NULL, err.text);
}

/* Clients send the JWS as it is, or as a JSON string. */
static struct span without_quotes(struct span text)
{
    if (text.size < 2 || text.data[0] != '"' || text.data[text.size - 1] != '"')
        return text;
    return span_of(text.data + 1, text.size - 2);
}

/* The certificate in {"maa-policyCertificate": {"kty": "RSA", "x5c": [one]}}. */
static int read_certificate(const json_t *payload, struct buf *der, struct error *err)
{
    json_t *jwk;
    struct jose_chain chain = {0};
    if (json_get_object(payload, MEMBER, &jwk, err) < 0)
        return -1;
    int result = jose_read_chain(jwk, &chain, err);
    if (result == 0 && chain.count != 1)
        result = error_set(err, ERROR_INVALID, "x5c holds %zu certificates; one is taken",
                           chain.count);
    if (result == 0)
        result = buf_append(der, buf_span(&chain.ders[0]), err);
    jose_chain_fini(&chain);
    return result < 0 ? error_context(err, MEMBER) : 0;
}

/* One of the signers must have signed the wish: without any, the configuration names the first. */
static int change(const struct call *call, bool add, struct buf *der, struct error *err)
{
    struct signers *signers = call->settings->signers;
    POLICY_MESSAGE_AUTO message;
    if (policy_message_read(without_quotes(call->request->body), &message, err) < 0 ||
        read_certificate(message.payload, der, err) < 0)
        return -1;
    if (!message.is_signed)
        return error_set(err, ERROR_REFUSED,
                         "nobody signed it; the configuration names the first signer");
    if (!signers_are_there(signers, call->tenant, err))
        return -1;
    if (signers_check(signers, call->tenant, &message.signer, call->now, err) < 0)
        return -1;
    return add ? signers_add(signers, call->tenant, buf_span(der), err)
               : signers_remove(signers, call->tenant, buf_span(der), err);
}

static json_t *result_of(struct span der, bool is_present, struct error *err)
{
    uint8_t digest[SHA256_SIZE];
    char thumbprint[2 * SHA256_SIZE + 1];
    sha256_digest(der, digest);
    hex_encode(span_of(digest, sizeof digest), thumbprint);
    json_t *result = json_pack("{s:s, s:s}", "x-ms-certificate-thumbprint", thumbprint,
                               "x-ms-policycertificates-result",
                               is_present ? "IsPresent" : "IsAbsent");
    if (!result)
        (void)error_memory(err);
    return result;
}

static void note(const struct call *call, bool add, const struct error *err, const json_t *result,
                 struct server_answer *answer)
{
    service_note(
        call, add ? "policy-signer-add" : "policy-signer-remove", err == NULL,
        json_pack("{s:s, s:s?, s:s?}", "peer", call->request->peer, "reason",
                  err ? err->text : NULL, "certificate",
                  json_string_value(json_object_get(result, "x-ms-certificate-thumbprint"))),
        answer);
}

static void answer_change(const struct call *call, bool add, struct server_answer *answer)
{
    struct error err = {0};
    BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    if (!maa_check_api_version(call, answer) || !service_check_administrator(call, answer))
        return;
    json_auto_t *result = change(call, add, &der, &err) < 0 ? NULL
                                                            : result_of(buf_span(&der), add, &err);
    if (!result) {
        bool ours = err.code == ERROR_UNAVAILABLE || err.code == ERROR_MEMORY;
        answer_error(answer, ours ? HTTP_SERVER_ERROR : HTTP_BAD_REQUEST, "InvalidCertificate",
                     err.text);
        note(call, add, &err, NULL, answer);
        return;
    }
    maa_answer_token(call, json_incref(result), answer);
    note(call, add, NULL, result, answer);
}

void maa_add_certificate(const struct call *call, struct server_answer *answer)
{
    answer_change(call, true, answer);
}

void maa_remove_certificate(const struct call *call, struct server_answer *answer)
{
    answer_change(call, false, answer);
}
