#include "rules/policy_jws.h"

#include "base/base64.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "format/jws.h"

#define MEMBER "AttestationPolicy"

void policy_jws_fini(struct policy_jws *policy)
{
    buf_fini(&policy->text);
    jwk_fini(&policy->signer);
    policy->is_signed = false;
}

/* Clients write the padding that base64url lets them leave out. */
static struct span without_padding(struct span text)
{
    for (int i = 0; i < 2 && text.size > 0 && text.data[text.size - 1] == '='; i++)
        text.size--;
    return text;
}

static int read_payload(const json_t *payload, struct buf *out, struct error *err)
{
    static const char *const known[] = {MEMBER, NULL};
    const char *text;
    if (json_check_keys(payload, known, err) < 0 || json_get_text(payload, MEMBER, &text, err) < 0)
        return -1;
    struct span encoded = span_of_text(text);
    struct span digits = without_padding(encoded);
    if (digits.size != encoded.size && encoded.size % 4 != 0)
        return error_set(err, ERROR_INVALID, MEMBER ": the padding is wrong");
    if (base64url_decode(digits, out, err) < 0)
        return error_context(err, MEMBER);
    if (out->size == 0 || !text_is_utf8(buf_span(out)))
        return error_set(err, ERROR_INVALID, MEMBER ": not a text in UTF-8");
    return 0;
}

/* The key that the header's certificate is for, with the chain. */
static int read_certified_key(struct jose_chain *chain, struct jwk *out, struct error *err)
{
    CERTIFICATE_AUTO *leaf = certificate_from_der(buf_span(&chain->ders[0]), err);
    if (!leaf)
        return -1;
    out->kind = KEY_RSA;
    out->public_key = public_key_from_spki(certificate_public_key(leaf), err);
    out->chain = *chain; /* taken */
    *chain = (struct jose_chain){0};
    return out->public_key ? 0 : -1;
}

static int read_signer(const json_t *header, struct jwk *out, struct error *err)
{
    struct jose_chain chain = {0};
    json_t *jwk;
    if (json_find_object(header, "jwk", &jwk, err) < 0 || (jwk && jwk_read(jwk, out, err) < 0) ||
        jose_read_chain(header, &chain, err) < 0)
        return -1;
    if (jwk && (out->is_oct || out->private_key)) {
        jose_chain_fini(&chain);
        return error_set(err, ERROR_REFUSED, "the header's \"jwk\" is not a public key");
    }
    if (chain.count == 0)
        return jwk ? 0
                   : error_set(err, ERROR_INVALID,
                               "a signed policy names its signer by \"x5c\" or \"jwk\"");
    JWK_AUTO certified;
    jwk_init(&certified);
    int result = read_certified_key(&chain, &certified, err);
    jose_chain_fini(&chain);
    if (result < 0)
        return -1;
    if (jwk && !public_key_equal(out->public_key, certified.public_key))
        return error_set(err, ERROR_REFUSED, "the header's \"jwk\" and \"x5c\" are of two keys");
    jwk_fini(out);
    *out = certified; /* taken */
    jwk_init(&certified);
    return 0;
}

static int check(const struct jws *jws, struct policy_message *out, struct error *err)
{
    out->is_signed = strcmp(jws->algorithm, "none") != 0;
    if (!out->is_signed)
        return jws_check_unsigned(jws, err);
    if (read_signer(jws->header, &out->signer, err) < 0)
        return -1;
    return jws_check(jws, out->signer.public_key, SIGNATURE_RS256, err);
}

int policy_message_read(struct span text, struct policy_message *out, struct error *err)
{
    static const struct json_limits limits = {.size = JOSE_SIZE_MAX, .depth = JOSE_DEPTH_MAX};
    struct jws jws;
    *out = (struct policy_message){.payload = NULL};
    jwk_init(&out->signer);
    int result = jws_read(text, &jws, err);
    if (result == 0)
        result = check(&jws, out, err);
    if (result == 0)
        out->payload = json_parse_object(buf_span(&jws.payload), &limits, err);
    jws_fini(&jws);
    if (out->payload)
        return 0;
    policy_message_fini(out);
    return -1;
}

void policy_message_fini(struct policy_message *message)
{
    json_decref(message->payload);
    message->payload = NULL;
    jwk_fini(&message->signer);
    message->is_signed = false;
}

int policy_jws_read(struct span text, struct policy_jws *out, struct error *err)
{
    POLICY_MESSAGE_AUTO message;
    *out = (struct policy_jws){.text = BUF_WITH_LIMIT(RULES_SIZE_MAX)};
    jwk_init(&out->signer);
    if (policy_message_read(text, &message, err) < 0 ||
        read_payload(message.payload, &out->text, err) < 0) {
        policy_jws_fini(out);
        return error_context(err, "the policy's JWS");
    }
    out->is_signed = message.is_signed;
    out->signer = message.signer; /* taken */
    jwk_init(&message.signer);
    return 0;
}

static int append_payload(struct span policy, struct buf *out, struct error *err)
{
    if (buf_append_text(out, "{\"" MEMBER "\":", err) < 0 ||
        jose_append_bytes(out, policy, err) < 0)
        return -1;
    return buf_append_byte(out, '}', err);
}

int policy_jws_append_unsigned(struct span policy, struct buf *out, struct error *err)
{
    BUF_AUTO payload = BUF_WITH_LIMIT(2 * RULES_SIZE_MAX);
    return append_payload(policy, &payload, err) < 0
               ? -1
               : jws_append_unsigned(NULL, buf_span(&payload), out, err);
}

int policy_jws_sign(struct span policy, const struct private_key *key,
                    const struct jose_chain *chain, struct buf *out, struct error *err)
{
    static const struct json_limits limits = {.size = JOSE_HEADER_MAX, .depth = 2};
    BUF_AUTO header = BUF_WITH_LIMIT(JOSE_HEADER_MAX);
    BUF_AUTO payload = BUF_WITH_LIMIT(2 * RULES_SIZE_MAX);
    if (buf_append_byte(&header, '{', err) < 0 || jose_append_chain(&header, chain, err) < 0 ||
        buf_append_byte(&header, '}', err) < 0 || append_payload(policy, &payload, err) < 0)
        return -1;
    json_auto_t *object = json_parse_object(buf_span(&header), &limits, err);
    return object ? jws_sign(object, buf_span(&payload), key, SIGNATURE_RS256, out, err) : -1;
}

int policy_hash(struct span policy, char out[POLICY_HASH_TEXT_SIZE], struct error *err)
{
    uint8_t digest[SHA256_SIZE];
    BUF_AUTO encoded = BUF_WITH_LIMIT(2 * RULES_SIZE_MAX);
    BUF_AUTO text = BUF_WITH_LIMIT(POLICY_HASH_TEXT_SIZE);
    if (base64url_encode(policy, &encoded, err) < 0)
        return -1;
    sha256_digest(buf_span(&encoded), digest);
    if (base64url_encode(span_of(digest, sizeof digest), &text, err) < 0)
        return -1;
    (void)text_copy(out, POLICY_HASH_TEXT_SIZE, buf_text(&text));
    return 0;
}
