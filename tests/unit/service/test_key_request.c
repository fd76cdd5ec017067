/* What clients send to /keys: read as it is meant, or refused with the member. */
#include "../check.h"

#include "base/base64.h"
#include "base/text.h"
#include "service/key_request.h"

typedef int read_request(struct span body, struct key_request *out, struct error *err);

#define POLICY                                                                                     \
    "{\"version\":\"1.0.0\",\"anyOf\":[{\"authority\":\"https://a\",\"allOf\":[{\"claim\":\"c\","  \
    "\"equals\":\"v\"}]}]}"

static void reads_a_whole_request(void **state)
{
    (void)state;
    struct error err = {0};
    KEY_REQUEST_AUTO request;
    BUF_AUTO data = BUF_WITH_LIMIT(1000);
    key_request_init(&request);
    check_ok(base64url_encode(span_of_text(POLICY), &data, &err), &err);
    TEXT_AUTO body = text_format(
        "{\"kty\":\"RSA-HSM\",\"key_size\":3072,\"key_ops\":[\"sign\",\"export\"],\"tags\":{\"a\":"
        "\"b\"},\"attributes\":{\"enabled\":false,\"exp\":20,\"nbf\":10,\"exportable\":true},"
        "\"public_exponent\":65537,\"release_policy\":{\"contentType\":\"Application/JSON\","
        "\"data\":\"%s\",\"immutable\":true}}",
        buf_text(&data));
    check_ok(key_request_read_create(span_of_text(body), &request, &err), &err);
    assert_int_equal(request.type, KEY_TYPE_RSA);
    assert_true(request.is_hsm);
    assert_int_equal(request.bits, 3072);
    const struct key_settings *settings = &request.settings;
    assert_true(settings->sets_enabled && !settings->attributes.enabled);
    assert_true(settings->sets_exportable && settings->attributes.exportable);
    assert_int_equal(settings->attributes.expires, 20);
    assert_int_equal(settings->attributes.not_before, 10);
    assert_int_equal(json_array_size(settings->operations), 2);
    assert_true(settings->sets_rule && settings->sets_immutable && settings->rule.immutable);
    assert_string_equal(buf_text(&settings->rule.text), POLICY);
    assert_string_equal(settings->rule.content_type, "Application/JSON");
}

static void what_is_not_said_is_not_set(void **state)
{
    (void)state;
    struct error err = {0};
    static const struct {
        const char *body;
        enum key_type type;
        unsigned bits;
        enum key_kind kind;
    } cases[] = {
        {"{\"kty\":\"oct\"}", KEY_TYPE_OCT, 256, KEY_RSA},
        {"{\"kty\":\"RSA\"}", KEY_TYPE_RSA, 2048, KEY_RSA},
        {"{\"kty\":\"EC\"}", KEY_TYPE_EC, 0, KEY_P256},
        {"{\"kty\":\"EC-HSM\",\"crv\":\"P-521\"}", KEY_TYPE_EC, 0, KEY_P521},
        {"{\"kty\":\"oct-HSM\",\"key_size\":128}", KEY_TYPE_OCT, 128, KEY_RSA},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        KEY_REQUEST_AUTO request;
        key_request_init(&request);
        check_ok(key_request_read_create(span_of_text(cases[i].body), &request, &err), &err);
        assert_int_equal(request.type, cases[i].type);
        assert_int_equal(request.bits, cases[i].bits);
        assert_int_equal(request.kind, cases[i].kind);
        assert_false(request.settings.sets_enabled || request.settings.sets_exportable ||
                     request.settings.sets_expires || request.settings.sets_not_before ||
                     request.settings.sets_rule || request.settings.sets_immutable);
        assert_null(request.settings.operations);
        assert_null(request.settings.tags);
    }
    KEY_REQUEST_AUTO update;
    key_request_init(&update);
    check_ok(
        key_request_read_update(span_of_text("{\"attributes\":{\"exp\":null}}"), &update, &err),
        &err);
    assert_true(update.settings.sets_expires);
    assert_int_equal(update.settings.attributes.expires, 0);
}

static void imports_an_oct_key(void **state)
{
    (void)state;
    struct error err = {0};
    KEY_REQUEST_AUTO request;
    key_request_init(&request);
    static const char body[] =
        "{\"hsm\":true,\"key\":{\"kty\":\"oct\",\"k\":\"AAECAw\",\"key_ops\":"
        "[\"wrapKey\"]}}";
    check_ok(key_request_read_import(span_of_text(body), &request, &err), &err);
    assert_true(request.jwk.is_oct && request.is_hsm);
    assert_int_equal(request.jwk.secret.size, 4);
    assert_int_equal(json_array_size(request.settings.operations), 1);
}

static void refuses_with_the_member(void **state)
{
    (void)state;
    static const struct {
        read_request *read;
        const char *body, *said;
    } cases[] = {
        {key_request_read_create, "", "the request"},
        {key_request_read_create, "[]", "an object"},
        {key_request_read_create, "{}", "kty"},
        {key_request_read_create, "{\"kty\":null}", "kty"},
        {key_request_read_create, "{\"kty\":\"oct\",\"kty\":\"oct\"}", "duplicate"},
        {key_request_read_create, "{\"kty\":\"OCT\"}", "OCT"},
        {key_request_read_create, "{\"kty\":\"oct\",\"ktyp\":1}", "ktyp"},
        {key_request_read_create, "{\"kty\":\"oct\",\"key_size\":255}", "255"},
        {key_request_read_create, "{\"kty\":\"RSA\",\"key_size\":8192}", "8192"},
        {key_request_read_create, "{\"kty\":\"RSA\",\"crv\":\"P-256\"}", "crv"},
        {key_request_read_create, "{\"kty\":\"EC\",\"key_size\":256}", "key_size"},
        {key_request_read_create, "{\"kty\":\"EC\",\"crv\":\"P-224\"}", "P-224"},
        {key_request_read_create, "{\"kty\":\"RSA\",\"public_exponent\":3}", "public_exponent"},
        {key_request_read_create, "{\"kty\":\"oct\",\"key_ops\":\"sign\"}", "key_ops"},
        {key_request_read_create, "{\"kty\":\"oct\",\"key_ops\":[1]}", "key_ops"},
        {key_request_read_create, "{\"kty\":\"oct\",\"tags\":{\"a\":null}}", "tags"},
        {key_request_read_create, "{\"kty\":\"oct\",\"attributes\":{\"nbf\":0}}", "nbf"},
        {key_request_read_create, "{\"kty\":\"oct\",\"attributes\":{\"nbf\":1.5}}", "nbf"},
        {key_request_read_create, "{\"kty\":\"oct\",\"attributes\":{\"id\":1}}", "id"},
        {key_request_read_create, "{\"kty\":\"oct\",\"release_policy\":{\"data\":\"\"}}", "data"},
        {key_request_read_create, "{\"kty\":\"oct\",\"release_policy\":{\"data\":\"e30\"}}",
         "release policy"},
        {key_request_read_import, "{\"key\":1}", "key"},
        {key_request_read_import, "{\"key\":{\"kty\":\"oct\"}}", "\"k\""},
        {key_request_read_import, "{\"key\":{\"kty\":\"EC\",\"crv\":\"P-256\"}}", "\"x\""},
        {key_request_read_import, "{\"key\":{\"kty\":\"oct\",\"k\":\"AA\"},\"hsm\":1}", "hsm"},
        {key_request_read_import, "{\"key\":{\"kty\":\"oct\",\"k\":\"AA\"},\"key_ops\":[]}",
         "key_ops"},
        {key_request_read_import, "{\"key\":{\"kty\":\"oct\",\"key_hsm\":\"AA\"}}", "key_hsm"},
        {key_request_read_update, "{\"kty\":\"oct\"}", "kty"},
        {key_request_read_update, "{\"attributes\":1}", "attributes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        KEY_REQUEST_AUTO request;
        key_request_init(&request);
        check_refused(cases[i].read(span_of_text(cases[i].body), &request, &err), &err,
                      cases[i].said);
    }
}

static void reads_a_release(void **state)
{
    (void)state;
    struct error err = {0};
    RELEASE_REQUEST_AUTO request = {0};
    check_ok(release_request_read(span_of_text("{\"target\":\"t\"}"), &request, &err), &err);
    assert_string_equal(request.target, "t");
    assert_null(request.nonce);
    assert_int_equal(request.wrap, RSA_AES_KEY_WRAP_256);
    RELEASE_REQUEST_AUTO more = {0};
    static const char body[] =
        "{\"target\":\"t\",\"nonce\":\"n\",\"enc\":\"CKM_RSA_AES_KEY_WRAP\"}";
    check_ok(release_request_read(span_of_text(body), &more, &err), &err);
    assert_string_equal(more.nonce, "n");
    assert_int_equal(more.wrap, CKM_RSA_AES_KEY_WRAP);
    static const char *const wrong[] = {"{}",
                                        "{\"target\":null}",
                                        "{\"target\":\"t\",\"enc\":\"RSA-OAEP\"}",
                                        "{\"target\":\"t\",\"enc\":null}",
                                        "{\"target\":\"t\",\"nonce\":1}",
                                        "{\"target\":\"t\\u0000\"}",
                                        "{\"target\":\"t\",\"Enc\":\"x\"}",
                                        "{\"target\":\"t\"} x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        RELEASE_REQUEST_AUTO refused = {0};
        check_error(release_request_read(span_of_text(wrong[i]), &refused, &err), &err,
                    ERROR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_whole_request), cmocka_unit_test(what_is_not_said_is_not_set),
        cmocka_unit_test(imports_an_oct_key),    cmocka_unit_test(refuses_with_the_member),
        cmocka_unit_test(reads_a_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
