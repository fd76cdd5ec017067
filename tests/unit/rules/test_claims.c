#include "policy.h"

static int add_text(struct claims *claims, const char *type, const char *value)
{
    return claims_add_text(claims, type, value, CLAIM_CUSTOM, &err);
}

static void json_becomes_claims_and_json_again(void **state)
{
    (void)state;
    CLAIMS_AUTO claims = {0};
    claims_of(
        "{\"t\":\"text\",\"i\":-7,\"b\":false,\"n\":null,\"list\":[1,\"a\",true,null],\"one\":"
        "[5],\"none\":[],\"o\":{\"k\":[1]},\"mixed\":[1,[2]],\"r\":1.5}",
        &claims);
    assert_int_equal(claims.count, 10);
    json_auto_t *back = claims_to_json(&claims, &err);
    json_auto_t *expected = json_loads(
        "{\"t\":\"text\",\"i\":-7,\"b\":false,\"list\":[1,\"a\",true],"
        "\"one\":5,\"o\":\"{\\\"k\\\":[1]}\",\"mixed\":\"[1,[2]]\",\"r\":"
        "\"1.5\"}",
        0, NULL);
    assert_true(json_equal(back, expected));
}

static void claims_of_one_type_become_an_array(void **state)
{
    (void)state;
    CLAIMS_AUTO claims = {0};
    check_ok(add_text(&claims, "a", "x"), &err);
    check_ok(add_text(&claims, "a", "x"), &err);
    check_ok(claims_add_integer(&claims, "a", INT64_MIN, CLAIM_SERVICE, &err), &err);
    json_auto_t *json = claims_to_json(&claims, &err);
    assert_int_equal(json_array_size(json_object_get(json, "a")), 3);
    assert_ptr_equal(claims_find(&claims, "a"), &claims.at[0]);
    assert_null(claims_find(&claims, "b"));
}

static void refuses_what_is_no_claim(void **state)
{
    (void)state;
    CLAIMS_AUTO claims = {0};
    BUF_AUTO type = BUF_WITH_LIMIT(CLAIM_TYPE_MAX + 1);
    check_error(add_text(&claims, "", "x"), &err, ERROR_INVALID);
    check_error(add_text(&claims, "a", "\xff"), &err, ERROR_INVALID);
    check_error(add_text(&claims, "\xff", "a"), &err, ERROR_INVALID);
    check_ok(buf_append_zero(&type, CLAIM_TYPE_MAX + 1, &err), &err);
    memset(type.data, 'a', type.size);
    check_error(add_text(&claims, buf_text(&type), "x"), &err, ERROR_LIMIT);
    json_auto_t *real = json_real(1.5);
    json_auto_t *name = json_string("a");
    const struct claim wrong = {name, real, CLAIM_SERVICE, false};
    check_error(claims_add(&claims, &wrong, &err), &err, ERROR_INVALID);
    assert_int_equal(claims.count, 0);
}

static void a_set_is_bounded(void **state)
{
    (void)state;
    CLAIMS_AUTO claims = {0};
    for (size_t i = 0; i < CLAIMS_MAX; i++)
        check_ok(claims_add_boolean(&claims, "a", true, CLAIM_SERVICE, &err), &err);
    check_error(add_text(&claims, "b", "x"), &err, ERROR_LIMIT);
    CLAIMS_AUTO more = {0};
    check_ok(claims_add_all(&more, &claims, &err), &err);
    check_error(claims_add_all(&more, &claims, &err), &err, ERROR_LIMIT);
}

static void names_are_the_languages(void **state)
{
    (void)state;
    enum claim_kind kind;
    json_auto_t *integer = json_integer(1);
    assert_string_equal(claim_issuer_name(CLAIM_SERVICE), "AttestationService");
    assert_string_equal(claim_issuer_name(CLAIM_POLICY), "AttestationPolicy");
    assert_string_equal(claim_issuer_name(CLAIM_CUSTOM), "CustomClaim");
    assert_string_equal(claim_issuer_name(CLAIM_ISSUER_COUNT), "");
    assert_string_equal(claim_kind_name(CLAIM_BOOLEAN), "Boolean");
    assert_true(claim_kind_of(integer, &kind));
    assert_int_equal(kind, CLAIM_INTEGER);
    assert_false(claim_kind_of(NULL, &kind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_becomes_claims_and_json_again),
        cmocka_unit_test(claims_of_one_type_become_an_array),
        cmocka_unit_test(refuses_what_is_no_claim),
        cmocka_unit_test(a_set_is_bounded),
        cmocka_unit_test(names_are_the_languages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
