/* Reading policies: the shape, and everything that is not of it. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#include "policy/policy.h"
#include "sample.h"

static int parse(const char *text, unsigned int flags, struct error *err)
{
    struct policy *policy;
    int result = policy_parse(span_of_text(text), flags, &policy, err);
    if (result == 0)
        policy_free(policy);
    else
        assert_null(policy);
    return result;
}

static void reads_the_shape(void **state)
{
    struct error err = {0};
    POLICY_AUTO policy = NULL;
    (void)state;
    check_ok(policy_parse(span_of_text(SAMPLE), POLICY_STRICT, &policy, &err), &err);
    assert_string_equal(policy_api_version(policy), "0.10.0");
    assert_string_equal(policy_framework_version(policy), "0.2.3");
    assert_false(policy_allows_all(policy));
    assert_int_equal(policy_container_count(policy), 2);
    const struct policy_container *web = policy_container_at(policy, 0);
    assert_string_equal(policy_container_name(web), "web");
    assert_string_equal(policy_container_command(web).items[2], "80");
    assert_string_equal(policy_container_layers(web).items[1], HASH_B);
    assert_string_equal(policy_container_working_dir(web), "/srv");
    assert_true(policy_container_stdio(web));
    assert_true(policy_container_no_new_privileges(web));
    assert_true(policy_container_elevated(policy_container_at(policy, 1)));
}

static void reads_every_spelling(void **state)
{
    static const char *const good[] = {
        "package policy",
        "# a word first\n  package policy # and after\n\n# the end",
        "package policy\r\napi_version := \"0.10.0\"\r\n",
        "package policy\napi_svn := \"0.10.0\"\nframework_svn := \"0.1.0\"",
        "package policy\ncontainers := [ ]",
        "package policy\nfragments := [\n  # none\n]",
        "package policy\nfragments := [{\"issuer\": `i`, \"feed\": `f`, \"minimum_svn\": 1, "
        "\"includes\": [`containers`,],},]",
        "package policy\nreason := data.framework.reason",
        "package policy\nreason := { \"errors\" : data.framework.errors }",
        "package policy\nreason := {\"errors\": data.framework.errors,\n  \"error_objects\": "
        "data.framework.error_objects}",
        SAMPLE_HEAD "external_processes := [{\"command\":[\"a\"],\"env_rules\":[],"
                    "\"working_dir\":\"/\",\"allow_stdio_access\":true}]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct error err = {0};
        if (parse(good[i], POLICY_STRICT, &err) < 0)
            fail_msg("%zu: %s", i, err.text);
    }
}

static void refuses_what_is_not_of_the_shape(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } bad[] = {
        {"", "line 1"},
        {"api_version := \"0.10.0\"", "line 1"},
        {"package other", "\"other\""},
        {"package policy; package policy", "line 1"},
        {"package policy\nimport data.x", "line 2"},
        {"package policy\nimport future.keywords", "line 2"},
        {"package policy\ndefault allow := false", "line 2"},
        {"package policy\nallow = true", "line 2"},
        {"package policy\nallow { true }", "line 2"},
        {"package policy\n\nmount_device := data.framework.mount_overlay", "line 3"},
        {"package policy\nmount_device := data.policy.mount_device", "line 2"},
        {"package policy\nmount_device := true", "line 2"},
        {"package policy\nmount_device := {\"allowed\": false}", "line 2"},
        {"package policy\nmount_device := {\"allowed\": \"yes\"}", "line 2"},
        {"package policy\nmount_device := data.framework.mount_device { input.x }", "line 2"},
        {"package policy\nsurprise := []", "\"surprise\""},
        {"package policy\nsurprise := data.framework.surprise", "\"surprise\""},
        {"package policy\ncontainers := data.framework.containers", "line 2"},
        {"package policy\ncontainers := {}", "line 2"},
        {"package policy\ncontainers := [1]", "containers[0]"},
        {"package policy\ncontainers := [{}]", "containers[0]"},
        {"package policy\ncontainers := concat([], [])", "line 2"},
        {"package policy\ncontainers := [x | x := 1]", "line 2"},
        {"package policy\ncontainers := [input.x]", "line 2"},
        {"package policy\ncontainers := [\n1,\n2\n", "line 5"},
        {"package policy\ncontainers := [,]", "line 2"},
        {"package policy\ncontainers := [\n,]", "line 3"},
        {"package policy\ncontainers := [1 2]", "line 2: a comma"},
        {"package policy\ncontainers := [1\n2]", "line 3: a comma"},
        {"package policy\ncontainers := [- 1]", "line 2"},
        {"package policy\ncontainers := [[],,]", "line 2"},
        {"package policy\ncontainers := []]", "line 2"},
        {"package policy\ncontainers := [}", "line 2"},
        {"package policy\nfragments := []\nfragments := []", "line 3"},
        {"package policy\nallow_dump_stacks := \"true\"", "allow_dump_stacks"},
        {"package policy\nallow_dump_stacks := 1", "allow_dump_stacks"},
        {"package policy\nallow_dump_stacks := true false", "line 2"},
        {"package policy\nallow_dump_stacks := tru", "line 2"},
        {"package policy\napi_version := 1", "api_version"},
        {"package policy\napi_version := \"1\"", "api_version"},
        {"package policy\napi_version := \"0.10.0\"\napi_svn := \"0.10.0\"", "api_svn"},
        {"package policy\nreason := {\"errors\": [\"x\"]}", "line 2"},
        {"package policy\nreason := {\"errors\": data.framework.errors} x", "line 2"},
        {"package policy\nfragments := [\"a\nb\"]", "line 2"},
        {"package policy\nfragments := [`a", "line 2"},
        {"package policy\nfragments := [\"\\ud800\"]", "line 2"},
        {"package policy\nfragments := [{\"issuer\":\"a\",\"issuer\":\"b\"}]", "line 2"},
        {"package policy\nfragments := [{\"issuer\":\"a\",\n\"\\u0069ssuer\":\"b\"}]", "line 3"},
        {"package policy\nfragments := [{\"issuer\":\"a\",\"feed\":\"b\",\"minimum_svn\":\"1\","
         "\"includes\":[],\"x\":1}]",
         "\"x\""},
        {"package policy\nframework_version := \"0.2.3\"\nplatform_rules := []", "platform_rules"},
        {"package policy\nfragments := [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]", "deep"},
        {"package policy\n\xff", "UTF-8"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        if (parse(bad[i].text, POLICY_ALLOW_ALL, &err) == 0)
            fail_msg("%zu was read: %s", i, bad[i].text);
        if (!strstr(err.text, bad[i].words))
            fail_msg("%zu: \"%s\" does not hold \"%s\"", i, err.text, bad[i].words);
    }
}

/* Replaces the first occurrence of `old` in the sample. */
static char *spoil(const char *old, const char *new)
{
    const char *at = strstr(SAMPLE, old);
    char *text = malloc(sizeof SAMPLE + 1024);
    if (!at || !text)
        abort();
    size_t before = (size_t)(at - SAMPLE);
    memcpy(text, SAMPLE, before);
    (void)snprintf(text + before, sizeof SAMPLE + 1024 - before, "%s%s", new, at + strlen(old));
    return text;
}

static void refuses_spoiled_containers(void **state)
{
    static const struct {
        const char *old, *new, *words;
    } bad[] = {
        {"\"command\":[\"/bin/web\"", "\"command\":[7,\"/bin/web\"", "containers[0]"},
        {"\"command\":[", "\"kommand\":[", "\"kommand\""},
        {"\"env_rules\":[{", "\"env_rules\":[7,{", "env_rules[0]"},
        {"\"strategy\":\"string\"", "\"strategy\":\"glob\"", "\"glob\""},
        {"\"strategy\":\"string\"", "\"strategy\":\"any\"", "\"any\""},
        {"\"required\":true", "\"required\":\"yes\"", "required"},
        {"\"required\":true", "\"required\":true,\"name\":\"x\"", "both"},
        {"\"layers\":[", "\"layers\":[null,", "layers"},
        {"\"source\":\"sandbox:", "\"source\":\"sandbox://sandbox:", "twice"},
        {"\"type\":\"bind\"", "\"type\":true", "mounts[0]"},
        {"\"type\":\"bind\"", "\"type\":\"bind\",\"propagation\":\"x\"", "\"propagation\""},
        {"\"signals\":[9]", "\"signals\":[9.5]", "no integer"},
        {"\"signals\":[10]", "\"signals\":[-1]", "signals[0]"},
        {"\"signals\":[10]", "\"signals\":[1e3]", "no integer"},
        {"\"signals\":[10],", "", "signals"},
        {"\"allow_elevated\":false", "\"allow_elevated\":0", "allow_elevated"},
        {"\"allow_stdio_access\":true,", "", "allow_stdio_access"},
        {"\"no_new_privileges\":true,", "", "no_new_privileges"},
        {"\"working_dir\":\"/srv\"", "\"working_dir\":null", "working_dir"},
        {"\"seccomp_profile_sha256\":\"\",", "", "seccomp_profile_sha256"},
        {"\"bounding\":[", "\"bounding\":[1,", "capabilities"},
        {"\"ambient\":[]", "\"ambient\":[],\"extra\":[]", "\"extra\""},
        {"\"umask\":\"0022\"", "\"umask\":18", "umask"},
        {"\"strategy\":\"name\"", "\"strategy\":\"string\"", "\"string\""},
        {"\"user\":{", "\"user\":null,\"usr\":{", "\"usr\""},
        {"\"user\":{", "\"user\":null,\"id\":{", "\"id\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        char *text = spoil(bad[i].old, bad[i].new);
        if (parse(text, POLICY_STRICT, &err) == 0)
            fail_msg("%zu was read: %s", i, bad[i].new);
        if (!strstr(err.text, bad[i].words) || !strstr(err.text, "line "))
            fail_msg("%zu: \"%s\" does not hold \"%s\"", i, err.text, bad[i].words);
        free(text);
    }
}

static void refuses_allow_all_unless_asked_for(void **state)
{
    static const char text[] = SAMPLE_HEAD "mount_device := {\"allowed\": true}\n"
                                           "create_container := {\"allowed\": true, \"env_list\": "
                                           "null, \"allow_stdio_access\": true}\n";
    static const char listed[] = SAMPLE_HEAD
        "create_container := {\"allowed\": true, \"env_list\": [\"A=1\"]}\n";
    struct error err = {0};
    POLICY_AUTO policy = NULL;
    (void)state;
    check_refused(parse(text, POLICY_STRICT, &err), &err, "line 9: mount_device");
    check_refused(parse(listed, POLICY_ALLOW_ALL, &err), &err, "hand-written");
    check_ok(policy_parse(span_of_text(text), POLICY_ALLOW_ALL, &policy, &err), &err);
    assert_true(policy_allows_all(policy));
}

static void refuses_sizes_out_of_bounds(void **state)
{
    struct error err = {0};
    struct policy *policy;
    char *text = malloc(POLICY_SIZE_MAX + 1);
    (void)state;
    memset(text, '\n', POLICY_SIZE_MAX + 1);
    memcpy(text, "package policy", 14);
    check_error(policy_parse(span_of(text, POLICY_SIZE_MAX + 1), 0, &policy, &err), &err,
                ERROR_LIMIT);
    check_ok(policy_parse(span_of(text, POLICY_SIZE_MAX), 0, &policy, &err), &err);
    policy_free(policy);
    text[20] = '\0';
    check_error(policy_parse(span_of(text, 64), 0, &policy, &err), &err, ERROR_INVALID);
    free(text);
}

/* Cut anywhere but between two statements, the text is refused; it never crashes. */
static void survives_truncation_everywhere(void **state)
{
    size_t read = 0;
    (void)state;
    for (size_t size = 0; size < sizeof SAMPLE - 1; size++) {
        struct error err = {0};
        struct policy *policy;
        char *text = malloc(size + 1); /* its own bytes, so that a sanitizer sees an overrun */
        memcpy(text, SAMPLE, size);
        if (policy_parse(span_of(text, size), POLICY_STRICT, &policy, &err) == 0) {
            policy_free(policy);
            read++;
        } else {
            assert_true(err.text[0] != '\0');
        }
        free(text);
    }
    /* At most at the ends of lines, where a shorter policy is left, and within trailing blanks. */
    assert_true(read < 80);
}

static void survives_flipped_bits(void **state)
{
    (void)state;
    char *text = malloc(sizeof SAMPLE);
    for (size_t i = 0; i < sizeof SAMPLE - 1; i++) {
        struct error err = {0};
        struct policy *policy;
        memcpy(text, SAMPLE, sizeof SAMPLE);
        text[i] = (char)(text[i] ^ (1 << (i % 7)));
        if (policy_parse(span_of(text, sizeof SAMPLE - 1), POLICY_STRICT, &policy, &err) == 0)
            policy_free(policy);
        else
            assert_true(err.text[0] != '\0');
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_shape),
        cmocka_unit_test(reads_every_spelling),
        cmocka_unit_test(refuses_what_is_not_of_the_shape),
        cmocka_unit_test(refuses_spoiled_containers),
        cmocka_unit_test(refuses_allow_all_unless_asked_for),
        cmocka_unit_test(refuses_sizes_out_of_bounds),
        cmocka_unit_test(survives_truncation_everywhere),
        cmocka_unit_test(survives_flipped_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
