#include "../check.h"

#include "image/helper.h"
#include "scratch.h"

#define HOST "r.io:5000"

static char path_before[4096];

/* docker-credential-fake is a script of these words, and the first in PATH. */
static void install(const char *words)
{
    TEXT_AUTO script = text_format("#!/bin/sh\n%s\n", words);
    TEXT_AUTO path = scratch_write("docker-credential-fake", span_of_text(script));
    TEXT_AUTO search = text_format("%s:%s", scratch, path_before);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(setenv("PATH", search, 1), 0);
}

static int ask(struct credentials *out, struct error *err)
{
    credentials_init(out);
    return helper_get("fake", HOST, 5000, out, err);
}

static void asks_by_the_protocol(void **state)
{
    (void)state;
    struct error err = {0};
    CREDENTIALS_AUTO credentials;
    install("[ \"$*\" = get ] || exit 2\n[ \"$(cat)\" = " HOST " ] || exit 3\n"
            "echo '{\"ServerURL\":\"" HOST "\",\"Username\":\"ann\",\"Secret\":\"s3cret:x\"}'");
    int found = ask(&credentials, &err);
    if (found != 1)
        fail_msg("%d %s", found, err.text);
    assert_true(credentials.found);
    assert_string_equal(buf_text(&credentials.user), "ann");
    assert_string_equal(buf_text(&credentials.password), "s3cret:x");
    assert_int_equal(credentials.identity_token.size, 0);
}

static void takes_an_identity_token(void **state)
{
    (void)state;
    struct error err = {0};
    CREDENTIALS_AUTO credentials;
    credentials_init(&credentials);
    check_ok(helper_parse(span_of_text("{\"Username\":\"<token>\",\"Secret\":\"t0ken\"}"),
                          &credentials, &err),
             &err);
    assert_string_equal(buf_text(&credentials.identity_token), "t0ken");
    assert_int_equal(credentials.user.size, 0);
}

static void has_none_where_the_helper_says_so(void **state)
{
    (void)state;
    static const char *const scripts[] = {
        "echo credentials not found in native keychain; exit 1",
        "echo '{\"Username\":\"\",\"Secret\":\"\"}'",
    };
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct error err = {0};
        CREDENTIALS_AUTO credentials;
        install(scripts[i]);
        assert_int_equal(ask(&credentials, &err), 0);
        assert_false(credentials.found);
    }
}

static void says_why_a_helper_gave_none(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"echo the keychain is locked; exit 1", "the keychain is locked"},
        {"echo -n; exit 7", "without a word"},
        {"kill -9 $$", "without a word"},
        {"cat /dev/zero", "limit"},
        {"echo '{'", "JSON"},
        {"echo '{\"Username\":\"a\"}'", "Secret"},
        {"echo '{\"Username\":\"a\",\"Secret\":7}'", "Secret"},
        {"echo '{\"Username\":\"a:b\",\"Secret\":\"x\"}'", "colon"},
        {"printf %s '{\"Username\":\"a\",\"Secret\":\"x\\ny\"}'", "control character"},
        {"printf %s '{\"Username\":\"<token>\",\"Secret\":\"x\\ty\"}'", "control character"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err;
        CREDENTIALS_AUTO credentials;
        install(cases[i][0]);
        check_refused(ask(&credentials, &err), &err, cases[i][1]);
        assert_non_null(strstr(err.text, "docker-credential-fake"));
        assert_false(credentials.found);
    }
}

static void ends_a_helper_that_does_not_answer(void **state)
{
    (void)state;
    struct error err;
    CREDENTIALS_AUTO credentials;
    install("exec sleep 60");
    credentials_init(&credentials);
    check_refused(helper_get("fake", HOST, 100, &credentials, &err), &err, "in time");
}

static void names_a_helper_that_is_not_installed(void **state)
{
    (void)state;
    struct error err;
    CREDENTIALS_AUTO credentials;
    credentials_init(&credentials);
    check_refused(helper_get("no-such", HOST, 5000, &credentials, &err), &err,
                  "docker-credential-no-such is not installed");
}

/* The document, and what is found with a helper that has or hasn't something. */
static void prefers_the_helper_to_the_file(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"echo '{\"Username\":\"helped\",\"Secret\":\"1\"}'", "helped", "docker-credential-fake"},
        {"echo credentials not found in native keychain; exit 1", "a", "config.json"},
        {"echo broken; exit 1", "a", "config.json"},
    };
    scratch_put("docker/config.json",
                span_of_text("{\"credsStore\":\"fake\",\"auths\":{\"r.io\":{\"auth\":\"YTox\"}}}"));
    TEXT_AUTO folder = text_format("%s/docker", scratch);
    assert_int_equal(setenv("DOCKER_CONFIG", folder, 1) | setenv("HOME", scratch, 1) |
                         unsetenv("XDG_RUNTIME_DIR") | unsetenv("XDG_CONFIG_HOME") |
                         unsetenv("REGISTRY_AUTH_FILE"),
                     0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        CREDENTIALS_AUTO credentials;
        install(cases[i][0]);
        check_ok(credentials_find("r.io", "app", &credentials, &err), &err);
        assert_string_equal(buf_text(&credentials.user), cases[i][1]);
        assert_non_null(strstr(credentials.origin, cases[i][2]));
        assert_int_equal(*credentials.problem != '\0', i == 2);
    }
}

#define test(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
    const char *path = getenv("PATH");
    (void)snprintf(path_before, sizeof path_before, "%s", path ? path : "/usr/bin:/bin");
    const struct CMUnitTest tests[] = {
        test(asks_by_the_protocol),
        test(takes_an_identity_token),
        test(has_none_where_the_helper_says_so),
        test(says_why_a_helper_gave_none),
        test(ends_a_helper_that_does_not_answer),
        test(names_a_helper_that_is_not_installed),
        test(prefers_the_helper_to_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
