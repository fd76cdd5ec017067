/* Azure Key Vault's interface: a key is released to whom a token proves to be the one that its rule
 * wants. */
#include "base/base64.h"
#include "base/text.h"
#include "format/json.h"
#include "service/key_answer.h"
#include "service/key_request.h"
#include "service/keys_parts.h"
#include "service/release_token.h"

#define PAYLOAD_MAX ((size_t)512 << 10)

/* A release on its way. */
struct release {
    const struct call *call;
    struct release_request request;
    struct release_token token;
    struct key_version key;
    struct jwk recipient;
};

/* --- decide ----------------------------------------------------------------------------------- */

int release_decide(const struct key_version *key, const char *issuer, const json_t *claims,
                   int64_t now, struct error *err)
{
    if (key_version_check_usable(key, now, err) < 0)
        return -1;
    RELEASE_POLICY_AUTO *policy = release_policy_new(buf_span(&key->rule.text), err);
    return policy ? release_policy_check(policy, issuer, claims, err) : -1;
}

static int decide(struct release *release, struct error *err)
{
    if (release_decide(&release->key, release->token.issuer, release->token.claims,
                       release->call->now, err) < 0)
        return -1;
    return release_token_find_key(&release->token, &release->recipient, err);
}

/* --- answer ----------------------------------------------------------------------------------- */

/* key_hsm: base64url of {"schema_version","header":{kid,alg,enc},"ciphertext"}. */
static int write_wrapped(const struct release *release, struct buf *out, struct error *err)
{
    BUF_AUTO wrapped = BUF_WITH_LIMIT(KEY_DER_MAX + KEY_NUMBER_MAX + 64);
    BUF_AUTO cipher = BUF_WITH_LIMIT(2 * KEY_DER_MAX + 2 * KEY_NUMBER_MAX);
    BUF_AUTO text = BUF_WITH_LIMIT(PAYLOAD_MAX);
    if (key_wrap_seal(release->request.wrap, release->recipient.public_key,
                      buf_span(&release->key.secret), &wrapped, err) < 0 ||
        base64url_encode(buf_span(&wrapped), &cipher, err) < 0)
        return -1;
    json_auto_t *object = json_pack("{s:s, s:{s:s, s:s, s:s}, s:s}", "schema_version", "1.0",
                                    "header", "kid", release->recipient.kid, "alg", "dir", "enc",
                                    key_wrap_name(release->request.wrap), "ciphertext",
                                    buf_text(&cipher));
    if (!object)
        return error_memory(err);
    return json_append(object, &text, err) < 0 ? -1 : base64url_encode(buf_span(&text), out, err);
}

/* {"request":{…},"response":{"key":{"key":{…,"key_hsm":…},"attributes":…,"release_policy":…}}} */
static json_t *make_payload(const struct release *release, struct error *err)
{
    const char *issuer = release->call->tenant->issuer;
    BUF_AUTO wrapped = BUF_WITH_LIMIT(PAYLOAD_MAX);
    BUF_AUTO version = BUF_WITH_LIMIT(32);
    TEXT_AUTO kid = key_id(issuer, &release->key);
    if (write_wrapped(release, &wrapped, err) < 0 ||
        http_query_find(release->call->request->http->query, "api-version", &version, err) < 0)
        return NULL;
    json_auto_t *key = kid ? key_to_json(issuer, &release->key) : NULL;
    json_t *payload = NULL;
    if (key && json_object_set_new(json_object_get(key, "key"), "key_hsm",
                                   json_string(buf_text(&wrapped))) == 0)
        payload = json_pack("{s:{s:s, s:s, s:s, s:s*}, s:{s:O}}", "request", "api-version",
                            buf_text(&version), "enc", key_wrap_name(release->request.wrap), "kid",
                            kid, "nonce", release->request.nonce, "response", "key", key);
    if (!payload)
        (void)error_memory(err);
    return payload;
}

static int write_answer(const struct release *release, struct buf *out, struct error *err)
{
    const struct call *call = release->call;
    BUF_AUTO text = BUF_WITH_LIMIT(PAYLOAD_MAX);
    json_auto_t *payload = make_payload(release, err);
    json_auto_t *header = json_object();
    if (!payload || json_append(payload, &text, err) < 0)
        return -1;
    if (!header)
        return error_memory(err);
    return signing_sign_with_chain(call->service->signing, SIGNATURE_RS256, header, buf_span(&text),
                                   call->now, out, err);
}

/* --- notes ------------------------------------------------------------------------------------ */

/* What the audit log keeps of a release: which key, to whom, and why not. */
static json_t *describe(const struct release *release, const char *reason)
{
    static const char *const kept[] = {"jti",
                                       "x-ms-attestation-type",
                                       "x-ms-sevsnpvm-launchmeasurement",
                                       "x-ms-sevsnpvm-hostdata",
                                       "x-ms-sgx-mrenclave",
                                       "x-ms-compliance-status",
                                       "caisson-simulated"};
    const struct key_version *key = &release->key;
    TEXT_AUTO kid = key->version[0] ? key_id(release->call->tenant->issuer, key) : NULL;
    json_t *claims = json_object();
    json_t *detail = json_pack("{s:s, s:s?, s:s, s:s?, s:s?, s:s, s:o}", "name", key->name, "key",
                               kid, "peer", release->call->request->peer, "reason", reason,
                               "issuer", release->token.issuer, "enc",
                               key_wrap_name(release->request.wrap), "claims", claims);
    for (size_t i = 0; detail && i < sizeof kept / sizeof kept[0]; i++) {
        json_t *claim = json_object_get(release->token.claims, kept[i]);
        bool is_plain = !json_is_object(claim) && !json_is_array(claim) &&
                        json_string_length(claim) <= RELEASE_NONCE_MAX;
        if (claim && is_plain && json_object_set(claims, kept[i], claim) < 0) {
            json_decref(detail);
            return NULL;
        }
    }
    return detail;
}

static void refuse(const struct release *release, enum http_status status, const char *code,
                   const struct error *err, struct server_answer *answer)
{
    answer_error(answer, status, code, err->text);
    atomic_fetch_add(&release->call->service->withheld, 1);
    service_note(release->call, "release", false, describe(release, err->text), answer);
}

static void release_key(struct release *release, struct server_answer *answer)
{
    struct error err = {0};
    BUF_AUTO token = BUF_WITH_LIMIT(2 * PAYLOAD_MAX);
    if (write_answer(release, &token, &err) < 0) {
        refuse(release, HTTP_SERVER_ERROR, NULL, &err, answer);
        return;
    }
    keys_answer(answer, json_pack("{s:s}", "value", buf_text(&token)));
    atomic_fetch_add(&release->call->service->released, 1);
    service_note(release->call, "release", true, describe(release, NULL), answer);
}

/* --- the request ------------------------------------------------------------------------------ */

static bool is_ours(const struct error *err)
{
    return err->code == ERROR_MEMORY || err->code == ERROR_SYSTEM || err->code == ERROR_UNAVAILABLE;
}

static void answer_release(struct release *release, const struct key_path *path,
                           struct server_answer *answer)
{
    struct error err = {0};
    const struct call *call = release->call;
    struct key_store store = keys_of(call);
    const char *version = key_path_version(path);
    if (release_request_read(call->request->body, &release->request, &err) < 0)
        keys_answer_error(answer, &err);
    else if (release_token_read(call, release->request.target, &release->token, &err) < 0)
        refuse(release, is_ours(&err) ? HTTP_SERVER_ERROR : HTTP_UNAUTHORIZED, NULL, &err, answer);
    else if (key_store_read(&store, path->name, version, &release->key, &err) < 0)
        refuse(release, err.code == ERROR_NOT_FOUND ? HTTP_NOT_FOUND : HTTP_SERVER_ERROR,
               err.code == ERROR_NOT_FOUND ? "KeyNotFound" : NULL, &err, answer);
    else if (decide(release, &err) < 0)
        refuse(release, is_ours(&err) ? HTTP_SERVER_ERROR : HTTP_FORBIDDEN, NULL, &err, answer);
    else
        release_key(release, answer);
}

void keys_release(const struct call *call, const struct key_path *path,
                  struct server_answer *answer)
{
    struct release release = {.call = call};
    key_version_init(&release.key);
    jwk_init(&release.recipient);
    memcpy(release.key.name, path->name, sizeof release.key.name);
    answer_release(&release, path, answer);
    release_request_fini(&release.request);
    release_token_fini(&release.token);
    key_version_fini(&release.key);
    jwk_fini(&release.recipient);
}
