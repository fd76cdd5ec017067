#include "policy.h"

#include "../made.h"
#include "base/base64.h"
#include "format/jws.h"
#include "rules/policy_jws.h"

#define TEXT_MAX 65536

static const char policy[] = "version=1.0;authorizationrules{=>permit();};issuancerules{};";

static struct private_key *key;
static struct jose_chain chain;
static struct jose_chain other_chain;

static void issue(const char *kind, struct private_key *subject, struct jose_chain *out)
{
    const struct made_certificate wanted = {.subject = "CN=signer", .issuer = "CN=signer"};
    EVP_PKEY *pkey = subject ? (EVP_PKEY *)subject : made_key(kind);
    buf_init(&out->ders[0], TEXT_MAX);
    made_issue(&wanted, pkey, pkey, "SHA256", &out->ders[0]);
    out->count = 1;
    if (!subject)
        EVP_PKEY_free(pkey);
}

static int make_keys(void **state)
{
    (void)state;
    key = private_key_new(KEY_RSA, 2048, &err);
    issue("RSA", key, &chain);
    issue("RSA", NULL, &other_chain);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    private_key_free(key);
    jose_chain_fini(&chain);
    jose_chain_fini(&other_chain);
    return 0;
}

static int read(struct span text)
{
    POLICY_JWS_AUTO read_policy;
    int result = policy_jws_read(text, &read_policy, &err);
    if (result < 0)
        assert_int_equal(read_policy.text.size, 0);
    return result;
}

static void an_unsigned_policy_goes_there_and_back(void **state)
{
    (void)state;
    BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
    POLICY_JWS_AUTO back;
    check_ok(policy_jws_append_unsigned(span_of_text(policy), &text, &err), &err);
    assert_memory_equal(text.data, "eyJhbGciOiJub25lIn0.", 20); /* {"alg":"none"} */
    check_ok(policy_jws_read(buf_span(&text), &back, &err), &err);
    assert_false(back.is_signed);
    assert_string_equal(buf_text(&back.text), policy);
}

static void a_signed_policy_names_its_signer(void **state)
{
    (void)state;
    BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
    POLICY_JWS_AUTO back;
    PUBLIC_KEY_AUTO *public_half = private_key_dup_public(key, &err);
    check_ok(policy_jws_sign(span_of_text(policy), key, &chain, &text, &err), &err);
    check_ok(policy_jws_read(buf_span(&text), &back, &err), &err);
    assert_true(back.is_signed);
    assert_string_equal(buf_text(&back.text), policy);
    assert_true(public_key_equal(back.signer.public_key, public_half));
    assert_int_equal(back.signer.chain.count, 1);
    assert_true(span_equal(buf_span(&back.signer.chain.ders[0]), buf_span(&chain.ders[0])));
    BUF_AUTO jwk = BUF_WITH_LIMIT(TEXT_MAX); /* of x-ms-policy-signer */
    check_ok(jwk_append_public(&back.signer, &jwk, &err), &err);
    assert_non_null(strstr(buf_text(&jwk), "\"x5c\""));
}

static void refuses_flipped_bits(void **state)
{
    (void)state;
    BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
    check_ok(policy_jws_sign(span_of_text(policy), key, &chain, &text, &err), &err);
    for (size_t bit = 0; bit < 8 * text.size; bit += 11) {
        text.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(read(buf_span(&text)), -1);
        text.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < text.size; size += 17)
        assert_int_equal(read(span_of(text.data, size)), -1);
    check_ok(read(buf_span(&text)), &err);
}

static void refuses_the_certificate_of_another_key(void **state)
{
    (void)state;
    BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
    check_ok(policy_jws_sign(span_of_text(policy), key, &other_chain, &text, &err), &err);
    check_refused(read(buf_span(&text)), &err, "does not hold under the key");
}

/* A JWS by `key` with this header beside alg. */
static void sign_with(json_t *header, enum signature_scheme scheme, const char *payload,
                      struct buf *out)
{
    check_ok(jws_sign(header, span_of_text(payload), key, scheme, out, &err), &err);
}

#define PAYLOAD "{\"AttestationPolicy\":\"dmVyc2lvbj0xLjA7\"}"

static json_t *own_jwk(bool with_private)
{
    struct jwk jwk;
    struct buf text = BUF_WITH_LIMIT(TEXT_MAX);
    jwk_init(&jwk);
    jwk.kind = KEY_RSA;
    jwk.public_key = private_key_dup_public(key, &err);
    if (with_private) {
        BUF_AUTO der = BUF_WITH_LIMIT(TEXT_MAX);
        check_ok(private_key_to_pkcs8(key, &der, &err), &err);
        jwk.private_key = private_key_from_pkcs8(buf_span(&der), &err);
        check_ok(jwk_append_private(&jwk, &text, &err), &err);
    } else {
        check_ok(jwk_append_public(&jwk, &text, &err), &err);
    }
    json_t *object = json_loads(buf_text(&text), 0, NULL);
    jwk_fini(&jwk);
    buf_fini_secret(&text);
    return object;
}

static json_t *x5c_of(const struct jose_chain *from)
{
    BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
    check_ok(base64_encode(buf_span(&from->ders[0]), &text, &err), &err);
    return json_pack("[s]", buf_text(&text));
}

static void the_signer_may_be_a_bare_key(void **state)
{
    (void)state;
    json_auto_t *header = json_pack("{s:o}", "jwk", own_jwk(false));
    json_auto_t *both = json_pack("{s:o, s:o}", "jwk", own_jwk(false), "x5c", x5c_of(&chain));
    BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
    BUF_AUTO text_both = BUF_WITH_LIMIT(TEXT_MAX);
    sign_with(header, SIGNATURE_RS256, PAYLOAD, &text);
    check_ok(read(buf_span(&text)), &err);
    sign_with(both, SIGNATURE_RS256, PAYLOAD, &text_both);
    check_ok(read(buf_span(&text_both)), &err);
}

static void refuses_other_signers_and_algorithms(void **state)
{
    (void)state;
    struct {
        json_t *header;
        enum signature_scheme scheme;
        const char *words;
    } cases[] = {
        {json_object(), SIGNATURE_RS256, "names its signer"},
        {json_pack("{s:s}", "kid", "x"), SIGNATURE_RS256, "names its signer"},
        {json_pack("{s:o}", "x5c", x5c_of(&chain)), SIGNATURE_PS256, "\"PS256\" is not accepted"},
        {json_pack("{s:o}", "x5c", x5c_of(&chain)), SIGNATURE_RS512, "\"RS512\" is not accepted"},
        {json_pack("{s:o}", "jwk", own_jwk(true)), SIGNATURE_RS256, "not a public key"},
        {json_pack("{s:{s:s, s:s}}", "jwk", "kty", "oct", "k", "AA"), SIGNATURE_RS256,
         "not a public key"},
        {json_pack("{s:o, s:o}", "jwk", own_jwk(false), "x5c", x5c_of(&other_chain)),
         SIGNATURE_RS256, "two keys"},
        {json_pack("{s:s}", "jwk", "x"), SIGNATURE_RS256, "expected an object"},
        {json_pack("{s:[]}", "x5c"), SIGNATURE_RS256, "x5c has 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
        sign_with(cases[i].header, cases[i].scheme, PAYLOAD, &text);
        json_decref(cases[i].header);
        check_refused(read(buf_span(&text)), &err, cases[i].words);
    }
}

static void refuses_what_carries_no_policy(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "not accepted as JSON"},
        {"{}", "\"AttestationPolicy\" is missing"},
        {"{\"AttestationPolicy\":1}", "expected a string"},
        {"{\"AttestationPolicy\":\"\"}", "not a text"},
        {"{\"AttestationPolicy\":\"dmVyc2lvbj0xLjA7=\"}", "the padding is wrong"},
        {"{\"AttestationPolicy\":\"version=1.0;\"}", "base64"},
        {"{\"AttestationPolicy\":\"_w\"}", "not a text in UTF-8"},
        {"{\"AttestationPolicy\":\"YQ\",\"more\":1}", "\"more\" is unknown"},
        {"{\"AttestationPolicy\":\"YQ\",\"AttestationPolicy\":\"YQ\"}", "duplicate"},
        {"{\"attestationpolicy\":\"YQ\"}", "is unknown"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
        check_ok(jws_append_unsigned(NULL, span_of_text(cases[i][0]), &text, &err), &err);
        check_refused(read(buf_span(&text)), &err, cases[i][1]);
        assert_non_null(strstr(err.text, "the policy's JWS"));
    }
}

static void padding_is_taken_where_it_is_right(void **state)
{
    (void)state;
    static const char *const payloads[] = {"{\"AttestationPolicy\":\"YQ==\"}",
                                           "{\"AttestationPolicy\":\"YWI=\"}",
                                           "{\"AttestationPolicy\":\"YQ\"}"};
    for (size_t i = 0; i < 3; i++) {
        BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
        check_ok(jws_append_unsigned(NULL, span_of_text(payloads[i]), &text, &err), &err);
        check_ok(read(buf_span(&text)), &err);
    }
}

/* python3: b64url(sha256(b64url(text))), by hand. */
static void the_hash_is_of_the_encoded_text(void **state)
{
    (void)state;
    char hash[POLICY_HASH_TEXT_SIZE];
    check_ok(policy_hash(span_of_text(policy), hash, &err), &err);
    assert_string_equal(hash, "F57fq4XosI6GIyzj_4Aobj2YmRNdhC8-sh4movtD1x8");
    check_ok(policy_hash(span_of_text(""), hash, &err), &err);
    assert_string_equal(hash, "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unsigned_policy_goes_there_and_back),
        cmocka_unit_test(a_signed_policy_names_its_signer),
        cmocka_unit_test(refuses_flipped_bits),
        cmocka_unit_test(refuses_the_certificate_of_another_key),
        cmocka_unit_test(the_signer_may_be_a_bare_key),
        cmocka_unit_test(refuses_other_signers_and_algorithms),
        cmocka_unit_test(refuses_what_carries_no_policy),
        cmocka_unit_test(padding_is_taken_where_it_is_right),
        cmocka_unit_test(the_hash_is_of_the_encoded_text),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
