/* Keys that sign tokens: whoever verifies by the published keys is never without the right one. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#include "../remove_tree.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "format/json.h"
#include "format/jwk.h"
#include "format/jws.h"
#include "service/signing.h"

#define NOW INT64_C(1780272000)

static char folder[256], path[300];
static struct database *store;
static struct vault *vault;

static int open_all(void **state)
{
    (void)state;
    bool made;
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/caisson-signing-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof path, "%s/store", folder);
    TEXT_AUTO key = text_format("%s/master", folder);
    store = database_open(path, NULL);
    vault = vault_open_file(key, &made, NULL);
    return store && vault ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    database_close(store);
    vault_close(vault);
    return remove_tree(folder);
}

static struct signing *open_signing(int64_t now)
{
    struct error err = {0};
    struct signing *signing = signing_open(store, vault, NULL, now, &err);
    if (!signing)
        fail_msg("%s", err.text);
    return signing;
}

static json_t *published(struct signing *signing)
{
    struct error err = {0};
    static const struct json_limits limits = {.size = 1 << 20, .depth = 8};
    BUF_AUTO text = BUF_WITH_LIMIT(1 << 20);
    check_ok(signing_append_keys(signing, &text, &err), &err);
    json_t *set = json_parse_object(buf_span(&text), &limits, &err);
    if (!set)
        fail_msg("%s", err.text);
    return set;
}

static void sign_token(struct signing *signing, enum signature_scheme scheme, int64_t now,
                       struct buf *token)
{
    struct error err = {0};
    json_auto_t *header = json_pack("{s:s}", "jku", "https://a.example/certs");
    check_ok(signing_sign(signing, scheme, header, span_of_text("{\"a\":1}"), now, token, &err),
             &err);
}

/* True where a published key with the token's kid verifies it. */
static bool verifies(json_t *set, const struct buf *token, enum signature_scheme scheme)
{
    struct error err = {0};
    JWS_AUTO jws = {0};
    check_ok(jws_read(buf_span(token), &jws, &err), &err);
    const char *kid = json_string_value(json_object_get(jws.header, "kid"));
    assert_string_equal(json_string_value(json_object_get(jws.header, "typ")), "JWT");
    assert_string_equal(json_string_value(json_object_get(jws.header, "jku")),
                        "https://a.example/certs");
    json_t *keys = json_object_get(set, "keys");
    for (size_t i = 0; i < json_array_size(keys); i++) {
        JWK_AUTO jwk;
        jwk_init(&jwk);
        json_auto_t *copy = json_deep_copy(json_array_get(keys, i));
        check_ok(jwk_read(copy, &jwk, &err), &err);
        assert_null(jwk.private_key);
        assert_int_equal(jwk.chain.count, 1);
        if (strcmp(jwk.kid, kid) == 0)
            return jws_check(&jws, jwk.public_key, (unsigned)scheme, &err) == 0;
    }
    return false;
}

static void signs_by_each_scheme(void **state)
{
    (void)state;
    struct signing *signing = open_signing(NOW);
    json_auto_t *set = published(signing);
    static const enum signature_scheme schemes[] = {SIGNATURE_RS256, SIGNATURE_ES384,
                                                    SIGNATURE_ES256};
    for (size_t i = 0; i < 3; i++) {
        BUF_AUTO token = BUF_WITH_LIMIT(10000);
        sign_token(signing, schemes[i], NOW, &token);
        assert_true(verifies(set, &token, schemes[i]));
        assert_false(verifies(set, &token, schemes[(i + 1) % 3]));
    }
    struct error err = {0};
    BUF_AUTO token = BUF_WITH_LIMIT(10000);
    json_auto_t *header = json_object();
    check_error(
        signing_sign(signing, SIGNATURE_PS256, header, span_of_text("{}"), NOW, &token, &err), &err,
        ERROR_UNAVAILABLE);
    signing_close(signing);
}

static void knows_what_it_signed(void **state)
{
    (void)state;
    struct error err = {0};
    struct signing *signing = open_signing(NOW);
    json_auto_t *header = json_object();
    static const enum signature_scheme schemes[] = {SIGNATURE_RS256, SIGNATURE_ES384,
                                                    SIGNATURE_ES256};
    for (size_t i = 0; i < 3; i++) {
        BUF_AUTO token = BUF_WITH_LIMIT(10000);
        check_ok(signing_sign_with_chain(signing, schemes[i], header, span_of_text("{}"), NOW,
                                         &token, &err),
                 &err);
        JWS_AUTO jws = {0};
        struct jose_chain chain = {0};
        check_ok(jws_read(buf_span(&token), &jws, &err), &err);
        check_ok(signing_check(signing, &jws, &err), &err);
        check_ok(jose_read_chain(jws.header, &chain, &err), &err);
        assert_int_equal(chain.count, 1);
        CERTIFICATE_AUTO *leaf = certificate_from_der(buf_span(&chain.ders[0]), &err);
        PUBLIC_KEY_AUTO *key = public_key_from_spki(certificate_public_key(leaf), &err);
        check_ok(jws_check(&jws, key, (unsigned)schemes[i], &err), &err);
        jose_chain_fini(&chain);
        jws.signature.data[5] ^= 1;
        check_refused(signing_check(signing, &jws, &err), &err, "does not hold");
    }
    signing_close(signing);
}

static void refuses_what_others_signed(void **state)
{
    (void)state;
    struct error err = {0};
    struct signing *signing = open_signing(NOW);
    PRIVATE_KEY_AUTO *other = private_key_new(KEY_P384, 0, &err);
    json_auto_t *set = published(signing);
    json_t *first = json_array_get(json_object_get(set, "keys"), 1);
    static const char *const kids[] = {NULL, "", "unknown", "own"};
    for (size_t i = 0; i < sizeof kids / sizeof kids[0]; i++) {
        BUF_AUTO token = BUF_WITH_LIMIT(10000);
        JWS_AUTO jws = {0};
        json_auto_t *header = json_object();
        if (kids[i])
            assert_int_equal(json_object_set_new(header, "kid", json_string(kids[i])), 0);
        if (i == 3) /* the name of a key does not make a signature */
            assert_int_equal(json_object_set(header, "kid", json_object_get(first, "kid")), 0);
        check_ok(jws_sign(header, span_of_text("{}"), other, SIGNATURE_ES384, &token, &err), &err);
        check_ok(jws_read(buf_span(&token), &jws, &err), &err);
        check_error(signing_check(signing, &jws, &err), &err,
                    kids[i] ? ERROR_REFUSED : ERROR_INVALID);
        JWS_AUTO unsigned_jws = {0};
        buf_truncate(&token, 0);
        check_ok(jws_append_unsigned(header, span_of_text("{}"), &token, &err), &err);
        check_ok(jws_read(buf_span(&token), &unsigned_jws, &err), &err);
        assert_int_equal(signing_check(signing, &unsigned_jws, &err), -1);
    }
    signing_close(signing);
}

static void keeps_its_keys(void **state)
{
    (void)state;
    BUF_AUTO token = BUF_WITH_LIMIT(10000);
    struct signing *signing = open_signing(NOW);
    sign_token(signing, SIGNATURE_RS256, NOW, &token);
    signing_close(signing);
    signing = open_signing(NOW + 60);
    json_auto_t *set = published(signing);
    assert_int_equal(json_array_size(json_object_get(set, "keys")), 3);
    assert_true(verifies(set, &token, SIGNATURE_RS256));
    signing_close(signing);
}

/* The tokens and the published keys of the last day, a step of six hours each. */
#define STEP  (6 * 3600)
#define STEPS 4

struct day {
    json_t *sets[STEPS];
    struct buf token;
};

static void forget_day(struct day *day)
{
    for (size_t i = 0; i < STEPS; i++)
        json_decref(day->sets[i]);
    buf_fini(&day->token);
    *day = (struct day){.token = BUF_WITH_LIMIT(10000)};
}

static void live_through(struct signing *signing, struct day *day, int64_t now, size_t step)
{
    struct error err = {0};
    static const enum signature_scheme schemes[] = {SIGNATURE_RS256, SIGNATURE_ES384,
                                                    SIGNATURE_ES256};
    enum signature_scheme scheme = schemes[step % 2], other = schemes[(step + 1) % 2];
    check_ok(signing_refresh(signing, now, &err), &err);
    json_t *set = published(signing);
    if (day->token.size > 0) /* six hours old, it is valid for two more */
        assert_true(verifies(set, &day->token, other));
    buf_truncate(&day->token, 0);
    sign_token(signing, scheme, now, &day->token);
    if (day->sets[step % STEPS]) /* whoever fetched the keys a day ago knows this one */
        assert_true(verifies(day->sets[step % STEPS], &day->token, scheme));
    assert_true(json_array_size(json_object_get(set, "keys")) <= 6);
    json_decref(day->sets[step % STEPS]);
    day->sets[step % STEPS] = set;
}

static void rotates_without_a_gap(void **state)
{
    (void)state;
    static const int64_t weeks[] = {0, 27, 57, 87}; /* the days around each rotation */
    struct signing *signing = open_signing(NOW);
    struct day day = {.token = BUF_WITH_LIMIT(10000)};
    for (size_t i = 0; i < sizeof weeks / sizeof weeks[0]; i++) {
        for (size_t step = 0; step < 6 * STEPS; step++)
            live_through(signing, &day, NOW + weeks[i] * 86400 + (int64_t)step * STEP, step);
        forget_day(&day);
    }
    signing_close(signing);
}

static void comes_back_after_a_long_sleep(void **state)
{
    (void)state;
    BUF_AUTO token = BUF_WITH_LIMIT(10000);
    signing_close(open_signing(NOW));
    struct signing *signing = open_signing(NOW + 10 * SIGNING_PERIOD);
    json_auto_t *set = published(signing);
    assert_int_equal(json_array_size(json_object_get(set, "keys")), 3);
    sign_token(signing, SIGNATURE_RS256, NOW + 10 * SIGNING_PERIOD, &token);
    assert_true(verifies(set, &token, SIGNATURE_RS256));
    signing_close(signing);
}

static void refuses_keys_that_were_sealed_for_another(void **state)
{
    (void)state;
    struct error err = {0};
    bool made;
    TEXT_AUTO key = text_format("%s/other", folder);
    signing_close(open_signing(NOW));
    struct vault *other = vault_open_file(key, &made, &err);
    assert_non_null(other);
    assert_null(signing_open(store, other, NULL, NOW, &err));
    assert_non_null(strstr(err.text, "another master key"));
    vault_close(other);
}

static void no_private_key_is_in_the_clear(void **state)
{
    (void)state;
    struct error err = {0};
    signing_close(open_signing(NOW));
    struct database_key place = {"service", "signing-keys", "tokens"};
    BUF_AUTO value = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    uint64_t revision;
    check_ok(database_get(store, &place, &value, &revision, &err), &err);
    assert_null(memmem(value.data, value.size, "kty", 3));
}

int main(void)
{
#define WITH_A_STORE(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)
    const struct CMUnitTest tests[] = {
        WITH_A_STORE(signs_by_each_scheme),
        WITH_A_STORE(knows_what_it_signed),
        WITH_A_STORE(refuses_what_others_signed),
        WITH_A_STORE(keeps_its_keys),
        WITH_A_STORE(rotates_without_a_gap),
        WITH_A_STORE(comes_back_after_a_long_sleep),
        WITH_A_STORE(refuses_keys_that_were_sealed_for_another),
        WITH_A_STORE(no_private_key_is_in_the_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
