#include "../check.h"

#include "base/base64.h"
#include "crypto/seal.h"
#include "format/jwe.h"

#include "jose_vectors.h"

#define TEXT_MAX 65536
#define ALL      (JWE_RSA_OAEP | JWE_RSA_OAEP_256 | JWE_ECDH_ES_A256KW)

static struct error err;

static struct private_key *keys[KEY_KIND_COUNT];

static int make_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEY_KIND_COUNT; i++)
        keys[i] = private_key_new((enum key_kind)i, 2048, &err);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEY_KIND_COUNT; i++)
        private_key_free(keys[i]);
    return 0;
}

static const struct {
    enum jwe_algorithm algorithm;
    enum key_kind kind;
} cases[] = {
    {JWE_RSA_OAEP, KEY_RSA},        {JWE_RSA_OAEP_256, KEY_RSA},    {JWE_ECDH_ES_A256KW, KEY_P256},
    {JWE_ECDH_ES_A256KW, KEY_P384}, {JWE_ECDH_ES_A256KW, KEY_P521},
};
#define CASE_COUNT (sizeof cases / sizeof *cases)

static void seal(size_t i, const char *plain, struct buf *out)
{
    PUBLIC_KEY_AUTO *key = private_key_dup_public(keys[cases[i].kind], &err);
    check_ok(jwe_seal(cases[i].algorithm, key, span_of_text(plain), out, &err), &err);
}

static int unseal(struct span text, const struct private_key *key, unsigned accepted)
{
    BUF_AUTO out = BUF_WITH_LIMIT(TEXT_MAX);
    int result = jwe_unseal(text, key, accepted, &out, &err);
    assert_int_equal(result < 0 ? out.size : 0, 0);
    return result;
}

static void the_rfcs_message_opens(void **state)
{
    (void)state;
    JWK_AUTO key;
    BUF_AUTO out = BUF_WITH_LIMIT(TEXT_MAX);
    jwk_init(&key);
    check_ok(jwk_parse(span_of_text(rfc7516_a1_key), &key, &err), &err);
    check_ok(jwe_unseal(span_of_text(rfc7516_a1), key.private_key, JWE_RSA_OAEP, &out, &err), &err);
    assert_string_equal(buf_text(&out),
                        "The true sign of intelligence is not knowledge but imagination.");
    check_refused(unseal(span_of_text(rfc7516_a1), key.private_key, ALL & ~(unsigned)JWE_RSA_OAEP),
                  &err, "\"RSA-OAEP\" is not accepted here");
}

static void what_is_sealed_opens_with_its_key_and_algorithm_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
        BUF_AUTO out = BUF_WITH_LIMIT(TEXT_MAX);
        seal(i, "a resource", &text);
        check_ok(jwe_unseal(buf_span(&text), keys[cases[i].kind], cases[i].algorithm, &out, &err),
                 &err);
        assert_string_equal(buf_text(&out), "a resource");
        for (size_t k = 0; k < KEY_KIND_COUNT; k++) {
            if (k != cases[i].kind)
                assert_int_equal(unseal(buf_span(&text), keys[k], ALL), -1);
        }
        check_refused(
            unseal(buf_span(&text), keys[cases[i].kind], ALL & ~(unsigned)cases[i].algorithm), &err,
            "not accepted here");
    }
}

static void two_messages_share_nothing(void **state)
{
    (void)state;
    static const char *const fresh[] = {"encrypted_key", "iv", "ciphertext", "tag"};
    for (size_t i = 0; i < CASE_COUNT; i++) {
        BUF_AUTO one = BUF_WITH_LIMIT(TEXT_MAX);
        BUF_AUTO two = BUF_WITH_LIMIT(TEXT_MAX);
        seal(i, "a resource", &one);
        seal(i, "a resource", &two);
        json_auto_t *first = json_loads(buf_text(&one), 0, NULL);
        json_auto_t *second = json_loads(buf_text(&two), 0, NULL);
        for (size_t k = 0; k < sizeof fresh / sizeof *fresh; k++)
            assert_false(
                json_equal(json_object_get(first, fresh[k]), json_object_get(second, fresh[k])));
    }
}

/* Of base64url's digits some bits carry nothing; those must be zero. */
static void refuses_every_flipped_bit(void **state)
{
    (void)state;
    static const size_t quick[] = {1, 2}; /* one of RSA, one of ECDH */
    for (size_t n = 0; n < 2; n++) {
        size_t i = quick[n];
        BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
        seal(i, "x", &text);
        for (size_t bit = 0; bit < 8 * text.size; bit++) {
            text.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(unseal(buf_span(&text), keys[cases[i].kind], ALL), -1);
            text.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t size = 0; size < text.size; size++)
            assert_int_equal(unseal(span_of(text.data, size), keys[cases[i].kind], ALL), -1);
    }
}

/* A message for the P-256 key with one member of it, or of its header, set to `value` (JSON;
 * NULL: removed). */
static void spoil(const char *where, const char *name, const char *value, struct buf *out)
{
    BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
    seal(2, "x", &text);
    json_auto_t *message = json_loads(buf_text(&text), 0, NULL);
    BUF_AUTO header_text = BUF_WITH_LIMIT(TEXT_MAX);
    BUF_AUTO encoded = BUF_WITH_LIMIT(TEXT_MAX);
    check_ok(
        base64url_decode(span_of_text(json_string_value(json_object_get(message, "protected"))),
                         &header_text, &err),
        &err);
    json_auto_t *header = json_loads(buf_text(&header_text), 0, NULL);
    json_t *target = strcmp(where, "header") == 0 ? header : message;
    if (value)
        json_object_set_new(target, name, json_loads(value, JSON_DECODE_ANY, NULL));
    else
        assert_int_equal(json_object_del(target, name), 0);
    buf_truncate(&header_text, 0);
    check_ok(json_append(header, &header_text, &err), &err);
    check_ok(base64url_encode(buf_span(&header_text), &encoded, &err), &err);
    if (strcmp(where, "header") == 0)
        json_object_set_new(message, "protected", json_string(buf_text(&encoded)));
    check_ok(json_append(message, out, &err), &err);
}

static void refuses_members_that_lack_or_are_not_known(void **state)
{
    (void)state;
    static const char *const spoiled[][4] = {
        {"message", "protected", NULL, "\"protected\" is missing"},
        {"message", "encrypted_key", NULL, "\"encrypted_key\" is missing"},
        {"message", "iv", NULL, "\"iv\" is missing"},
        {"message", "ciphertext", NULL, "\"ciphertext\" is missing"},
        {"message", "tag", NULL, "\"tag\" is missing"},
        {"message", "iv", "\"AAAA\"", "3 bytes, not 12"},
        {"message", "tag", "\"AAAA\"", "3 bytes, not 16"},
        {"message", "tag", "\"\"", "0 bytes, not 16"},
        {"message", "encrypted_key", "\"\"", "0 bytes"},
        {"message", "aad", "\"AAAA\"", "\"aad\" is unknown"},
        {"message", "header", "\"x\"", "\"header\" is unknown"},
        {"message", "unprotected", "\"x\"", "\"unprotected\" is unknown"},
        {"message", "recipients", "[]", "nested"},
        {"header", "alg", NULL, "\"alg\" is missing"},
        {"header", "alg", "\"dir\"", "\"dir\" is not accepted"},
        {"header", "alg", "\"ECDH-ES\"", "\"ECDH-ES\" is not accepted"},
        {"header", "alg", "\"RSA-OAEP-256\"", "RSA"},
        {"header", "enc", NULL, "\"enc\" is missing"},
        {"header", "enc", "\"A128GCM\"", "A256GCM is wanted"},
        {"header", "enc", "\"A256CBC-HS512\"", "A256GCM is wanted"},
        {"header", "epk", NULL, "\"epk\" is missing"},
        {"header", "epk", "{\"kty\":\"oct\",\"k\":\"AA\"}", "epk is no public key"},
        {"header", "epk", "{\"kty\":\"EC\"}", "epk: key \"crv\""},
        {"header", "apu", "\"AA\"", "\"apu\""},
        {"header", "apv", "\"AA\"", "\"apu\""},
        {"header", "crit", "[\"epk\"]", "\"crit\""},
        {"header", "zip", "\"DEF\"", "\"zip\""},
        {"header", "kid", "\"x\"", "tag of AES-256-GCM"},
    };
    for (size_t i = 0; i < sizeof spoiled / sizeof *spoiled; i++) {
        BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
        spoil(spoiled[i][0], spoiled[i][1], spoiled[i][2], &text);
        check_refused(unseal(buf_span(&text), keys[KEY_P256], ALL), &err, spoiled[i][3]);
    }
}

/* RFC 7518, section 4.6: an attacker's point on another curve, or on none, teaches nothing. */
static void refuses_an_ephemeral_key_off_the_curve(void **state)
{
    (void)state;
    static const char *const points[][2] = {
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
         "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
         "no point"},
        {rfc7515_a4_key, "not on one elliptic curve"},
        {rfc7515_a2_key, "not on one elliptic curve"},
    };
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
        spoil("header", "epk", points[i][0], &text);
        check_refused(unseal(buf_span(&text), keys[KEY_P256], ALL), &err, points[i][1]);
    }
}

static void seals_only_for_a_fitting_key(void **state)
{
    (void)state;
    PUBLIC_KEY_AUTO *rsa = private_key_dup_public(keys[KEY_RSA], &err);
    PUBLIC_KEY_AUTO *curve = private_key_dup_public(keys[KEY_P256], &err);
    BUF_AUTO out = BUF_WITH_LIMIT(TEXT_MAX);
    BUF_AUTO small = BUF_WITH_LIMIT(100);
    struct span plain = span_of_text("x");
    check_error(jwe_seal(JWE_ECDH_ES_A256KW, rsa, plain, &out, &err), &err, ERROR_INVALID);
    check_error(jwe_seal(JWE_RSA_OAEP_256, curve, plain, &out, &err), &err, ERROR_INVALID);
    check_error(jwe_seal(0, curve, plain, &out, &err), &err, ERROR_USAGE);
    check_error(jwe_seal(ALL, curve, plain, &out, &err), &err, ERROR_USAGE);
    check_error(jwe_seal(JWE_RSA_OAEP_256, rsa, plain, &small, &err), &err, ERROR_LIMIT);
    assert_int_equal(out.size + small.size, 0);
}

/* As another party seals: RFC 7518, section 4.6.2, by hand. */
static void agreement_is_the_standards(void **state)
{
    (void)state;
    BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
    seal(2, "by hand", &text);
    json_auto_t *message = json_loads(buf_text(&text), 0, NULL);
    const char *protected_text = json_string_value(json_object_get(message, "protected"));
    json_auto_t *header = jose_read_header(span_of_text(protected_text), &err);
    JWK_AUTO epk;
    jwk_init(&epk);
    check_ok(jwk_read(json_object_get(header, "epk"), &epk, &err), &err);
    uint8_t secret[ECDH_SECRET_MAX];
    size_t size = 0;
    check_ok(ecdh_agree(keys[KEY_P256], epk.public_key, secret, &size, &err), &err);
    uint8_t input[4 + 32 + 4 + 14 + 4 + 4 + 4] = {0, 0, 0, 1};
    memcpy(input + 4, secret, 32);
    memcpy(input + 36,
           "\0\0\0\x0e"
           "ECDH-ES+A256KW"
           "\0\0\0\0"
           "\0\0\0\0"
           "\0\0\x01\0",
           30);
    uint8_t kek[SHA256_SIZE];
    sha256_digest(span_of(input, sizeof input), kek);
    BUF_AUTO wrapped = BUF_WITH_LIMIT(64);
    BUF_AUTO content_key = BUF_WITH_LIMIT(64);
    check_ok(jose_get_bytes(message, "encrypted_key", &wrapped, &err), &err);
    check_ok(aes_unwrap(span_of(kek, sizeof kek), buf_span(&wrapped), &content_key, &err), &err);
    assert_int_equal(content_key.size, AES256_KEY_SIZE);
    BUF_AUTO iv = BUF_WITH_LIMIT(64);
    BUF_AUTO tag = BUF_WITH_LIMIT(64);
    BUF_AUTO cipher = BUF_WITH_LIMIT(64);
    BUF_AUTO plain = BUF_WITH_LIMIT(64);
    check_ok(jose_get_bytes(message, "iv", &iv, &err), &err);
    check_ok(jose_get_bytes(message, "tag", &tag, &err), &err);
    check_ok(jose_get_bytes(message, "ciphertext", &cipher, &err), &err);
    check_ok(gcm_unseal(content_key.data, iv.data, span_of_text(protected_text), buf_span(&cipher),
                        tag.data, &plain, &err),
             &err);
    assert_string_equal(buf_text(&plain), "by hand");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfcs_message_opens),
        cmocka_unit_test(what_is_sealed_opens_with_its_key_and_algorithm_alone),
        cmocka_unit_test(two_messages_share_nothing),
        cmocka_unit_test(refuses_every_flipped_bit),
        cmocka_unit_test(refuses_members_that_lack_or_are_not_known),
        cmocka_unit_test(refuses_an_ephemeral_key_off_the_curve),
        cmocka_unit_test(seals_only_for_a_fitting_key),
        cmocka_unit_test(agreement_is_the_standards),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
