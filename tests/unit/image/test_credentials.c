#include "../check.h"

#include "image/credentials.h"
#include "image/registries.h"

static int parse(const char *text, const char *host, struct credentials *out, struct error *err)
{
    return credentials_parse(span_of_text(text), host, "team/app", out, err);
}

static void finds_the_longest_key_that_fits(void **state)
{
    (void)state;
    /* YTox = a:1, Yjoy = b:2, Yzo6Mw== = c::3 */
    static const char text[] =
        "{\"auths\":{\"r.io\":{\"auth\":\"YTox\"},\"r.io/team\":{\"auth\":\"Yjoy\"},"
        "\"r.io/team/other\":{\"auth\":\"YTox\"},"
        "\"https://index.docker.io/v1/\":{\"auth\":\"Yzo6Mw==\"}}}";
    struct error err = {0};
    CREDENTIALS_AUTO credentials = {0};
    check_ok(parse(text, "r.io", &credentials, &err), &err);
    assert_string_equal(buf_text(&credentials.user), "b");
    credentials_fini(&credentials);
    check_ok(parse(text, "docker.io", &credentials, &err), &err);
    assert_string_equal(buf_text(&credentials.user), "c");
    assert_string_equal(buf_text(&credentials.password), ":3");
    credentials_fini(&credentials);
    check_ok(parse(text, "evil-r.io", &credentials, &err), &err);
    assert_false(credentials.found);
    check_ok(parse(text, "r.io.evil", &credentials, &err), &err);
    assert_false(credentials.found);
}

static void names_the_helper_of_a_registry(void **state)
{
    (void)state;
    static const char text[] =
        "{\"credsStore\":\"pass\",\"credHelpers\":{\"r.io\":\"ecr-login\",\"plain.io\":\"\","
        "\"https://index.docker.io/v1/\":\"hub_1.0\"},\"auths\":{\"r.io\":{}}}";
    static const char *const cases[][2] = {
        {"r.io", "ecr-login"}, {"plain.io", ""}, {"docker.io", "hub_1.0"}, {"other.io", "pass"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        CREDENTIALS_AUTO credentials = {0};
        check_ok(parse(text, cases[i][0], &credentials, &err), &err);
        assert_string_equal(credentials.helper, cases[i][1]);
        assert_false(credentials.found);
    }
}

static void refuses_malformed_credentials(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "[]",
        "{\"auths\":[]}",
        "{\"auths\":{\"r.io\":[]}}",
        "{\"auths\":{\"r.io\":{\"auth\":7}}}",
        "{\"auths\":{\"r.io\":{\"auth\":\"YTox\"},\"r.io\":{}}}",
        "{\"auths\":{\"r.io\":{\"auth\":\"YTo\"}}}",      /* no padding */
        "{\"auths\":{\"r.io\":{\"auth\":\"YWI=\"}}}",     /* no colon */
        "{\"auths\":{\"r.io\":{\"auth\":\"YTpiCmM=\"}}}", /* a newline */
        "{\"credHelpers\":7}",
        "{\"credHelpers\":{\"r.io\":7}}",
        "{\"credsStore\":7}",
        "{\"credsStore\":\"../../tmp/x\"}",
        "{\"credsStore\":\"a/b\"}",
        "{\"credsStore\":\"a b\"}",
        "{\"credsStore\":\"-rf\"}",
        "{\"credsStore\":\"..\"}",
        "{\"credsStore\":\"a;b\"}",
        "{\"credsStore\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
        "{\"auths\":{\"r.io\":{\"identitytoken\":\"a\\nb\"}}}",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        CREDENTIALS_AUTO credentials = {0};
        if (parse(cases[i], "r.io", &credentials, &err) == 0)
            fail_msg("%s was accepted", cases[i]);
        assert_false(credentials.found);
    }
}

static void mirrors_come_before_the_registry(void **state)
{
    (void)state;
    static const char text[] = "{\"registries\":{\"docker.io\":{\"mirrors\":[\"m.io:5000\","
                               "\"http://10.0.0.7/hub/x/\"]},\"l.io\":{\"http\":true}}}";
    struct error err = {0};
    struct endpoint endpoints[ENDPOINTS_MAX];
    size_t count;
    REGISTRIES_AUTO registries = registries_parse(span_of_text(text), &err);
    assert_non_null(registries);
    check_ok(registries_endpoints(registries, "docker.io", endpoints, &count, &err), &err);
    assert_int_equal(count, 3);
    assert_string_equal(endpoints[0].host, "m.io:5000");
    assert_true(!endpoints[0].http && endpoints[1].http && !endpoints[2].http);
    assert_string_equal(endpoints[1].prefix, "/hub/x");
    assert_string_equal(endpoints[2].host, "registry-1.docker.io");
    check_ok(registries_endpoints(registries, "l.io", endpoints, &count, &err), &err);
    assert_true(count == 1 && endpoints[0].http);
    check_ok(registries_endpoints(registries, "x.io", endpoints, &count, &err), &err);
    assert_true(count == 1 && !endpoints[0].http);
}

static void refuses_malformed_registries(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "{}",
        "{\"registries\":[]}",
        "{\"registries\":{},\"more\":1}",
        "{\"registries\":{\"x\":7}}",
        "{\"registries\":{\"x\":{\"http\":1}}}",
        "{\"registries\":{\"x\":{\"verify\":false}}}",
        "{\"registries\":{\"x\":{\"mirrors\":\"m.io\"}}}",
        "{\"registries\":{\"x\":{\"mirrors\":[\"\"]}}}",
        "{\"registries\":{\"x\":{\"mirrors\":[\"ftp://m.io\"]}}}",
        "{\"registries\":{\"x\":{\"mirrors\":[\"http://\"]}}}",
        "{\"registries\":{\"x\":{\"mirrors\":[\"u@m.io\"]}}}",
        "{\"registries\":{\"x\":{\"mirrors\":[\"m.io/../v2\"]}}}",
        "{\"registries\":{\"x\":{\"mirrors\":[\"m.io/a?b\"]}}}",
        "{\"registries\":{\"x\":{\"mirrors\":[\"m.io:99999\"]}}}",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        REGISTRIES_AUTO registries = registries_parse(span_of_text(cases[i]), &err);
        if (registries)
            fail_msg("%s was accepted", cases[i]);
        assert_true(err.text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_longest_key_that_fits),
        cmocka_unit_test(names_the_helper_of_a_registry),
        cmocka_unit_test(refuses_malformed_credentials),
        cmocka_unit_test(mirrors_come_before_the_registry),
        cmocka_unit_test(refuses_malformed_registries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
