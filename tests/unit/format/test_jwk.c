#include "../check.h"
#include "../made.h"

#include "base/base64.h"
#include "format/jwk.h"

#include "jose_vectors.h"

#define TEXT_MAX 65536

static struct error err;

static int parse(const char *text, struct jwk *out)
{
    jwk_init(out);
    return jwk_parse(span_of_text(text), out, &err);
}

static void refused(const char *text, const char *words)
{
    JWK_AUTO jwk;
    check_refused(parse(text, &jwk), &err, words);
    assert_null(jwk.public_key);
    assert_int_equal(jwk.secret.size, 0);
}

/* What is written is what was read; `order` is jwk_append_*()'s own. */
static void keys_of_the_rfcs_are_read_and_written(void **state)
{
    (void)state;
    static const char *const keys[] = {rfc7515_a2_key, rfc7515_a3_key, rfc7515_a4_key,
                                       rfc7516_a1_key};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        JWK_AUTO jwk;
        struct buf text = BUF_WITH_LIMIT(TEXT_MAX);
        check_ok(parse(keys[i], &jwk), &err);
        check_ok(jwk_append_private(&jwk, &text, &err), &err);
        json_auto_t *before = json_loads(keys[i], 0, NULL);
        json_auto_t *after = json_loads(buf_text(&text), 0, NULL);
        assert_true(json_equal(before, after));
        buf_fini_secret(&text);
        check_ok(jwk_append_public(&jwk, &text, &err), &err);
        assert_null(strstr(buf_text(&text), "\"d\""));
        assert_null(strstr(buf_text(&text), "\"p\""));
        JWK_AUTO public_half;
        check_ok(parse(buf_text(&text), &public_half), &err);
        assert_null(public_half.private_key);
        assert_true(public_key_equal(public_half.public_key, jwk.public_key));
        check_error(jwk_append_private(&public_half, &text, &err), &err, ERROR_INVALID);
        buf_fini(&text);
    }
}

static void names_and_operations_survive(void **state)
{
    (void)state;
    static const char text[] = "{\"kty\":\"oct\",\"kid\":\"a \\\"kid\\\"\",\"use\":\"enc\",\"alg\":"
                               "\"A256KW\",\"key_ops\":[\"wrapKey\",\"unwrapKey\"],\"k\":\"AAEC\"}";
    JWK_AUTO jwk;
    BUF_AUTO out = BUF_WITH_LIMIT(TEXT_MAX);
    check_ok(parse(text, &jwk), &err);
    assert_true(jwk.is_oct);
    assert_string_equal(jwk.kid, "a \"kid\"");
    assert_true(span_equal(buf_span(&jwk.secret), span_of("\0\1\2", 3)));
    check_ok(jwk_append_private(&jwk, &out, &err), &err);
    assert_string_equal(buf_text(&out), text);
    assert_true(jwk_may(&jwk, JWK_WRAP_KEY));
    assert_false(jwk_may(&jwk, JWK_ENCRYPT)); /* not among key_ops */
    assert_false(jwk_may(&jwk, JWK_SIGN));
    check_error(jwk_append_public(&jwk, &out, &err), &err, ERROR_INVALID);
}

static void use_alone_decides_where_there_are_no_operations(void **state)
{
    (void)state;
    JWK_AUTO jwk;
    check_ok(parse("{\"kty\":\"oct\",\"use\":\"sig\",\"k\":\"AA\"}", &jwk), &err);
    assert_true(jwk_may(&jwk, JWK_VERIFY));
    assert_false(jwk_may(&jwk, JWK_DECRYPT));
    jwk_fini(&jwk);
    check_ok(parse("{\"kty\":\"oct\",\"k\":\"AA\"}", &jwk), &err);
    assert_true(jwk_may(&jwk, JWK_VERIFY) && jwk_may(&jwk, JWK_DECRYPT));
    jwk_fini(&jwk);
    check_ok(parse("{\"kty\":\"oct\",\"key_ops\":[\"other\"],\"k\":\"AA\"}", &jwk), &err);
    assert_false(jwk_may(&jwk, JWK_VERIFY));
}

static void thumbprint_is_the_rfcs(void **state)
{
    (void)state;
    JWK_AUTO jwk;
    uint8_t digest[SHA256_SIZE];
    BUF_AUTO text = BUF_WITH_LIMIT(64);
    check_ok(parse(rfc7638_key, &jwk), &err);
    check_ok(jwk_thumbprint(&jwk, digest, &err), &err);
    check_ok(base64url_encode(span_of(digest, sizeof digest), &text, &err), &err);
    assert_string_equal(buf_text(&text), rfc7638_thumbprint);
}

static void thumbprint_is_of_the_public_half_and_of_each_kind(void **state)
{
    (void)state;
    uint8_t digests[4][SHA256_SIZE];
    static const char *const keys[] = {rfc7515_a2_key, rfc7515_a3_key, rfc7515_a4_key,
                                       "{\"kty\":\"oct\",\"k\":\"AA\"}"};
    for (size_t i = 0; i < 4; i++) {
        JWK_AUTO jwk;
        check_ok(parse(keys[i], &jwk), &err);
        check_ok(jwk_thumbprint(&jwk, digests[i], &err), &err);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(digests[i], digests[k], SHA256_SIZE);
    }
    uint8_t expected[SHA256_SIZE];
    sha256_digest(span_of_text("{\"k\":\"AA\",\"kty\":\"oct\"}"), expected);
    assert_memory_equal(digests[3], expected, SHA256_SIZE);
    sha256_digest(
        span_of_text("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9"
                     "uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"),
        expected);
    assert_memory_equal(digests[1], expected, SHA256_SIZE);
}

static void refuses_what_is_no_key(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "not accepted as JSON"},
        {"[]", "expected an object"},
        {"{}", "\"kty\" is missing"},
        {"{\"kty\":\"oct\"}", "\"k\" is missing"},
        {"{\"kty\":\"oct\",\"k\":\"\"}", "an empty key"},
        {"{\"kty\":\"oct\",\"k\":\"AA==\"}", "key \"k\": base64"},
        {"{\"kty\":\"oct\",\"k\":\"AB\"}", "unused bits"},
        {"{\"kty\":\"oct\",\"k\":\"A+\"}", "bad character"},
        {"{\"kty\":\"oct\",\"k\":7}", "expected a string"},
        {"{\"kty\":\"oct\",\"k\":\"AA\",\"k\":\"AA\"}", "duplicate"},
        {"{\"kty\":\"oct\",\"k\":\"AA\"} ,", "not accepted as JSON"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}", "type \"OKP\""},
        {"{\"kty\":\"EC\",\"crv\":\"P-192\",\"x\":\"AA\",\"y\":\"AA\"}", "curve \"P-192\""},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}", "a number of 1 bytes"},
        {"{\"kty\":\"RSA\",\"n\":\"AA\",\"e\":\"AQAB\"}", "begins with zero"},
        {"{\"kty\":\"RSA\",\"n\":\"AQ\",\"e\":\"AQAB\"}", "2048 to 8192"},
        {"{\"kty\":\"RSA\",\"n\":\"AQ\"}", "\"e\" is missing"},
        {"{\"kty\":\"oct\",\"k\":\"AA\",\"key_ops\":[\"sign\",\"sign\"]}", "twice"},
        {"{\"kty\":\"oct\",\"k\":\"AA\",\"key_ops\":\"sign\"}", "expected an array"},
        {"{\"kty\":\"oct\",\"k\":\"AA\",\"key_ops\":[1]}", "key_ops[0]"},
        {"{\"kty\":\"oct\",\"k\":\"AA\",\"kid\":1}", "key \"kid\""},
        {"{\"kty\":\"oct\",\"k\":\"AA\",\"alg\":\"12345678901234567890123456789012\"}", "31 bytes"},
        {"{\"kty\":\"oct\",\"k\":\"AA\",\"x5c\":[]}", "1 to 8"},
        {"{\"kty\":\"oct\",\"k\":\"AA\",\"x5c\":[\"AA==\"]}", "x5c[0]"},
        {"{\"kty\":\"oct\",\"k\":\"AA\",\"x5c\":{}}", "expected an array"},
        {"{\"kty\":\"oct\",\"k\":\"AA\",\"a\":[[[[[[[[0]]]]]]]]}", "nested"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cases[i][0], cases[i][1]);
}

/* The object without one member, and with it changed. */
static void refuses_a_private_key_that_lacks_or_changes_a_member(void **state)
{
    (void)state;
    static const char *const keys[] = {rfc7515_a2_key, rfc7515_a3_key};
    for (size_t i = 0; i < 2; i++) {
        json_auto_t *whole = json_loads(keys[i], 0, NULL);
        const char *name;
        json_t *value;
        json_object_foreach (whole, name, value) {
            if (strcmp(name, "d") == 0)
                continue; /* without d it is a public key */
            json_auto_t *less = json_deep_copy(whole);
            JWK_AUTO jwk;
            jwk_init(&jwk);
            assert_int_equal(json_object_del(less, name), 0);
            check_error(jwk_read(less, &jwk, &err), &err, ERROR_INVALID);
        }
        BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
        check_ok(buf_append_text(&text, keys[i], &err), &err);
        char *d = strstr((char *)text.data, "\"d\":\"");
        assert_non_null(d);
        d[12] = d[12] == 'A' ? 'B' : 'A';
        refused(buf_text(&text), "do not belong together");
    }
}

static void refuses_more_than_two_primes(void **state)
{
    (void)state;
    json_auto_t *key = json_loads(rfc7515_a2_key, 0, NULL);
    JWK_AUTO jwk;
    jwk_init(&jwk);
    assert_int_equal(json_object_set_new(key, "oth", json_array()), 0);
    check_refused(jwk_read(key, &jwk, &err), &err, "two primes");
}

static void wipes_the_private_members_that_it_read(void **state)
{
    (void)state;
    json_auto_t *key = json_loads(rfc7515_a3_key, 0, NULL);
    JWK_AUTO jwk;
    jwk_init(&jwk);
    check_ok(jwk_read(key, &jwk, &err), &err);
    assert_non_null(jwk.private_key);
    assert_int_equal(strlen(json_string_value(json_object_get(key, "d"))), 0);
    assert_int_equal(strlen(json_string_value(json_object_get(key, "x"))), 43);
}

/* {"kty":"EC",…,"x5c":[…]} of a key and a certificate, perhaps for another key. */
static void key_with_certificate(EVP_PKEY *key, EVP_PKEY *certified, struct buf *out)
{
    const struct made_certificate wanted = {.subject = "CN=a", .issuer = "CN=a"};
    BUF_AUTO spki = BUF_WITH_LIMIT(TEXT_MAX);
    struct jwk jwk;
    jwk_init(&jwk);
    made_public_key(key, &spki);
    jwk.kind = KEY_P256;
    jwk.public_key = public_key_from_spki(buf_span(&spki), &err);
    jwk.chain.count = 1;
    buf_init(&jwk.chain.ders[0], TEXT_MAX);
    made_issue(&wanted, certified, certified, "SHA256", &jwk.chain.ders[0]);
    check_ok(jwk_append_public(&jwk, out, &err), &err);
    jwk_fini(&jwk);
}

static void a_certificate_must_be_for_the_key(void **state)
{
    (void)state;
    EVP_PKEY *key = made_key("P-256");
    EVP_PKEY *other = made_key("P-256");
    BUF_AUTO good = BUF_WITH_LIMIT(TEXT_MAX);
    BUF_AUTO bad = BUF_WITH_LIMIT(TEXT_MAX);
    key_with_certificate(key, key, &good);
    key_with_certificate(key, other, &bad);
    JWK_AUTO jwk;
    check_ok(parse(buf_text(&good), &jwk), &err);
    assert_int_equal(jwk.chain.count, 1);
    BUF_AUTO again = BUF_WITH_LIMIT(TEXT_MAX);
    check_ok(jwk_append_public(&jwk, &again, &err), &err);
    assert_string_equal(buf_text(&again), buf_text(&good));
    refused(buf_text(&bad), "another key");
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void finds_a_key_of_a_set_by_its_kid(void **state)
{
    (void)state;
    json_auto_t *set = json_loads(
        "{\"keys\":[1,{\"kty\":\"OKP\"},{\"kid\":7},{\"kty\":\"oct\",\"kid\":"
        "\"a\",\"k\":\"AA\"},{\"kty\":\"oct\",\"kid\":\"b\",\"k\":\"AQ\"},"
        "{\"kty\":\"OKP\",\"kid\":\"c\"}]}",
        0, NULL);
    json_auto_t *none = json_loads("{\"keys\":{}}", 0, NULL);
    JWK_AUTO jwk;
    jwk_init(&jwk);
    check_ok(jwk_find(set, "b", &jwk, &err), &err);
    assert_true(span_equal(buf_span(&jwk.secret), span_of("\1", 1)));
    jwk_fini(&jwk);
    check_error(jwk_find(set, "d", &jwk, &err), &err, ERROR_NOT_FOUND);
    check_error(jwk_find(set, "", &jwk, &err), &err, ERROR_NOT_FOUND);
    check_refused(jwk_find(set, "c", &jwk, &err), &err, "type \"OKP\"");
    check_error(jwk_find(none, "a", &jwk, &err), &err, ERROR_INVALID);
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    for (size_t size = 0; size < strlen(rfc7515_a3_key); size++) {
        JWK_AUTO jwk;
        jwk_init(&jwk);
        check_error(jwk_parse(span_of(rfc7515_a3_key, size), &jwk, &err), &err, ERROR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_the_rfcs_are_read_and_written),
        cmocka_unit_test(names_and_operations_survive),
        cmocka_unit_test(use_alone_decides_where_there_are_no_operations),
        cmocka_unit_test(thumbprint_is_the_rfcs),
        cmocka_unit_test(thumbprint_is_of_the_public_half_and_of_each_kind),
        cmocka_unit_test(refuses_what_is_no_key),
        cmocka_unit_test(refuses_a_private_key_that_lacks_or_changes_a_member),
        cmocka_unit_test(refuses_more_than_two_primes),
        cmocka_unit_test(wipes_the_private_members_that_it_read),
        cmocka_unit_test(a_certificate_must_be_for_the_key),
        cmocka_unit_test(finds_a_key_of_a_set_by_its_kid),
        cmocka_unit_test(refuses_every_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
