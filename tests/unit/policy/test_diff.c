/* Differences of policies: each one said, and nothing else. */
#include "../check.h"

#include "policy/diff.h"
#include "sample.h"

static void check_form(const char *first, const char *second, enum policy_diff_form form,
                       const char *expected)
{
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
    bool same = false;
    check_ok(policy_diff(span_of_text(first), span_of_text(second), form, &out, &same, &err), &err);
    assert_string_equal(buf_text(&out), expected);
    assert_int_equal(same, *expected == '\0');
}

static void check_lines(const char *first, const char *second, const char *expected)
{
    check_form(first, second, POLICY_DIFF_VALUES, expected);
}

#define ROW(name, command, layers)                                                                 \
    "{\"name\":\"" name "\",\"command\":[" command "],\"env_rules\":[],\"layers\":[" layers        \
    "],\"mounts\":[],\"exec_processes\":[],\"signals\":[],\"allow_elevated\":false,"               \
    "\"allow_stdio_access\":true,\"working_dir\":\"/\"}"
#define TEXT(rows, rest)                                                                           \
    "package policy\napi_version := \"0.10.0\"\nframework_version := \"0.1.0\"\ncontainers := "    \
    "[" rows "]\n" rest

static void finds_nothing_between_layouts(void **state)
{
    (void)state;
    check_lines(SAMPLE, SAMPLE, "");
    check_lines(
        TEXT(ROW("a", "\"x\"", "") "," ROW("b", "\"y\"", ""), "allow_dump_stacks := true\n"),
        "package policy\n# the same\nallow_dump_stacks := true\ncontainers := [" ROW(
            "b", "\"y\"", "") ", " ROW("a", "\"x\"", "") ",]\nframework_version := \"0.1.0\"\n"
                                                         "api_version := \"0.10.0\"\n",
        "");
}

static void tells_rows_and_keys(void **state)
{
    (void)state;
    check_lines(TEXT(ROW("a", "\"x\"", "\"1\",\"2\""), ""),
                TEXT(ROW("a", "\"y\"", "\"2\",\"3\""), ""),
                "container \"a\": command: [\"x\"] -> [\"y\"]\n"
                "container \"a\": layers: - \"1\"\n"
                "container \"a\": layers: + \"3\"\n");
    check_lines(TEXT(ROW("a", "\"x\"", ""), ""), TEXT(ROW("b", "\"x\"", ""), ""),
                "container \"a\": only in the first\ncontainer \"b\": only in the second\n");
    check_lines(TEXT(ROW("a", "\"x\"", "") "," ROW("a", "\"y\"", ""), ""),
                TEXT(ROW("a", "\"x\"", ""), ""), "container \"a\": only in the first\n");
    check_lines(TEXT(ROW("a", "\"x\"", "\"1\",\"2\""), ""),
                TEXT(ROW("a", "\"x\"", "\"2\",\"1\""), ""),
                "container \"a\": layers: [\"1\",\"2\"] -> [\"2\",\"1\"]\n");
}

static void tells_flags_and_points(void **state)
{
    (void)state;
    check_lines(
        TEXT("", "allow_dump_stacks := true\n" SAMPLE_POINT("mount_device")),
        TEXT("", "allow_dump_stacks := false\nmount_device := {\"allowed\": true}\n" SAMPLE_POINT(
                     "dump_stacks")),
        "allow_dump_stacks: true -> false\n"
        "mount_device: the framework's rule -> a value\n"
        "dump_stacks: absent -> the framework's rule\n");
}

#define RULES(rules)                                                                               \
    "{\"name\":\"a\",\"command\":[],\"env_rules\":[" rules "],\"layers\":[],\"mounts\":[],"        \
    "\"exec_processes\":[],\"signals\":[],\"allow_elevated\":false,"                               \
    "\"allow_stdio_access\":true,\"working_dir\":\"/\"}"
#define RULE(text) "{\"pattern\":\"" text "\",\"strategy\":\"string\",\"required\":false}"

static void keeps_values_back(void **state)
{
    (void)state;
    check_form(TEXT(ROW("a", "\"x\"", "\"1\""), ""), TEXT(ROW("a", "\"s3cret\"", "\"2\""), ""),
               POLICY_DIFF_NAMES,
               "container \"a\": command: differs\ncontainer \"a\": layers: differs\n");
    check_form(TEXT(RULES(RULE("A=s3cret") "," RULE("B=1")), ""),
               TEXT(RULES(RULE("B=1") "," RULE("C=s3cret=1")), ""), POLICY_DIFF_NAMES,
               "container \"a\": env_rules: - \"A\"\ncontainer \"a\": env_rules: + \"C\"\n");
    check_form(TEXT(RULES(RULE("s3cret")), ""), TEXT(RULES(RULE("s3cret2")), ""), POLICY_DIFF_NAMES,
               "container \"a\": env_rules: differs\n");
    check_form(TEXT(RULES(RULE("A=1") "," RULE("B=1")), ""),
               TEXT(RULES(RULE("B=1") "," RULE("A=1")), ""), POLICY_DIFF_NAMES,
               "container \"a\": env_rules: differs\n");
    check_form(TEXT("", "allow_dump_stacks := true\n"), TEXT("", "allow_dump_stacks := false\n"),
               POLICY_DIFF_NAMES, "allow_dump_stacks: differs\n");
    check_form(SAMPLE, SAMPLE, POLICY_DIFF_NAMES, "");
}

static void refuses_what_is_no_policy(void **state)
{
    struct error err;
    bool same = true;
    BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
    (void)state;
    check_refused(
        policy_diff(span_of_text("x"), span_of_text(SAMPLE), POLICY_DIFF_VALUES, &out, &same, &err),
        &err, "the first");
    check_refused(
        policy_diff(span_of_text(SAMPLE), span_of_text(""), POLICY_DIFF_VALUES, &out, &same, &err),
        &err, "the second");
    assert_int_equal(out.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_nothing_between_layouts), cmocka_unit_test(tells_rows_and_keys),
        cmocka_unit_test(tells_flags_and_points),        cmocka_unit_test(keeps_values_back),
        cmocka_unit_test(refuses_what_is_no_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
