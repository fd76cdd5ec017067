#include "agent/broker.h"

#include <stdio.h>

#include "agent/tee_evidence.h"
#include "base/base64.h"
#include "base/text.h"
#include "crypto/key.h"
#include "format/json.h"
#include "format/jwe.h"

#define NONCE_MAX 128 /* characters of base64 */

#define HELLO(tee, hash)                                                                           \
    "{\"version\":\"0.4.0\",\"tee\":\"" tee "\",\"extra-params\":"                                 \
    "{\"supported-hash-algorithms\":[\"" hash "\"]}}"

static const struct json_limits limits = {.size = CLIENT_BODY_MAX, .depth = 8};

int broker_init(struct broker *broker, const struct agent_service *service, int starter,
                int64_t timeout_ms, struct error *err)
{
    *broker = (struct broker){.starter = starter, .token = BUF_WITH_LIMIT(BROKER_TOKEN_MAX)};
    return client_init(&broker->client, service, timeout_ms, err);
}

void broker_fini(struct broker *broker)
{
    client_fini(&broker->client);
    private_key_free(broker->key);
    buf_fini(&broker->token);
}

/* Asks for what must be answered with 200; the cookie of the session goes along. */
static int ask(struct broker *broker, const char *method, const char *target, struct span body,
               struct client_answer *answer, struct error *err)
{
    char header[sizeof "Cookie: \r\n" + CLIENT_COOKIE_MAX] = "";
    if (*broker->cookie)
        (void)snprintf(header, sizeof header, "Cookie: %s\r\n", broker->cookie);
    const struct client_question question = {method, target, header, body};
    if (client_ask(&broker->client, &question, answer, err) < 0)
        return -1;
    return answer->code == HTTP_OK ? 0 : client_refusal(answer, err);
}

/* A nonce goes into JSON and into a hash as it stands: base64's characters alone. */
static int take_nonce(const struct client_answer *answer, char nonce[NONCE_MAX + 1],
                      struct error *err)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789+/=-_";
    const char *text;
    json_auto_t *object = json_parse_object(buf_span(&answer->body), &limits, err);
    if (!object || json_get_text(object, "nonce", &text, err) < 0)
        return error_context(err, "the broker's challenge");
    if (!*text || text[strspn(text, allowed)] || !text_copy(nonce, NONCE_MAX + 1, text))
        return error_set(err, ERROR_INVALID, "the broker's nonce is no base64 of 1 to %d bytes",
                         NONCE_MAX);
    return 0;
}

static int get_nonce(struct broker *broker, char nonce[NONCE_MAX + 1], struct error *err)
{
    static const char *const hellos[] = {
        [EXCHANGE_SNP] = HELLO("snp", "sha384"), [EXCHANGE_SGX] = HELLO("sgx", "sha256")};
    const char *hello = hellos[broker->client.service->tee];
    CLIENT_ANSWER_AUTO answer;
    client_answer_init(&answer);
    if (ask(broker, "POST", "/kbs/v0/auth", span_of_text(hello), &answer, err) < 0 ||
        take_nonce(&answer, nonce, err) < 0)
        return -1;
    if (!*answer.cookie)
        return error_set(err, ERROR_INVALID, "the broker names no session");
    (void)text_copy(broker->cookie, sizeof broker->cookie, answer.cookie);
    return 0;
}

/* The key's public half as a JWK whose members are in the order of RFC 8785. */
static int append_key(const struct private_key *key, struct buf *out, struct error *err)
{
    KEY_NUMBERS_AUTO numbers;
    key_numbers_init(&numbers);
    if (private_key_to_numbers(key, &numbers, err) < 0 ||
        buf_append_text(out,
                        "{\"alg\":\"ECDH-ES+A256KW\",\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"",
                        err) < 0 ||
        base64url_encode(buf_span(&numbers.at[KEY_X]), out, err) < 0 ||
        buf_append_text(out, "\",\"y\":\"", err) < 0 ||
        base64url_encode(buf_span(&numbers.at[KEY_Y]), out, err) < 0)
        return -1;
    return buf_append_text(out, "\"}", err);
}

/* What REPORT_DATA is the hash of: canonical JSON, since every value is of plain characters. */
static int append_runtime(const char *before, const char *nonce, const char *key, struct buf *out,
                          struct error *err)
{
    return buf_printf(out, err, "{%s\"nonce\":\"%s\",\"tee-pubkey\":%s}", before, nonce, key);
}

static int append_evidence(const struct broker *broker, const char *nonce, const char *key,
                           struct buf *out, struct error *err)
{
    BUF_AUTO runtime = BUF_WITH_LIMIT(EXCHANGE_RUNTIME_MAX);
    if (append_runtime("\"additional-evidence\":\"\",", nonce, key, &runtime, err) < 0 ||
        buf_append_text(out, "{\"init-data\":null,\"runtime-data\":", err) < 0 ||
        append_runtime("", nonce, key, out, err) < 0 ||
        buf_append_text(out, ",\"tee-evidence\":{\"primary_evidence\":", err) < 0 ||
        tee_evidence_ask(broker->client.service->tee, broker->starter, buf_span(&runtime), out,
                         err) < 0)
        return -1;
    return buf_append_text(out, ",\"additional_evidence\":\"\"}}", err);
}

static int take_token(struct broker *broker, const struct client_answer *answer, struct error *err)
{
    const char *token;
    json_auto_t *object = json_parse_object(buf_span(&answer->body), &limits, err);
    buf_truncate(&broker->token, 0);
    if (!object || json_get_text(object, "token", &token, err) < 0 ||
        buf_append_text(&broker->token, token, err) < 0)
        return error_context(err, "the broker's answer to the evidence");
    return 0;
}

int broker_prove(struct broker *broker, struct error *err)
{
    char nonce[NONCE_MAX + 1];
    BUF_AUTO key = BUF_WITH_LIMIT(1024);
    BUF_AUTO body = BUF_WITH_LIMIT(CLIENT_BODY_MAX);
    CLIENT_ANSWER_AUTO answer;
    client_answer_init(&answer);
    private_key_free(broker->key);
    broker->cookie[0] = '\0';
    broker->key = private_key_new(KEY_P256, 0, err);
    if (!broker->key || get_nonce(broker, nonce, err) < 0 ||
        append_key(broker->key, &key, err) < 0 ||
        append_evidence(broker, nonce, buf_text(&key), &body, err) < 0 ||
        ask(broker, "POST", "/kbs/v0/attest", buf_span(&body), &answer, err) < 0 ||
        take_token(broker, &answer, err) < 0) {
        private_key_free(broker->key);
        broker->key = NULL;
        return error_context(err, "attesting to %s", broker->client.service->url);
    }
    return 0;
}

int broker_fetch(struct broker *broker, const char *resource, struct buf *out, struct error *err)
{
    char target[320];
    CLIENT_ANSWER_AUTO answer;
    client_answer_init(&answer);
    if (!broker->key && broker_prove(broker, err) < 0)
        return -1;
    if (snprintf(target, sizeof target, "/kbs/v0/resource/%s", resource) >= (int)sizeof target)
        return error_set(err, ERROR_LIMIT, "the resource's name is too long");
    if (ask(broker, "GET", target, span_of(NULL, 0), &answer, err) < 0 ||
        jwe_unseal(buf_span(&answer.body), broker->key, JWE_ECDH_ES_A256KW, out, err) < 0)
        return error_context(err, "the secret %s", resource);
    return 0;
}
