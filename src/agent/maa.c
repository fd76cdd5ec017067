#include "agent/maa.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "crypto/key.h"
#include "crypto/seal.h"
#include "evidence/certificate_table.h"
#include "format/json.h"
#include "format/jwk.h"

#define WRAP           "RSA_AES_KEY_WRAP_256" /* RSA-OAEP with SHA-256, then RFC 5649 */
#define WRAPPING_BITS  2048
#define WRAPPING_SIZE  (WRAPPING_BITS / 8)
#define RELEASE_TARGET "/keys/%s/release?api-version=7.4"
#define TARGET_MAX     512
#define HEADER_MAX     16384

static const char *const attest_targets[] = {
    [EXCHANGE_SNP] = "/attest/SevSnpVm?api-version=2022-08-01",
    [EXCHANGE_SGX] = "/attest/SgxEnclave?api-version=2022-08-01"};

static const struct json_limits limits = {.size = MAA_TOKEN_MAX, .depth = 16};

#define SECRET_BUF(name, limit)                                                                    \
    __attribute__((cleanup(buf_fini_secret))) struct buf name = BUF_WITH_LIMIT(limit)

/* --- tokens ----------------------------------------------------------------------------------- */

int maa_chain(struct span table, struct buf *out, struct error *err)
{
    struct span found[CERTIFICATE_TABLE_PLACES];
    if (table.size == 0)
        return 0;
    if (certificate_table_read(table, found, err) < 0)
        return -1;
    for (size_t i = 0; i < CERTIFICATE_TABLE_PLACES; i++) {
        if (found[i].size > 0 && certificate_der_to_pem(found[i], out, err) < 0)
            return -1;
    }
    return 0;
}

static int put_base64url(struct buf *out, const char *before, struct span bytes, struct error *err)
{
    return buf_append_text(out, before, err) < 0 ? -1 : base64url_encode(bytes, out, err);
}

/* base64url of {"SnpReport", "VcekCertChain"}. */
static int put_evidence(int starter, struct span runtime_data, struct buf *out, struct error *err)
{
    BUF_AUTO report = BUF_WITH_LIMIT(EXCHANGE_REPORT_SIZE);
    BUF_AUTO certificates = BUF_WITH_LIMIT(EXCHANGE_MESSAGE_MAX);
    BUF_AUTO chain = BUF_WITH_LIMIT(MAA_TOKEN_MAX);
    BUF_AUTO object = BUF_WITH_LIMIT(MAA_TOKEN_MAX);
    if (link_report(starter, EXCHANGE_SHA256, runtime_data, &report, &certificates, err) < 0 ||
        maa_chain(buf_span(&certificates), &chain, err) < 0 ||
        put_base64url(&object, "{\"SnpReport\":\"", buf_span(&report), err) < 0 ||
        put_base64url(&object, "\",\"VcekCertChain\":\"", buf_span(&chain), err) < 0 ||
        buf_append_text(&object, "\"}", err) < 0)
        return -1;
    return base64url_encode(buf_span(&object), out, err);
}

static bool is_object(struct span text)
{
    json_auto_t *object = json_parse_object(text, &limits, NULL);
    return object;
}

static int put_quote(int starter, struct span runtime_data, struct buf *out, struct error *err)
{
    BUF_AUTO quote = BUF_WITH_LIMIT(EXCHANGE_QUOTE_MAX);
    if (link_quote(starter, EXCHANGE_SHA256, runtime_data, &quote, err) < 0)
        return -1;
    return put_base64url(out, "{\"quote\":\"", buf_span(&quote), err);
}

static int put_report(int starter, struct span runtime_data, struct buf *out, struct error *err)
{
    if (buf_append_text(out, "{\"report\":\"", err) < 0)
        return -1;
    return put_evidence(starter, runtime_data, out, err);
}

static int put_request(enum exchange_tee tee, int starter, struct span runtime_data,
                       struct buf *out, struct error *err)
{
    int (*put)(int, struct span, struct buf *, struct error *) = tee == EXCHANGE_SGX ? put_quote
                                                                                     : put_report;
    if (put(starter, runtime_data, out, err) < 0 ||
        put_base64url(out, "\",\"runtimeData\":{\"data\":\"", runtime_data, err) < 0)
        return -1;
    return buf_printf(out, err, "\",\"dataType\":\"%s\"}}",
                      is_object(runtime_data) ? "JSON" : "Binary");
}

/* The member that a good answer holds; a refusal is the error. */
static int take_member(const struct client_answer *answer, const char *name, struct buf *out,
                       struct error *err)
{
    const char *text;
    if (answer->code != HTTP_OK)
        return client_refusal(answer, err);
    json_auto_t *object = json_parse_object(buf_span(&answer->body), &limits, err);
    if (!object || json_get_text(object, name, &text, err) < 0)
        return error_context(err, "the service's answer");
    return buf_append_text(out, text, err);
}

int maa_attest(struct client *client, int starter, struct span runtime_data, struct buf *token,
               struct error *err)
{
    BUF_AUTO body = BUF_WITH_LIMIT(CLIENT_BODY_MAX);
    CLIENT_ANSWER_AUTO answer;
    client_answer_init(&answer);
    const enum exchange_tee tee = client->service->tee;
    if (put_request(tee, starter, runtime_data, &body, err) < 0)
        return -1;
    const struct client_question question = {"POST", attest_targets[tee], "", buf_span(&body)};
    if (client_ask(client, &question, &answer, err) < 0)
        return -1;
    return take_member(&answer, "token", token, err);
}

/* --- releases --------------------------------------------------------------------------------- */

/* {"keys":[JWK]} of the public half: what the token shows as x-ms-runtime.keys. */
static int put_keys(const struct private_key *key, struct buf *out, struct error *err)
{
    KEY_NUMBERS_AUTO numbers;
    key_numbers_init(&numbers);
    if (private_key_to_numbers(key, &numbers, err) < 0 ||
        put_base64url(out, "{\"keys\":[{\"e\":\"", buf_span(&numbers.at[KEY_E]), err) < 0 ||
        buf_append_text(out, "\",\"key_ops\":[\"encrypt\"],\"kid\":\"release\",\"kty\":\"RSA\"",
                        err) < 0 ||
        put_base64url(out, ",\"n\":\"", buf_span(&numbers.at[KEY_N]), err) < 0)
        return -1;
    return buf_append_text(out, "\"}]}", err);
}

/* Text goes into a header, or a path: of their plain characters alone. */
static int check_plain(const char *what, const char *text, const char *also, struct error *err)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    for (size_t i = 0; text[i]; i++) {
        if (!strchr(plain, text[i]) && !strchr(also, text[i]))
            return error_set(err, ERROR_INVALID, "%s holds a character that it may not", what);
    }
    return *text ? 0 : error_set(err, ERROR_INVALID, "%s is empty", what);
}

static int ask_vault(const struct maa_release *release, struct span token, struct buf *jws,
                     struct error *err)
{
    char target[TARGET_MAX];
    char header[HEADER_MAX] = "";
    BUF_AUTO body = BUF_WITH_LIMIT(CLIENT_BODY_MAX);
    CLIENT_AUTO vault = {.fd = -1};
    CLIENT_ANSWER_AUTO answer;
    client_answer_init(&answer);
    const char *access = release->access_token ? release->access_token : "";
    if (check_plain("kid", release->kid, "/", err) < 0 ||
        (*access && check_plain("access_token", access, "._~+/=", err) < 0))
        return -1;
    if (snprintf(target, sizeof target, RELEASE_TARGET, release->kid) >= (int)sizeof target ||
        (*access && snprintf(header, sizeof header, "Authorization: Bearer %s\r\n", access) >=
                        (int)sizeof header))
        return error_set(err, ERROR_LIMIT, "kid or access_token is too long");
    if (buf_append_text(&body, "{\"target\":", err) < 0 ||
        json_append_string(&body, token, err) < 0 ||
        buf_append_text(&body, ",\"enc\":\"" WRAP "\"}", err) < 0 ||
        client_init(&vault, release->vault, release->timeout_ms, err) < 0)
        return -1;
    const struct client_question question = {"POST", target, header, buf_span(&body)};
    if (client_ask(&vault, &question, &answer, err) < 0)
        return -1;
    return take_member(&answer, "value", jws, err);
}

/* Appends what the base64url text stands for, which a JSON object is, and reads it. */
static json_t *decode_object(struct span text, const char *what, struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(MAA_TOKEN_MAX);
    if (base64url_decode(text, &bytes, err) == 0) {
        json_t *object = json_parse_object(buf_span(&bytes), &limits, err);
        if (object)
            return object;
    }
    (void)error_context(err, "the vault's answer: %s", what);
    return NULL;
}

/* The payload of a JWS in compact form. */
static json_t *read_payload(const char *jws, struct error *err)
{
    const char *first = strchr(jws, '.');
    const char *second = first ? strchr(first + 1, '.') : NULL;
    if (second)
        return decode_object(span_of(first + 1, (size_t)(second - first - 1)), "its payload", err);
    (void)error_set(err, ERROR_INVALID, "the vault's answer is no JWS");
    return NULL;
}

/* request.enc, and response.key.key with its kty and key_hsm: {"ciphertext"}. */
static int read_wrapped(const json_t *payload, const char **kty, struct buf *wrapped,
                        struct error *err)
{
    json_t *request, *response, *outer, *key;
    const char *enc, *sealed, *cipher;
    if (json_get_object(payload, "request", &request, err) < 0 ||
        json_get_text(request, "enc", &enc, err) < 0 ||
        json_get_object(payload, "response", &response, err) < 0 ||
        json_get_object(response, "key", &outer, err) < 0 ||
        json_get_object(outer, "key", &key, err) < 0 || json_get_text(key, "kty", kty, err) < 0 ||
        json_get_text(key, "key_hsm", &sealed, err) < 0)
        return error_context(err, "the vault's answer");
    if (strcmp(enc, WRAP) != 0)
        return error_set(err, ERROR_REFUSED, "the vault wraps by \"%.40s\", not by " WRAP, enc);
    json_auto_t *object = decode_object(span_of_text(sealed), "key_hsm", err);
    if (!object || json_get_text(object, "ciphertext", &cipher, err) < 0)
        return -1;
    return base64url_decode(span_of_text(cipher), wrapped, err) < 0
               ? error_context(err, "the vault's ciphertext")
               : 0;
}

static int unwrap(const struct private_key *wrapping, struct span wrapped, struct buf *out,
                  struct error *err)
{
    SECRET_BUF(kek, WRAPPING_SIZE);
    if (wrapped.size <= WRAPPING_SIZE)
        return error_set(err, ERROR_INVALID, "the wrapped key has %zu bytes", wrapped.size);
    if (oaep_unseal(wrapping, OAEP_SHA256, span_of(wrapped.data, WRAPPING_SIZE), &kek, err) < 0)
        return -1;
    return aes_unwrap_padded(buf_span(&kek),
                             span_of(wrapped.data + WRAPPING_SIZE, wrapped.size - WRAPPING_SIZE),
                             out, err);
}

/* A JWK of the unwrapped bytes: an oct key's own, or PKCS#8. */
static int put_jwk(const char *kty, struct span secret, struct buf *out, struct error *err)
{
    JWK_AUTO jwk;
    KEY_NUMBERS_AUTO numbers;
    jwk_init(&jwk);
    key_numbers_init(&numbers);
    if (text_starts_with(kty, "oct")) {
        jwk.is_oct = true;
        if (buf_append(&jwk.secret, secret, err) < 0)
            return -1;
        return jwk_append_private(&jwk, out, err);
    }
    jwk.private_key = private_key_from_pkcs8(secret, err);
    if (!jwk.private_key || private_key_to_numbers(jwk.private_key, &numbers, err) < 0)
        return -1;
    jwk.kind = numbers.kind;
    return jwk_append_private(&jwk, out, err);
}

static int take_key(const char *jws, const struct private_key *wrapping, struct buf *out,
                    struct error *err)
{
    const char *kty;
    BUF_AUTO wrapped = BUF_WITH_LIMIT(MAA_TOKEN_MAX);
    SECRET_BUF(secret, MAA_TOKEN_MAX);
    json_auto_t *payload = read_payload(jws, err);
    if (!payload || read_wrapped(payload, &kty, &wrapped, err) < 0 ||
        unwrap(wrapping, buf_span(&wrapped), &secret, err) < 0)
        return -1;
    return put_jwk(kty, buf_span(&secret), out, err);
}

struct private_key *maa_release_key_new(struct error *err)
{
    return private_key_new(KEY_RSA, WRAPPING_BITS, err);
}

int maa_release_token(const struct maa_release *release, const struct private_key *wrapping,
                      struct buf *token, struct error *err)
{
    BUF_AUTO keys = BUF_WITH_LIMIT(EXCHANGE_RUNTIME_MAX);
    CLIENT_AUTO attester = {.fd = -1};
    if (put_keys(wrapping, &keys, err) < 0 ||
        client_init(&attester, release->attester, release->timeout_ms, err) < 0)
        return -1;
    return maa_attest(&attester, release->starter, buf_span(&keys), token, err);
}

int maa_release(const struct maa_release *release, struct span token,
                const struct private_key *wrapping, struct buf *out, struct error *err)
{
    BUF_AUTO jws = BUF_WITH_LIMIT(MAA_TOKEN_MAX);
    return ask_vault(release, token, &jws, err) < 0 ? -1
                                                    : take_key(buf_text(&jws), wrapping, out, err);
}
