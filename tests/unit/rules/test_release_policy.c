#include "../check.h"

#include "base/buf.h"
#include "rules/release_policy.h"

static struct error err;

#define ISSUER "https://attest.example"

static const char token[] = "{\"x-ms-sevsnpvm-hostdata\":\"aabb\",\"x-ms-sevsnpvm-is-debuggable\":"
                            "false,\"x-ms-sevsnpvm-vmpl\":"
                            "0,\"svn\":\"100\",\"x-ms-sevsnpvm-uvm-endorsement\":{\"guestsvn\":"
                            "\"7\",\"deep\":{\"x\":true}},"
                            "\"a.b\":\"whole\",\"a\":{\"b\":\"parts\",\"c\":1},\"list\":[1],"
                            "\"real\":1.0,\"none\":null,\"neg\":-5}";

static struct release_policy *policy_of(const char *conditions)
{
    BUF_AUTO text = BUF_WITH_LIMIT(RELEASE_POLICY_SIZE_MAX * 2);
    check_ok(buf_printf(&text, &err,
                        "{\"version\":\"1.0.0\",\"anyOf\":[{\"authority\":\"" ISSUER "\",%s}]}",
                        conditions),
             &err);
    err = (struct error){0};
    return release_policy_new(buf_span(&text), &err);
}

static int decide(const char *conditions, const char *issuer)
{
    json_auto_t *claims = json_loads(token, 0, NULL);
    RELEASE_POLICY_AUTO *policy = policy_of(conditions);
    if (!policy)
        fail_msg("%s: %s", conditions, err.text);
    return release_policy_check(policy, issuer, claims, &err);
}

/* One condition. */
static int decide_one(const char *condition)
{
    char conditions[1024];
    (void)snprintf(conditions, sizeof conditions, "\"allOf\":[{%s}]", condition);
    return decide(conditions, ISSUER);
}

static void conditions_are_met(void **state)
{
    (void)state;
    static const char *const met[] = {
        "\"claim\":\"x-ms-sevsnpvm-hostdata\",\"equals\":\"aabb\"",
        "\"claim\":\"x-ms-sevsnpvm-hostdata\",\"notEquals\":\"aa\"",
        "\"claim\":\"x-ms-sevsnpvm-is-debuggable\",\"equals\":false",
        "\"claim\":\"x-ms-sevsnpvm-is-debuggable\",\"equals\":\"false\"",
        "\"claim\":\"x-ms-sevsnpvm-is-debuggable\",\"notEquals\":true",
        "\"claim\":\"x-ms-sevsnpvm-vmpl\",\"equals\":0",
        "\"claim\":\"x-ms-sevsnpvm-vmpl\",\"equals\":\"0\"",
        "\"claim\":\"x-ms-sevsnpvm-vmpl\",\"less\":1",
        "\"claim\":\"x-ms-sevsnpvm-vmpl\",\"lessOrEquals\":\"0\"",
        "\"claim\":\"x-ms-sevsnpvm-vmpl\",\"greater\":-1",
        "\"claim\":\"x-ms-sevsnpvm-vmpl\",\"greaterOrEquals\":0",
        "\"claim\":\"neg\",\"less\":\"-4\"",
        "\"claim\":\"svn\",\"greaterOrEquals\":100",
        "\"claim\":\"x-ms-sevsnpvm-uvm-endorsement.guestsvn\",\"greater\":6",
        "\"claim\":\"x-ms-sevsnpvm-uvm-endorsement.deep.x\",\"equals\":true",
        "\"claim\":\"a.b\",\"equals\":\"whole\"",
        "\"claim\":\"a.c\",\"equals\":1",
        "\"claim\":\"svn\",\"exists\":true",
        "\"claim\":\"list\",\"exists\":\"true\"",
        "\"claim\":\"none\",\"exists\":true",
        "\"claim\":\"nothing\",\"exists\":false",
        "\"claim\":\"svn.nothing\",\"exists\":\"false\"",
        "\"claim\":\"svn\",\"EQUALS\":\"100\"",
    };
    for (size_t i = 0; i < sizeof met / sizeof *met; i++)
        check_ok(decide_one(met[i]), &err);
}

static void conditions_that_are_not_met_say_what_there_is(void **state)
{
    (void)state;
    static const char *const unmet[][2] = {
        {"\"claim\":\"x-ms-sevsnpvm-hostdata\",\"equals\":\"AABB\"",
         "claim x-ms-sevsnpvm-hostdata is \"aabb\"; the policy wants equals \"AABB\""},
        {"\"claim\":\"x-ms-sevsnpvm-hostdata\",\"notEquals\":\"aabb\"", "wants notEquals"},
        {"\"claim\":\"x-ms-sevsnpvm-is-debuggable\",\"equals\":\"False\"", "is false"},
        {"\"claim\":\"x-ms-sevsnpvm-is-debuggable\",\"equals\":0", "is false"},
        {"\"claim\":\"x-ms-sevsnpvm-is-debuggable\",\"less\":1", "is false"},
        {"\"claim\":\"x-ms-sevsnpvm-vmpl\",\"equals\":\"00\"", "is 0"},
        {"\"claim\":\"x-ms-sevsnpvm-vmpl\",\"equals\":false", "is 0"},
        {"\"claim\":\"x-ms-sevsnpvm-vmpl\",\"notEquals\":\"0\"", "is 0"},
        {"\"claim\":\"x-ms-sevsnpvm-vmpl\",\"greater\":0", "is 0"},
        {"\"claim\":\"svn\",\"equals\":100", "is \"100\""},
        {"\"claim\":\"svn\",\"less\":100", "is \"100\""},
        {"\"claim\":\"x-ms-sevsnpvm-hostdata\",\"greater\":1", "is \"aabb\""},
        {"\"claim\":\"a.b\",\"equals\":\"parts\"", "is \"whole\""},
        {"\"claim\":\"nothing\",\"equals\":\"\"", "is not there"},
        {"\"claim\":\"nothing\",\"notEquals\":\"x\"", "is not there"},
        {"\"claim\":\"nothing\",\"exists\":true", "is not there"},
        {"\"claim\":\"svn\",\"exists\":false", "is \"100\""},
        {"\"claim\":\"svn.x\",\"equals\":\"1\"", "is not there"},
        {"\"claim\":\"list\",\"notEquals\":1", "is an array"},
        {"\"claim\":\"list.0\",\"equals\":1", "is not there"},
        {"\"claim\":\"a\",\"notEquals\":1", "is an object"},
        {"\"claim\":\"none\",\"notEquals\":1", "is null"},
        {"\"claim\":\"real\",\"equals\":1", "is 1.0"},
        {"\"claim\":\".\",\"equals\":1", "is not there"},
    };
    for (size_t i = 0; i < sizeof unmet / sizeof *unmet; i++) {
        check_refused(decide_one(unmet[i][0]), &err, unmet[i][1]);
        assert_int_equal(err.code, ERROR_REFUSED);
    }
}

#define YES "{\"claim\":\"svn\",\"exists\":true}"
#define NO  "{\"claim\":\"svn\",\"exists\":false}"

static void lists_are_nested(void **state)
{
    (void)state;
    check_ok(decide("\"allOf\":[" YES "," YES "]", ISSUER), &err);
    check_error(decide("\"allOf\":[" YES "," NO "]", ISSUER), &err, ERROR_REFUSED);
    check_ok(decide("\"anyOf\":[" NO "," YES "]", ISSUER), &err);
    check_error(decide("\"anyOf\":[" NO "," NO "]", ISSUER), &err, ERROR_REFUSED);
    check_ok(
        decide("\"allOf\":[" YES ",{\"anyOf\":[" NO ",{\"allof\":[" YES "," YES "]}]}]", ISSUER),
        &err);
    check_error(decide("\"anyof\":[" NO ",{\"allOf\":[" YES ",{\"anyOf\":[" NO "]}]}]", ISSUER),
                &err, ERROR_REFUSED);
}

static void the_issuer_must_be_an_authority(void **state)
{
    (void)state;
    check_ok(decide("\"allOf\":[" YES "]", ISSUER "/"), &err);
    check_refused(decide("\"allOf\":[" YES "]", ISSUER "//"), &err, "no authority");
    check_refused(decide("\"allOf\":[" YES "]", "https://attest.exampl"), &err, "no authority");
    check_refused(decide("\"allOf\":[" YES "]", "HTTPS://attest.example"), &err, "no authority");
    check_refused(decide("\"allOf\":[" YES "]", ""), &err, "no authority");
}

static void one_of_several_authorities_is_enough(void **state)
{
    (void)state;
    static const char text[] =
        "{\"version\":\"1.0.0\",\"anyOf\":[{\"authority\":\"one\",\"allOf\":[" NO
        "]},{\"authority\":"
        "\"two\",\"allOf\":[" YES
        "]},{\"authority\":\"one\",\"anyOf\":[{\"claim\":\"neg\",\"equals\":-5}"
        "]},{\"authority\":\"three\",\"allOf\":[" NO "]}]}";
    json_auto_t *claims = json_loads(token, 0, NULL);
    RELEASE_POLICY_AUTO *policy = release_policy_new(span_of_text(text), &err);
    assert_non_null(policy);
    check_ok(release_policy_check(policy, "one", claims, &err), &err);
    check_ok(release_policy_check(policy, "two", claims, &err), &err);
    check_refused(release_policy_check(policy, "three", claims, &err), &err, "claim svn");
    check_refused(release_policy_check(policy, "four", claims, &err), &err, "issuer, four");
    check_error(release_policy_check(policy, "two", NULL, &err), &err, ERROR_REFUSED);
}

static void refuses_what_is_no_policy(void **state)
{
    (void)state;
    static const char *const whole[][2] = {
        {"", "not accepted as JSON"},
        {"[]", "expected an object"},
        {"{}", "\"version\" is missing"},
        {"{\"version\":\"1.0\"}", "1.0.0 is known"},
        {"{\"version\":\"1.0.0\"}", "one authority or more"},
        {"{\"version\":\"1.0.0\",\"anyOf\":[]}", "one authority or more"},
        {"{\"version\":\"1.0.0\",\"allOf\":[{}]}", "one authority or more"},
        {"{\"version\":\"1.0.0\",\"anyOf\":{}}", "one authority or more"},
        {"{\"version\":\"1.0.0\",\"anyOf\":[1]}", "an authority is an object"},
        {"{\"version\":\"1.0.0\",\"anyOf\":[{}]}", "\"authority\" is missing"},
        {"{\"version\":\"1.0.0\",\"anyOf\":[{\"authority\":\"a\",\"allOf\":[" YES "]}],\"x\":1}",
         "nothing else"},
        {"{\"version\":\"1.0.0\",\"version\":\"1.0.0\",\"anyOf\":[]}", "duplicate"},
        {"{\"version\":\"1.0.0\",\"anyOf\":[{\"authority\":\"\",\"allOf\":[" YES "]}]}",
         "without a name"},
    };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        err = (struct error){0};
        assert_null(release_policy_new(span_of_text(whole[i][0]), &err));
        if (!strstr(err.text, whole[i][1]) || !strstr(err.text, "release policy: "))
            fail_msg("%s: %s", whole[i][0], err.text);
    }
    static const char *const parts[][2] = {
        {"\"allOf\":[]", "one condition or more"},
        {"\"allOf\":{}", "one condition or more"},
        {"\"allOf\":[1]", "a condition is an object"},
        {"\"allOf\":[{}]", "either anyOf or allOf"},
        {"\"allOf\":[" YES "],\"anyOf\":[" YES "]", "either anyOf or allOf"},
        {"\"allOf\":[" YES "],\"allof\":[" YES "]", "either anyOf or allOf"},
        {"\"other\":[" YES "]", "either anyOf or allOf"},
        {"\"allOf\":[" YES "],\"x\":1", "nothing else"},
        {"\"allOf\":[{\"claim\":\"a\"}]", "a condition has a claim and one of"},
        {"\"allOf\":[{\"claim\":\"\",\"equals\":1}]", "a condition has a claim and one of"},
        {"\"allOf\":[{\"claim\":1,\"equals\":1}]", "expected a string"},
        {"\"allOf\":[{\"equals\":1}]", "either anyOf or allOf"},
        {"\"allOf\":[{\"claim\":\"a\",\"like\":1}]", "a condition has a claim and one of"},
        {"\"allOf\":[{\"claim\":\"a\",\"equals\":1,\"less\":2}]", "and nothing else"},
        {"\"allOf\":[{\"claim\":\"a\",\"equals\":1,\"Equals\":1}]", "and nothing else"},
        {"\"allOf\":[{\"claim\":\"a\",\"equals\":1,\"anyOf\":[]}]", "and nothing else"},
        {"\"allOf\":[{\"claim\":\"a\",\"equals\":null}]", "\"equals\" wants text"},
        {"\"allOf\":[{\"claim\":\"a\",\"equals\":1.5}]", "\"equals\" wants text"},
        {"\"allOf\":[{\"claim\":\"a\",\"equals\":{}}]", "\"equals\" wants text"},
        {"\"allOf\":[{\"claim\":\"a\",\"less\":\"x\"}]", "\"less\" wants an integer"},
        {"\"allOf\":[{\"claim\":\"a\",\"less\":true}]", "\"less\" wants an integer"},
        {"\"allOf\":[{\"claim\":\"a\",\"greater\":\"9223372036854775808\"}]", "wants an integer"},
        {"\"allOf\":[{\"claim\":\"a\",\"exists\":1}]", "\"exists\" wants true or false"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        assert_null(policy_of(parts[i][0]));
        if (!strstr(err.text, parts[i][1]))
            fail_msg("%s: %s", parts[i][0], err.text);
    }
}

static void refuses_too_many_and_too_deep(void **state)
{
    (void)state;
    BUF_AUTO many = BUF_WITH_LIMIT(RELEASE_POLICY_SIZE_MAX * 2);
    check_ok(buf_append_text(&many, "\"allOf\":[" YES, &err), &err);
    for (int i = 0; i < RELEASE_POLICY_CONDITIONS_MAX; i++)
        check_ok(buf_append_text(&many, "," YES, &err), &err);
    check_ok(buf_append_text(&many, "]", &err), &err);
    assert_null(policy_of(buf_text(&many)));
    assert_int_equal(err.code, ERROR_LIMIT);
    BUF_AUTO deep = BUF_WITH_LIMIT(RELEASE_POLICY_SIZE_MAX);
    for (int i = 0; i < RELEASE_POLICY_DEPTH_MAX; i++)
        check_ok(buf_append_text(&deep, i > 0 ? "{\"allOf\":[" : "\"allOf\":[", &err), &err);
    check_ok(buf_append_text(&deep, YES, &err), &err);
    for (int i = 0; i < RELEASE_POLICY_DEPTH_MAX; i++)
        check_ok(buf_append_text(&deep, i > 0 ? "]}" : "]", &err), &err);
    assert_null(policy_of(buf_text(&deep)));
    assert_int_equal(err.code, ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_are_met),
        cmocka_unit_test(conditions_that_are_not_met_say_what_there_is),
        cmocka_unit_test(lists_are_nested),
        cmocka_unit_test(the_issuer_must_be_an_authority),
        cmocka_unit_test(one_of_several_authorities_is_enough),
        cmocka_unit_test(refuses_what_is_no_policy),
        cmocka_unit_test(refuses_too_many_and_too_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
