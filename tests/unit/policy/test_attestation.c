/* What a policy says of secrets: read, written, told, and refused where it says it badly. */
#include "../check.h"

#include <stdio.h>

#include "policy/capabilities.h"
#include "policy/describe.h"
#include "policy/generate.h"
#include "sample.h"

#define ROW                                                                                        \
    "{\"name\":\"db\",\"command\":[\"/bin/db\"],\"env_rules\":[],\"layers\":[\"" HASH_A            \
    "\"],\"mounts\":[],\"exec_processes\":[],\"signals\":[],\"allow_elevated\":false,"             \
    "\"allow_stdio_access\":true,\"no_new_privileges\":false,\"working_dir\":\"/\","               \
    "\"seccomp_profile_sha256\":\"\",\"capabilities\":null," SAMPLE_USER("", "any") "}"

#define SERVICE "{\"roots\":\"PEM\",\"url\":\"https://kbs.example:8443\"}"
#define FILE_SECRET                                                                                \
    "{\"container\":0,\"mode\":256,\"owner\":7,\"path\":\"/run/secrets/"                           \
    "db\",\"resource\":\"default/secret/db\",\"service\":0}"
#define VARIABLE_SECRET                                                                            \
    "{\"container\":0,\"resource\":\"default/secret/"                                              \
    "pw\",\"service\":0,\"variable\":\"DB_PASSWORD\"}"

#define DEFINITION(secrets, services)                                                              \
    "caisson_attestation := {\"api\":true,\"secrets\":[" secrets "],\"services\":[" services "]}"
#define POLICY(definition)                                                                         \
    SAMPLE_HEAD "fragments := []\n\ncontainers := [" ROW "]\n\n" definition "\n" SAMPLE_TAIL

static struct policy *parse(const char *text)
{
    struct error err = {0};
    struct policy *policy = NULL;
    check_ok(policy_parse(span_of_text(text), POLICY_STRICT, &policy, &err), &err);
    return policy;
}

static void says_nothing_where_there_is_no_definition(void **state)
{
    (void)state;
    POLICY_AUTO policy = parse(POLICY(""));
    assert_null(policy_get_attestation(policy));
}

static void reads_what_goes_where(void **state)
{
    (void)state;
    POLICY_AUTO policy = parse(POLICY(DEFINITION(FILE_SECRET "," VARIABLE_SECRET, SERVICE)));
    const struct policy_attestation *attestation = policy_get_attestation(policy);
    assert_non_null(attestation);
    assert_true(attestation->api);
    assert_int_equal(attestation->service_count, 1);
    assert_string_equal(attestation->services[0].url, "https://kbs.example:8443");
    assert_string_equal(attestation->services[0].roots, "PEM");
    assert_int_equal(attestation->secret_count, 2);
    const struct policy_secret *file = &attestation->secrets[0];
    assert_string_equal(file->path, "/run/secrets/db");
    assert_null(file->variable);
    assert_int_equal(file->mode, 0400);
    assert_int_equal(file->owner, 7);
    assert_string_equal(attestation->secrets[1].variable, "DB_PASSWORD");
    assert_null(attestation->secrets[1].path);
}

static void tells_it_in_words(void **state)
{
    (void)state;
    POLICY_AUTO policy = parse(POLICY(DEFINITION(FILE_SECRET "," VARIABLE_SECRET, SERVICE)));
    BUF_AUTO page = BUF_WITH_LIMIT(65536);
    struct error err = {0};
    check_ok(policy_describe(policy, &page, &err), &err);
    const char *text = buf_text(&page);
    assert_non_null(strstr(text, "service       \"https://kbs.example:8443\"\n"));
    assert_non_null(strstr(text, "file \"/run/secrets/db\", mode 400, owner 7\n"));
    assert_non_null(strstr(text, "variable \"DB_PASSWORD\"\n"));
    assert_non_null(strstr(text, "every container may get evidence"));
}

static void writes_what_it_reads(void **state)
{
    (void)state;
    POLICY_AUTO policy = parse(POLICY(DEFINITION(FILE_SECRET "," VARIABLE_SECRET, SERVICE)));
    const struct policy_draft draft = {.generation = POLICY_GENERATION_DEFAULT,
                                       .attestation = policy_get_attestation(policy)};
    BUF_AUTO text = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    struct error err = {0};
    check_ok(policy_generate(&draft, &text, &err), &err);
    assert_non_null(
        strstr(buf_text(&text), DEFINITION(FILE_SECRET "," VARIABLE_SECRET, SERVICE) "\n\n"));
}

static void refuses_what_it_cannot_mean(void **state)
{
#define SECRET(tail) "{\"container\":0,\"service\":0,\"resource\":\"a/b/c\"" tail "}"
    static const char *const bad[] = {
        POLICY(DEFINITION(SECRET(""), SERVICE)),
        POLICY(DEFINITION(SECRET(",\"path\":\"/a\",\"variable\":\"A\""), SERVICE)),
        POLICY(DEFINITION(SECRET(",\"path\":\"a\""), SERVICE)),
        POLICY(DEFINITION(SECRET(",\"path\":\"/\""), SERVICE)),
        POLICY(DEFINITION(SECRET(",\"path\":\"/a/\""), SERVICE)),
        POLICY(DEFINITION(SECRET(",\"path\":\"/a/../b\""), SERVICE)),
        POLICY(DEFINITION(SECRET(",\"path\":\"/a//b\""), SERVICE)),
        POLICY(DEFINITION(SECRET(",\"path\":\"/a\",\"mode\":512"), SERVICE)),
        POLICY(DEFINITION(SECRET(",\"variable\":\"1A\""), SERVICE)),
        POLICY(DEFINITION(SECRET(",\"variable\":\"A=B\""), SERVICE)),
        POLICY(DEFINITION(SECRET(",\"variable\":\"\""), SERVICE)),
        POLICY(DEFINITION(SECRET(",\"variable\":\"A\",\"other\":1"), SERVICE)),
        POLICY(DEFINITION(SECRET(",\"variable\":\"A\""), "")),
        POLICY(DEFINITION("{\"container\":1,\"service\":0,\"resource\":\"a/b/c\",\"variable\":"
                          "\"A\"}",
                          SERVICE)),
        POLICY(DEFINITION("{\"container\":0,\"service\":0,\"resource\":\"a/b\",\"variable\":"
                          "\"A\"}",
                          SERVICE)),
        POLICY(DEFINITION("{\"container\":0,\"service\":0,\"resource\":\"a/../c\",\"variable\":"
                          "\"A\"}",
                          SERVICE)),
        POLICY(DEFINITION("", "{\"roots\":\"PEM\",\"url\":\"http://kbs.example\"}")),
        POLICY(DEFINITION("", "{\"roots\":\"PEM\",\"url\":\"https://kbs.example/path\"}")),
        POLICY(DEFINITION("", "{\"roots\":\"\",\"url\":\"https://kbs.example\"}")),
        POLICY("caisson_attestation := {\"services\":[],\"secrets\":[]}"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        struct policy *policy = NULL;
        if (policy_parse(span_of_text(bad[i]), POLICY_STRICT, &policy, &err) == 0)
            fail_msg("taken: %s", bad[i]);
        assert_non_null(strstr(err.text, "caisson_attestation"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_nothing_where_there_is_no_definition),
        cmocka_unit_test(reads_what_goes_where),
        cmocka_unit_test(tells_it_in_words),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(refuses_what_it_cannot_mean),
    };
    return cmocka_run_group_tests_name("policy/attestation", tests, NULL, NULL);
}
