#include "../check.h"

#include <stdio.h>

#include "image/challenge.h"

static void reads_challenges(void **state)
{
    (void)state;
    struct error err = {0};
    struct challenge challenge;
    check_ok(
        challenge_parse("Bearer realm=\"https://a.io/token\",service=\"s, t\",scope=\"r:x:pull\"",
                        &challenge, &err),
        &err);
    assert_true(challenge.bearer && !challenge.basic);
    assert_string_equal(challenge.realm, "https://a.io/token");
    assert_string_equal(challenge.service, "s, t");
    assert_string_equal(challenge.scope, "r:x:pull");
    check_ok(challenge_parse("bAsIc realm=\"a \\\"b\\\"\"", &challenge, &err), &err);
    assert_true(challenge.basic && !challenge.bearer);
    check_ok(challenge_parse("Negotiate YWJj==, Basic realm=x, BEARER Realm = \"y\" , odd=1",
                             &challenge, &err),
             &err);
    assert_true(challenge.basic && challenge.bearer);
    assert_string_equal(challenge.realm, "y");
    check_ok(challenge_parse("Basic", &challenge, &err), &err);
    assert_true(challenge.basic);
}

static void refuses_malformed_challenges(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        " , ,",
        "Negotiate",
        "Digest realm=\"x\"",
        "Bearer",
        "Bearer service=\"x\"",
        "Bearer realm=\"\"",
        "Bearer realm=\"x",
        "Bearer realm=\"x\\",
        "Bearer realm=\"a\rb\"",
        "Bearer realm=\"a\nX: y\"",
        "Bearer realm=\"a\",realm=\"b\"",
        "realm=\"x\"",
        "=x",
        "Bearer \"realm\"=x",
        "Bearer realm=\"x\" \x01",
        "Bear\xc3\xa9r realm=x",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        struct challenge challenge;
        if (challenge_parse(cases[i], &challenge, &err) == 0)
            fail_msg("\"%s\" was accepted", cases[i]);
        assert_int_equal(err.code, ERROR_INVALID);
    }
}

static void refuses_long_challenges(void **state)
{
    (void)state;
    struct error err;
    struct challenge challenge;
    char text[9000];
    int len = snprintf(text, sizeof text, "Bearer realm=\"");
    memset(text + len, 'x', sizeof text - (size_t)len);
    memcpy(text + len + 2047, "\"", 2);
    check_ok(challenge_parse(text, &challenge, &err), &err);
    text[len + 2047] = 'x';
    memcpy(text + len + 2048, "\"", 2);
    check_error(challenge_parse(text, &challenge, &err), &err, ERROR_INVALID);
    text[len + 2048] = 'x';
    text[len + 2049] = 'x';
    memcpy(text + sizeof text - 2, "\"", 2);
    check_error(challenge_parse(text, &challenge, &err), &err, ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_challenges),
        cmocka_unit_test(refuses_malformed_challenges),
        cmocka_unit_test(refuses_long_challenges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
