#include "../check.h"

#include "base/base64.h"
#include "format/jwk.h"
#include "format/jws.h"

#include "jose_vectors.h"

#define TEXT_MAX 65536

static struct error err;

static const char payload[] = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
                              "\"http://example.com/is_root\":true}";

static const struct {
    const char *key;
    const char *text;
    const char *payload;
    enum signature_scheme scheme;
} vectors[] = {
    {rfc7515_a2_key, rfc7515_a2, payload, SIGNATURE_RS256},
    {rfc7515_a3_key, rfc7515_a3, payload, SIGNATURE_ES256},
    {rfc7515_a4_key, rfc7515_a4, "Payload", SIGNATURE_ES512},
};
#define VECTOR_COUNT (sizeof vectors / sizeof *vectors)

static void read_key(const char *text, struct jwk *out)
{
    jwk_init(out);
    check_ok(jwk_parse(span_of_text(text), out, &err), &err);
}

/* Reads and checks at once. */
static int check(struct span text, const struct jwk *key, unsigned accepted)
{
    JWS_AUTO jws;
    return jws_read(text, &jws, &err) < 0 ? -1 : jws_check(&jws, key->public_key, accepted, &err);
}

static int check_unsigned(const char *text)
{
    JWS_AUTO jws;
    return jws_read(span_of_text(text), &jws, &err) < 0 ? -1 : jws_check_unsigned(&jws, &err);
}

static void messages_of_the_rfc_hold_by_their_scheme_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        JWK_AUTO key;
        JWS_AUTO jws;
        read_key(vectors[i].key, &key);
        check_ok(jws_read(span_of_text(vectors[i].text), &jws, &err), &err);
        assert_string_equal(jws.algorithm, signature_scheme_name(vectors[i].scheme));
        assert_true(span_equal_text(buf_span(&jws.payload), vectors[i].payload));
        check_ok(jws_check(&jws, key.public_key, vectors[i].scheme, &err), &err);
        check_ok(jws_check(&jws, key.public_key, ~0U, &err), &err);
        check_refused(jws_check(&jws, key.public_key, ~(unsigned)vectors[i].scheme, &err), &err,
                      "not accepted here");
        check_refused(jws_check(&jws, key.public_key, 0, &err), &err, "not accepted here");
        check_refused(jws_check_unsigned(&jws, &err), &err, "unsigned JWS is wanted");
    }
}

static void refuses_every_flipped_bit(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        JWK_AUTO key;
        BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
        read_key(vectors[i].key, &key);
        check_ok(buf_append_text(&text, vectors[i].text, &err), &err);
        for (size_t bit = 0; bit < 8 * text.size; bit++) {
            text.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(check(buf_span(&text), &key, ~0U), -1);
            text.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t size = 0; size < text.size; size++)
            assert_int_equal(check(span_of(text.data, size), &key, ~0U), -1);
        check_ok(check(buf_span(&text), &key, ~0U), &err);
    }
}

static void refuses_the_key_of_another(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        JWK_AUTO key;
        read_key(vectors[(i + 1) % VECTOR_COUNT].key, &key);
        check_error(check(span_of_text(vectors[i].text), &key, ~0U), &err, ERROR_REFUSED);
    }
}

static void none_is_accepted_only_where_it_is_asked_for(void **state)
{
    (void)state;
    JWK_AUTO key;
    read_key(rfc7515_a3_key, &key);
    check_ok(check_unsigned(rfc7515_a5), &err);
    check_refused(check(span_of_text(rfc7515_a5), &key, ~0U), &err, "\"none\" is not accepted");
    /* alg none with a signature, and other spellings of none */
    static const char *const headers[] = {"{\"alg\":\"None\"}", "{\"alg\":\"NONE\"}",
                                          "{\"alg\":\"\"}", "{\"alg\":\"HS256\"}"};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
        check_ok(base64url_encode(span_of_text(headers[i]), &text, &err), &err);
        check_ok(buf_append_text(&text, ".e30.", &err), &err);
        check_error(check_unsigned(buf_text(&text)), &err, ERROR_REFUSED);
        check_error(check(buf_span(&text), &key, ~0U), &err, ERROR_REFUSED);
    }
    check_refused(check_unsigned("eyJhbGciOiJub25lIn0.e30.AA"), &err, "there is a signature");
}

static void refuses_what_is_no_message(void **state)
{
    (void)state;
    static const struct {
        const char *header; /* NULL: `text` is the whole message */
        const char *text;
        const char *words;
    } cases[] = {
        {NULL, "", "three parts"},
        {NULL, ".", "not accepted as JSON"},
        {NULL, "eyJhbGciOiJub25lIn0", "three parts"},
        {NULL, "eyJhbGciOiJub25lIn0.e30", "three parts"},
        {NULL, "eyJhbGciOiJub25lIn0.e30..", "signature"},
        {NULL, "eyJhbGciOiJub25lIn0.e30.AA.AA.AA", "signature"},
        {NULL, "eyJhbGciOiJub25lIn0=.e30.", "header"},
        {NULL, "eyJhbGciOiJub25lIn0.e30=.", "payload"},
        {NULL, "eyJhbGciOiJub25lIn0.e30. ", "signature"},
        {"", ".e30.", "header"},
        {"[]", ".e30.", "expected an object"},
        {"{}", ".e30.", "\"alg\" is missing"},
        {"{\"alg\":null}", ".e30.", "expected a string"},
        {"{\"alg\":\"none\",\"alg\":\"none\"}", ".e30.", "duplicate"},
        {"{\"alg\":\"none\",\"crit\":[\"exp\"]}", ".e30.", "\"crit\" in the header"},
        {"{\"alg\":\"none\",\"crit\":[]}", ".e30.", "\"crit\" in the header"},
        {"{\"alg\":\"none\",\"b64\":false}", ".e30.", "\"b64\" in the header"},
        {"{\"alg\":\"none\",\"zip\":\"DEF\"}", ".e30.", "\"zip\" in the header"},
        {"{\"alg\":\"none\",\"a\":[[[[[[[[]]]]]]]]}", ".e30.", "nested"},
        {"{\"alg\":\"none\"}\n{}", ".e30.", "not accepted as JSON"},
        {"{\"alg\":\"\xff\"}", ".e30.", "not accepted as JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
        if (cases[i].header)
            check_ok(base64url_encode(span_of_text(cases[i].header), &text, &err), &err);
        check_ok(buf_append_text(&text, cases[i].text, &err), &err);
        JWS_AUTO jws;
        if (strcmp(cases[i].text, ".") == 0) { /* two empty parts, no third */
            check_error(jws_read(buf_span(&text), &jws, &err), &err, ERROR_INVALID);
            continue;
        }
        check_refused(jws_read(buf_span(&text), &jws, &err), &err, cases[i].words);
        assert_null(jws.header);
    }
}

static void refuses_too_large_a_message_and_header(void **state)
{
    (void)state;
    BUF_AUTO text = BUF_WITH_LIMIT(JOSE_SIZE_MAX + 1);
    JWS_AUTO jws;
    check_ok(buf_append_zero(&text, JOSE_SIZE_MAX + 1, &err), &err);
    memset(text.data, 'A', text.size);
    check_error(jws_read(buf_span(&text), &jws, &err), &err, ERROR_LIMIT);
    text.data[JOSE_HEADER_MAX * 2] = '.';
    text.data[JOSE_HEADER_MAX * 2 + 4] = '.';
    text.size = JOSE_HEADER_MAX * 2 + 8;
    check_error(jws_read(buf_span(&text), &jws, &err), &err, ERROR_LIMIT);
}

static void each_scheme_signs_and_holds(void **state)
{
    (void)state;
    static const struct {
        enum key_kind kind;
        enum signature_scheme scheme;
    } cases[] = {{KEY_RSA, SIGNATURE_RS256},
                 {KEY_RSA, SIGNATURE_PS256},
                 {KEY_P256, SIGNATURE_ES256},
                 {KEY_P384, SIGNATURE_ES384}};
    json_auto_t *header = json_pack("{s:s, s:s}", "typ", "JWT", "kid", "one");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        PRIVATE_KEY_AUTO *key = private_key_new(cases[i].kind, 2048, &err);
        PUBLIC_KEY_AUTO *public_half = private_key_dup_public(key, &err);
        BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
        JWS_AUTO jws;
        check_ok(jws_sign(header, span_of_text("{}"), key, cases[i].scheme, &text, &err), &err);
        check_ok(jws_read(buf_span(&text), &jws, &err), &err);
        check_ok(jws_check(&jws, public_half, cases[i].scheme, &err), &err);
        assert_string_equal(json_string_value(json_object_get(jws.header, "kid")), "one");
        assert_true(span_equal_text(buf_span(&jws.payload), "{}"));
    }
}

static void signs_nothing_that_does_not_fit(void **state)
{
    (void)state;
    PRIVATE_KEY_AUTO *key = private_key_new(KEY_P256, 0, &err);
    json_auto_t *header = json_pack("{s:s}", "alg", "none");
    BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
    BUF_AUTO small = BUF_WITH_LIMIT(40);
    struct span claims = span_of_text("{}");
    check_ok(buf_append_text(&text, "x", &err), &err);
    check_error(jws_sign(header, claims, key, SIGNATURE_ES256, &text, &err), &err, ERROR_USAGE);
    check_error(jws_append_unsigned(header, claims, &text, &err), &err, ERROR_USAGE);
    check_error(jws_sign(NULL, claims, key, SIGNATURE_RS256, &text, &err), &err, ERROR_INVALID);
    check_error(jws_sign(NULL, claims, key, 0, &text, &err), &err, ERROR_USAGE);
    check_error(jws_sign(NULL, claims, key, SIGNATURE_ES256, &small, &err), &err, ERROR_LIMIT);
    assert_string_equal(buf_text(&text), "x");
    assert_int_equal(small.size, 0);
    check_ok(jws_append_unsigned(NULL, claims, &small, &err), &err);
    assert_string_equal(buf_text(&small), "eyJhbGciOiJub25lIn0.e30.");
}

/* --- claims ----------------------------------------------------------------------------------- */

#define NOW INT64_C(1700000000)

static int check_claims(const char *text, const char *issuer, const char *audience, int64_t leeway)
{
    const struct jwt_rule rule = {NOW, leeway, issuer, audience};
    json_auto_t *claims = jwt_read_claims(span_of_text(text), &err);
    return claims ? jwt_check_claims(claims, &rule, &err) : -1;
}

static void a_token_is_valid_from_its_start_until_before_its_end(void **state)
{
    (void)state;
    check_ok(check_claims("{\"exp\":1700000001}", NULL, NULL, 0), &err);
    check_refused(check_claims("{\"exp\":1700000000}", NULL, NULL, 0), &err, "expired");
    check_ok(check_claims("{\"exp\":1700000000}", NULL, NULL, 1), &err);
    check_ok(
        check_claims("{\"exp\":1700000009,\"nbf\":1700000000,\"iat\":1700000000}", NULL, NULL, 0),
        &err);
    check_refused(check_claims("{\"exp\":1700000009,\"nbf\":1700000001}", NULL, NULL, 0), &err,
                  "nbf");
    check_ok(check_claims("{\"exp\":1700000009,\"nbf\":1700000001}", NULL, NULL, 1), &err);
    check_refused(check_claims("{\"exp\":1700000009,\"iat\":1700000061}", NULL, NULL, 60), &err,
                  "iat");
}

static void refuses_times_that_are_none(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "{}",
        "{\"exp\":\"1800000000\"}",
        "{\"exp\":1800000000.5}",
        "{\"exp\":1e30}",
        "{\"exp\":-1}",
        "{\"exp\":null}",
        "{\"exp\":9223372036854775807}",
        "{\"exp\":99999999999999999999}",
        "{\"exp\":1800000000,\"nbf\":\"0\"}",
        "{\"exp\":1800000000,\"iat\":true}",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(check_claims(cases[i], NULL, NULL, 0), -1);
}

static void issuer_and_audience_are_compared_whole(void **state)
{
    (void)state;
    static const char text[] = "{\"exp\":1800000000,\"iss\":\"https://a\",\"aud\":[\"b\",\"c\"]}";
    check_ok(check_claims(text, "https://a", "c", 0), &err);
    check_refused(check_claims(text, "https://a/", NULL, 0), &err, "issued by");
    check_refused(check_claims(text, "https://", NULL, 0), &err, "issued by");
    check_refused(check_claims(text, NULL, "d", 0), &err, "not for \"d\"");
    check_ok(check_claims("{\"exp\":1800000000,\"aud\":\"b\"}", NULL, "b", 0), &err);
    check_refused(check_claims("{\"exp\":1800000000,\"aud\":\"bb\"}", NULL, "b", 0), &err,
                  "not for");
    check_refused(check_claims("{\"exp\":1800000000}", "a", NULL, 0), &err, "issued by \"\"");
    check_refused(check_claims("{\"exp\":1800000000}", NULL, "a", 0), &err, "not for");
    check_refused(check_claims("{\"exp\":1800000000,\"iss\":1}", NULL, NULL, 0), &err, "iss");
    check_refused(check_claims("{\"exp\":1800000000,\"aud\":[1]}", NULL, "a", 0), &err, "aud[0]");
    check_refused(check_claims("{\"exp\":1800000000,\"aud\":{}}", NULL, "a", 0), &err, "aud");
    check_refused(check_claims("[]", NULL, NULL, 0), &err, "the token's claims");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_the_rfc_hold_by_their_scheme_alone),
        cmocka_unit_test(refuses_every_flipped_bit),
        cmocka_unit_test(refuses_the_key_of_another),
        cmocka_unit_test(none_is_accepted_only_where_it_is_asked_for),
        cmocka_unit_test(refuses_what_is_no_message),
        cmocka_unit_test(refuses_too_large_a_message_and_header),
        cmocka_unit_test(each_scheme_signs_and_holds),
        cmocka_unit_test(signs_nothing_that_does_not_fit),
        cmocka_unit_test(a_token_is_valid_from_its_start_until_before_its_end),
        cmocka_unit_test(refuses_times_that_are_none),
        cmocka_unit_test(issuer_and_audience_are_compared_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
