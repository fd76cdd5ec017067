/* The functions of the language, by the examples of its documentation and by what they refuse. */
#include "policy.h"

/* Adds `expression` under the type "r", with conditions before it. */
static int run(const char *claims_text, const char *conditions, const char *expression,
               struct rules_result *result)
{
    char rule[1024];
    CLAIMS_AUTO claims = {0};
    claims_of(claims_text, &claims);
    (void)snprintf(rule, sizeof rule, "%s => issue(type=\"r\", value=%s);", conditions, expression);
    RULES_AUTO *rules = policy_of("1.2", "=>permit();", rule);
    if (!rules)
        fail_msg("%s: %s", rule, err.text);
    return rules_evaluate(rules, &claims, result, &err);
}

struct example {
    const char *claims, *conditions, *expression;
    const char *result; /* the issued claims as JSON; NULL: `words` in the refusal */
    const char *words;
};

static void check_examples(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        RULES_RESULT_AUTO result = {0};
        const struct example *example = &examples[i];
        err = (struct error){0};
        int status = run(example->claims, example->conditions, example->expression, &result);
        if (!example->result) {
            if (status == 0 || !strstr(err.text, example->words))
                fail_msg("%s: %s", example->expression, err.text);
            continue;
        }
        if (status < 0)
            fail_msg("%s: %s", example->expression, err.text);
        json_auto_t *issued = claims_to_json(&result.issued, &err);
        json_auto_t *expected = json_loads(example->result, 0, NULL);
        assert_non_null(expected);
        if (!json_equal(issued, expected))
            fail_msg("%s issues %s", example->expression, json_dumps(issued, 0));
    }
}
#define CHECK(examples) check_examples(examples, sizeof examples / sizeof *examples)

static void jmespath_gives_json_as_text(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"{}", "", "JmesPath(\"{\\\"foo\\\": \\\"bar\\\"}\", \"foo\")", "{\"r\":\"\\\"bar\\\"\"}",
         NULL},
        {"{\"j\":{\"values\":[0,1,2,3,4]},\"q\":\"values[2]\"}", "a:[type==\"j\"]&&b:[type==\"q\"]",
         "JmesPath(a.value, b.value)", "{\"r\":\"2\"}", NULL},
        {"{}", "", "JmesPath(\"{}\", \"a\")", "{\"r\":\"null\"}", NULL},
        {"{}", "", "JmesPath(\"5\", \"@\")", "{\"r\":\"5\"}", NULL},
        {"{}", "", "JmesPath(\"[1, 2.5, true]\", \"@\")", "{\"r\":\"[1,2.5,true]\"}", NULL},
        {"{}", "", "JmesPath(JmesPath(\"{\\\"a\\\":{\\\"b\\\":1}}\", \"a\"), \"b\")",
         "{\"r\":\"1\"}", NULL},
        {"{}", "",
         "JmesPath(\"{\\\"p\\\":\\\"\\\\\\\\A\\\"}\", \"equals_ignore_case(p, '\\\\a')\")",
         "{\"r\":\"true\"}", NULL},
        {"{}", "", "JmesPath(\"\", \"a\")", NULL, "not JSON"},
        {"{}", "", "JmesPath(\"{}\", \"\")", NULL, "JMESPath"},
        {"{}", "", "JmesPath(\"{\", \"a\")", NULL, "not JSON"},
        {"{}", "", "JmesPath(\"1,2\", \"a\")", NULL, "not JSON"},
        {"{}", "", "JmesPath(\"1],[2\", \"a\")", NULL, "not JSON"},
        {"{}", "", "JmesPath(\"{\\\"a\\\":1,\\\"a\\\":2}\", \"a\")", NULL, "not JSON"},
        {"{}", "", "JmesPath(\"{}\", \"a[\")", NULL, "column 3"},
        {"{}", "", "JmesPath(\"{}\", \"abs('a')\")", NULL, "abs()"},
        {"{}", "", "JmesPath(5, \"a\")", NULL, "text is wanted"},
        {"{}", "", "JmesPath(\"{}\", true)", NULL, "text is wanted"},
        {"{\"j\":[\"1\",\"2\"]}", "a:[type==\"j\"]", "JmesPath(a.value, \"@\")", NULL, "2 values"},
        {"{\"j\":[\"1\",\"1\"]}", "a:[type==\"j\"]", "JmesPath(a.value, \"@\")", "{\"r\":\"1\"}",
         NULL},
        {"{}", "", "JmesPath(JsonToClaimValue(\"null\"), \"@\")", NULL, "no value"},
    };
    CHECK(examples);
}

static void json_becomes_values(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"{\"j\":\"100\"}", "c:[type==\"j\"]", "JsonToClaimValue(c.value)", "{\"r\":100}", NULL},
        {"{\"j\":\"true\"}", "c:[type==\"j\"]", "JsonToClaimValue(c.value)", "{\"r\":true}", NULL},
        {"{}", "", "JsonToClaimValue(\"\\\"abc\\\"\")", "{\"r\":\"abc\"}", NULL},
        {"{}", "", "JsonToClaimValue(\"[0, \\\"abc\\\", true]\")", "{\"r\":[0,\"abc\",true]}",
         NULL},
        {"{}", "", "JsonToClaimValue(\"[1, null, 1]\")", "{\"r\":[1,1]}", NULL},
        {"{}", "", "JsonToClaimValue(\"[]\")", "{}", NULL},
        {"{}", "", "JsonToClaimValue(\"null\")", "{}", NULL},
        {"{}", "", "JsonToClaimValue(\"abc\")", NULL, "not JSON"},
        {"{}", "", "JsonToClaimValue(\"\")", NULL, "not JSON"},
        {"{}", "", "JsonToClaimValue(\"1.5\")", NULL, "a real number is no value"},
        {"{}", "", "JsonToClaimValue(\"[1.0]\")", NULL, "a real number is no value"},
        {"{}", "", "JsonToClaimValue(\"{}\")", NULL, "an object is no value"},
        {"{}", "", "JsonToClaimValue(\"[[1]]\")", NULL, "an array is no value"},
        {"{}", "", "JsonToClaimValue(\"9223372036854775808\")", NULL, "not JSON"},
        {"{}", "", "JsonToClaimValue(1)", NULL, "text is wanted"},
        {"{}", "", "JsonToClaimValue(\"1 1\")", NULL, "not JSON"},
    };
    CHECK(examples);
}

static void sets_are_compared(void **state)
{
    (void)state;
    static const char sets[] =
        "{\"sub\":[\"abc\",100],\"super\":[true,\"abc\",100],\"same\":[7,7]}";
    static const struct example examples[] = {
        {sets, "a:[type==\"sub\"]&&b:[type==\"super\"]", "IsSubsetOf(a.value, b.value)",
         "{\"r\":true}", NULL},
        {sets, "a:[type==\"super\"]&&b:[type==\"sub\"]", "IsSubsetOf(a.value, b.value)",
         "{\"r\":false}", NULL},
        {sets, "", "IsSubsetOf(\"a\", \"a\")", "{\"r\":true}", NULL},
        {sets, "", "IsSubsetOf(1, \"1\")", "{\"r\":false}", NULL},
        {sets, "", "IsSubsetOf(JsonToClaimValue(\"[]\"), 1)", "{\"r\":true}", NULL},
        {sets, "", "IsSubsetOf(1, JsonToClaimValue(\"null\"))", "{\"r\":false}", NULL},
        {sets, "c:[type==\"sub\"]", "ContainsOnlyValue(c.value, 100)", "{\"r\":false}", NULL},
        {sets, "c:[type==\"same\"]", "ContainsOnlyValue(c.value, 7)", "{\"r\":true}", NULL},
        {sets, "c:[type==\"same\"]", "ContainsOnlyValue(c.value, \"7\")", "{\"r\":false}", NULL},
        {sets, "", "ContainsOnlyValue(JsonToClaimValue(\"[]\"), 1)", "{\"r\":false}", NULL},
        {sets, "c:[type==\"sub\"]", "ContainsOnlyValue(100, c.value)", NULL, "2 values"},
        {sets, "", "ContainsOnlyValue(1, JsonToClaimValue(\"null\"))", NULL, "no value"},
    };
    CHECK(examples);
}

static void text_and_truth_values_are_made(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"{\"a\":\"abc\",\"b\":\"xyz\"}", "c:[type==\"a\"]&&d:[type==\"b\"]",
         "AppendString(c.value, d.value)", "{\"r\":\"abcxyz\"}", NULL},
        {"{}", "", "AppendString(\"\", \"\")", "{\"r\":\"\"}", NULL},
        {"{}", "", "AppendString(AppendString(\"a\", \"b\"), \"\xc3\xa9\")",
         "{\"r\":\"ab\xc3\xa9\"}", NULL},
        {"{}", "", "AppendString(\"a\", 1)", NULL, "text is wanted"},
        {"{}", "", "AppendString(true, \"a\")", NULL, "text is wanted"},
        {"{\"a\":true}", "c:[type==\"a\"]", "NegateBool(c.value)", "{\"r\":false}", NULL},
        {"{}", "", "NegateBool(NegateBool(true))", "{\"r\":true}", NULL},
        {"{}", "", "NegateBool(0)", NULL, "true or false is wanted"},
        {"{}", "", "NegateBool(\"true\")", NULL, "true or false is wanted"},
        {"{\"a\":[true,false]}", "c:[type==\"a\"]", "NegateBool(c.value)", NULL, "2 values"},
    };
    CHECK(examples);
}

/* A function on the right of a comparison, as the published policies compare PCRs. */
static void functions_stand_in_conditions(void **state)
{
    (void)state;
    static const char claims[] =
        "{\"pcrs\":{\"PCRs\":[{\"Index\":0,\"SHA1\":\"KCk\"}]},\"ok\":true,"
        "\"bad\":false}";
    static const struct example examples[] = {
        {claims,
         "c:[type==\"pcrs\"] && d:[type==\"ok\", value==JsonToClaimValue(JmesPath(c.value, "
         "\"PCRs[? "
         "Index == `0`].SHA1 | @[0] == `\\\"KCk\\\"`\"))]",
         "d.value", "{\"r\":true}", NULL},
        {claims,
         "c:[type==\"pcrs\"] && d:[type==\"bad\", value==JsonToClaimValue(JmesPath(c.value, "
         "\"PCRs[? "
         "Index == `0`].SHA1 | @[0] == `\\\"KCk\\\"`\"))]",
         "d.value", "{}", NULL},
        {claims, "[type==\"ok\", value==JsonToClaimValue(\"null\")]", "1", "{}", NULL},
        {claims, "[type==\"ok\", value!=JsonToClaimValue(\"null\")]", "1", "{\"r\":1}", NULL},
        {claims, "[type==\"ok\", value==JsonToClaimValue(\"{}\")]", "1", NULL, "line 1: "},
    };
    CHECK(examples);
}

/* The shape of the published policies for boot logs: secure boot. */
static void a_boot_log_policy_decides(void **state)
{
    (void)state;
    static const char issuance[] =
        "c:[type == \"events\", issuer==\"AttestationService\"] => add(type = \"variables\", value "
        "= "
        "JmesPath(c.value, \"Events[?EventTypeString == 'CONFIG' && ProcessedData.VariableGuid == "
        "'8BE4'] \"));\n"
        "c:[type==\"variables\", issuer=\"AttestationPolicy\"]=> issue(type = \"secureBoot\", "
        "value = "
        "JsonToClaimValue(JmesPath(c.value, \"[?ProcessedData.UnicodeName == 'SecureBoot'] | "
        "length(@) "
        "== `1` && @[0].ProcessedData.VariableData == 'AQ'\")));\n"
        "![type==\"secureBoot\", issuer==\"AttestationPolicy\"] => issue(type=\"secureBoot\", "
        "value=false);";
    static const char *const logs[][2] = {
        {"{\"events\":{\"Events\":[{\"EventTypeString\":\"CONFIG\",\"ProcessedData\":{"
         "\"VariableGuid\":"
         "\"8BE4\",\"UnicodeName\":\"SecureBoot\",\"VariableData\":\"AQ\"}}]}}",
         "{\"secureBoot\":true}"},
        {"{\"events\":{\"Events\":[{\"EventTypeString\":\"CONFIG\",\"ProcessedData\":{"
         "\"VariableGuid\":"
         "\"8BE4\",\"UnicodeName\":\"SecureBoot\",\"VariableData\":\"AA\"}}]}}",
         "{\"secureBoot\":false}"},
        {"{\"events\":{\"Events\":[]}}", "{\"secureBoot\":false}"},
        {"{}", "{\"secureBoot\":false}"},
    };
    RULES_AUTO *rules = policy_of("1.2", "=>permit();", issuance);
    assert_non_null(rules);
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) {
        CLAIMS_AUTO claims = {0};
        RULES_RESULT_AUTO result = {0};
        claims_of(logs[i][0], &claims);
        check_ok(rules_evaluate(rules, &claims, &result, &err), &err);
        json_auto_t *issued = claims_to_json(&result.issued, &err);
        json_auto_t *expected = json_loads(logs[i][1], 0, NULL);
        assert_true(json_equal(issued, expected));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jmespath_gives_json_as_text),
        cmocka_unit_test(json_becomes_values),
        cmocka_unit_test(sets_are_compared),
        cmocka_unit_test(text_and_truth_values_are_made),
        cmocka_unit_test(functions_stand_in_conditions),
        cmocka_unit_test(a_boot_log_policy_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
