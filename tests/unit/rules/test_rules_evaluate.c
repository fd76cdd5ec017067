/* What policies decide and issue. */
#include "policy.h"

static const char sgx[] =
    "{\"x-ms-sgx-is-debuggable\":false,\"x-ms-sgx-svn\":3,\"x-ms-sgx-mrsigner\":"
    "\"abcd\",\"custom:x-ms-sgx-mrsigner\":\"ef01\",\"tags\":[\"a\",\"b\",7]}";

static int decide(const char *authorization, const char *issuance, struct rules_result *result)
{
    CLAIMS_AUTO claims = {0};
    RULES_AUTO *rules = policy_of("1.2", authorization, issuance);
    if (!rules)
        fail_msg("%s", err.text);
    claims_of(sgx, &claims);
    return rules_evaluate(rules, &claims, result, &err);
}

static void permits(const char *authorization)
{
    RULES_RESULT_AUTO result = {0};
    check_ok(decide(authorization, NULL, &result), &err);
    if (result.verdict != RULES_PERMITTED)
        fail_msg("%s: %s", authorization, result.reason);
    assert_non_null(strstr(result.reason, "permitted by line 1: "));
}

static void denies(const char *authorization, const char *words)
{
    RULES_RESULT_AUTO result = {0};
    check_ok(decide(authorization, "=> issue(type=\"t\", value=1);", &result), &err);
    if (result.verdict != RULES_DENIED || !strstr(result.reason, words))
        fail_msg("%s: \"%s\" does not hold \"%s\"", authorization, result.reason, words);
    assert_int_equal(result.issued.count, 0);
}

/* The issued claims, as JSON. */
static void issues(const char *issuance, const char *expected_text)
{
    RULES_RESULT_AUTO result = {0};
    check_ok(decide("=> permit();", issuance, &result), &err);
    assert_int_equal(result.verdict, RULES_PERMITTED);
    json_auto_t *issued = claims_to_json(&result.issued, &err);
    json_auto_t *expected = json_loads(expected_text, 0, NULL);
    assert_non_null(expected);
    if (!json_equal(issued, expected))
        fail_msg("%s issues %s", issuance, json_dumps(issued, 0));
}

static void comparisons_hold(void **state)
{
    (void)state;
    static const char *const held[] = {
        "",
        "[type==\"x-ms-sgx-svn\"]",
        "[type==\"x-ms-sgx-svn\", value==3]",
        "[type==\"x-ms-sgx-svn\", value!=4]",
        "[type==\"x-ms-sgx-svn\", value<4]",
        "[type==\"x-ms-sgx-svn\", value<=3]",
        "[type==\"x-ms-sgx-svn\", value>2]",
        "[type==\"x-ms-sgx-svn\", value>=3]",
        "[type==\"x-ms-sgx-svn\", value>=0, value<=5]",
        "[type==\"x-ms-sgx-svn\", value!=\"3\"]",
        "[type==\"x-ms-sgx-svn\", valueType==\"Integer\"]",
        "[type==\"x-ms-sgx-is-debuggable\", value==false]",
        "[type==\"x-ms-sgx-is-debuggable\", value!=true, valueType==\"Boolean\"]",
        "[type==\"x-ms-sgx-mrsigner\", value==\"abcd\", issuer==\"AttestationService\"]",
        "[type==\"x-ms-sgx-mrsigner\", value==\"ef01\", issuer==\"CustomClaim\"]",
        "[type=\"x-ms-sgx-svn\", value=3]",
        "[value==3]",
        "[issuer!=\"AttestationPolicy\"]",
        "[type==\"tags\", value==\"b\"] && [type==\"tags\", value==7]",
        "![type==\"nothing\"]",
        "![type==\"x-ms-sgx-svn\", value>3]",
        "c:[type==\"x-ms-sgx-mrsigner\", issuer==\"CustomClaim\"] && [type==c.type, "
        "value!=c.value]",
        "c:[type==\"tags\"] && [type==\"tags\", value==c.value]",
        "a:[type==\"x-ms-sgx-svn\"] && b:[value==a.value] && [type==b.type, "
        "valueType==b.valueType, "
        "issuer==a.issuer]",
    };
    for (size_t i = 0; i < sizeof held / sizeof *held; i++) {
        char rule[512];
        (void)snprintf(rule, sizeof rule, "%s => permit();", held[i]);
        permits(rule);
    }
}

static void comparisons_that_do_not_hold_say_what_there_is(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"[type==\"x-ms-sgx-svn\", value==4]",
         "line 1 wants [type==\"x-ms-sgx-svn\", value==4], and x-ms-sgx-svn is 3, by "
         "AttestationService"},
        {"[type==\"x-ms-sgx-svn\", value!=3]", "is 3"},
        {"[type==\"x-ms-sgx-svn\", value<3]", "is 3"},
        {"[type==\"x-ms-sgx-svn\", value<=2]", "is 3"},
        {"[type==\"x-ms-sgx-svn\", value>3]", "is 3"},
        {"[type==\"x-ms-sgx-svn\", value>=4]", "is 3"},
        {"[type==\"x-ms-sgx-svn\", value==\"3\"]", "is 3"},
        {"[type==\"x-ms-sgx-svn\", valueType==\"String\"]", "is 3"},
        {"[type==\"x-ms-sgx-mrsigner\", value==\"ABCD\"]", "is \"abcd\""},
        {"[type==\"x-ms-sgx-mrsigner\", value==\"ef01\", issuer==\"AttestationService\"]",
         "is \"abcd\""},
        {"[type==\"x-ms-sgx-mrsigner\", value>1]", "is \"abcd\""},
        {"[type==\"x-ms-sgx-is-debuggable\", value==true]", "is false"},
        {"[type==\"X-MS-SGX-SVN\"]", "there is no claim X-MS-SGX-SVN"},
        {"[value==4]", "line 1 wants [value==4]"},
        {"![type==\"tags\"]", "there is such a claim"},
        {"c:[type==\"tags\"] && [type==\"tags\", value!=c.value]", "tags is \"a\""},
        {"c:[type==\"tags\"] && [type==\"x-ms-sgx-svn\", value<c.value]", "is 3"},
        {"[type==\"x-ms-sgx-svn\"] && [type==\"nothing\"]", "no claim nothing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char rule[512];
        (void)snprintf(rule, sizeof rule, "%s => permit();", cases[i][0]);
        denies(rule, cases[i][1]);
    }
}

static void who_denies_decides(void **state)
{
    (void)state;
    denies("=> deny();", "denied by line 1: => deny()");
    denies("=> permit();\n=> deny();", "denied by line 2: => deny()");
    denies("=> deny();\n=> permit();", "denied by line 1: => deny()");
    denies("=> permit();\n[type==\"tags\", value==7] => deny();", "denied by line 2: [type==");
    permits("=> permit();\n[type==\"tags\", value==8] => deny();");
    permits("[value==8] => deny(); => permit();");
}

static void nothing_is_permitted_unless_a_rule_does(void **state)
{
    (void)state;
    denies("", "no rule of authorizationrules permits anything");
    denies("=> add(type=\"a\", value=1);", "permits anything");
    denies("[value==8] => deny();", "permits anything");
    denies("[value==8] => permit();\n[value==9] => permit();\n[value==10] => permit();",
           "line 1 wants [value==8]; nor do 2 other rules");
    RULES_RESULT_AUTO result = {0};
    check_ok(decide(NULL, "=> issue(type=\"a\", value=1);", &result), &err);
    assert_int_equal(result.verdict, RULES_DENIED);
    assert_int_equal(result.issued.count, 0);
}

static void claims_that_rules_add_are_seen_by_later_ones(void **state)
{
    (void)state;
    permits(
        "=> add(type=\"a\", value=1); [type==\"a\", issuer==\"AttestationPolicy\"] => permit();");
    denies("[type==\"a\"] => permit(); => add(type=\"a\", value=1);", "no claim a");
    denies("=> add(type=\"x-ms-sgx-svn\", value=9); [type==\"x-ms-sgx-svn\", value==9, issuer=="
           "\"AttestationService\"] => permit();",
           "is 3");
    issues("=> add(type=\"a\", value=1); c:[type==\"a\"] => issue(type=\"b\", value=c.value);",
           "{\"b\":1}");
    issues("=> issue(type=\"a\", value=1); c:[type==\"a\"] => issue(type=\"b\", value=c.value);",
           "{\"a\":1,\"b\":1}");
    issues("=> issueproperty(type=\"a\", value=1); [type==\"a\"] => issue(type=\"b\", value=2);",
           "{\"b\":2}");
}

static void issues_claims(void **state)
{
    (void)state;
    issues("", "{}");
    issues(
        "=> issue(type=\"a\", value=\"x\"); => issue(type=\"b\", value=-1); => issue(type=\"c\", "
        "value=false);",
        "{\"a\":\"x\",\"b\":-1,\"c\":false}");
    issues("c:[type==\"tags\"] => issue(claim=c);", "{\"tags\":[\"a\",\"b\",7]}");
    issues("c:[type==\"tags\"] => issue(type=\"t\", value=c.value);", "{\"t\":[\"a\",\"b\",7]}");
    issues("c:[type==\"tags\", valueType==\"Integer\"] => issue(type=c.type, value=c.valueType);",
           "{\"tags\":\"Integer\"}");
    issues("c:[type==\"x-ms-sgx-mrsigner\"] => issue(type=\"i\", value=c.issuer);",
           "{\"i\":[\"AttestationService\",\"CustomClaim\"]}");
    issues("[type==\"nothing\"] => issue(type=\"a\", value=1);", "{}");
    issues("![type==\"nothing\"] => issue(type=\"a\", value=1);", "{\"a\":1}");
    issues("=> issue(type=\"a\", value=1, valueType=\"Integer\");", "{\"a\":1}");
    issues("=> issue(type=\"a\", value=1); => issue(type=\"a\", value=1);", "{\"a\":[1,1]}");
}

static void issued_claims_keep_or_get_their_issuer(void **state)
{
    (void)state;
    RULES_RESULT_AUTO result = {0};
    check_ok(
        decide("=> permit();",
               "c:[type==\"x-ms-sgx-svn\"] => issue(claim=c); => issue(type=\"a\", value=1); => "
               "issueproperty(type=\"report_validity_in_minutes\", value=60);",
               &result),
        &err);
    assert_int_equal(result.issued.count, 2);
    assert_int_equal(result.issued.at[0].issuer, CLAIM_SERVICE);
    assert_int_equal(result.issued.at[1].issuer, CLAIM_POLICY);
    assert_int_equal(result.properties.count, 1);
    assert_int_equal(json_integer_value(result.properties.at[0].value), 60);
    assert_non_null(claims_find(&result.incoming, "a"));
    assert_non_null(claims_find(&result.incoming, "report_validity_in_minutes"));
}

static void a_failure_denies_with_the_line(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"=> issue(type=\"a\", value=1);\n=> issue(type=\"b\", value=JsonToClaimValue(\"{\"));",
         "line 2: JsonToClaimValue: "},
        {"c:[type==\"tags\"] => issue(type=c.value, value=1);", "line 1: a claim's type"},
        {"c:[type==\"x-ms-sgx-svn\"] => issue(type=c.value, value=1);", "line 1: a claim's type"},
        {"=> issue(type=\"a\", value=1, valueType=\"String\");", "line 1: valueType is String"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        RULES_RESULT_AUTO result = {0};
        check_refused(decide("=> permit();", cases[i][0], &result), &err, cases[i][1]);
        assert_int_equal(err.code, ERROR_REFUSED);
        assert_int_equal(result.verdict, RULES_DENIED);
        assert_non_null(strstr(result.reason, "the policy failed: line"));
        assert_int_equal(result.issued.count + result.properties.count, 0);
    }
}

static void steps_tell_what_became_of_each_rule(void **state)
{
    (void)state;
    RULES_RESULT_AUTO result = {0};
    check_ok(
        decide("[value==8] => permit(); => permit();",
               "[value==8] => issue(type=\"a\", value=1); => issue(type=\"b\", value=1);", &result),
        &err);
    static const uint8_t expected[] = {RULES_NOT_HELD, RULES_HELD, RULES_NOT_HELD, RULES_HELD};
    assert_memory_equal(result.steps, expected, sizeof expected);
    RULES_RESULT_AUTO denied = {0};
    check_ok(decide("=> deny(); => permit();", "=> issue(type=\"a\", value=1);", &denied), &err);
    static const uint8_t stopped[] = {RULES_HELD, RULES_NOT_REACHED, RULES_NOT_REACHED};
    assert_memory_equal(denied.steps, stopped, sizeof stopped);
}

static void read_only_claims_are_asked_and_not_issued(void **state)
{
    (void)state;
    CLAIMS_AUTO claims = {0};
    claims_of("{\"read:pcrs\":\"{\\\"a\\\":1}\"}", &claims);
    static const struct {
        const char *issuance;
        bool allowed;
    } cases[] = {
        {"c:[type==\"pcrs\"] => issue(claim=c);", false},
        {"c:[type==\"pcrs\"] => issueproperty(claim=c);", false},
        {"c:[type==\"pcrs\"] => issue(type=\"p\", value=c.value);", false},
        {"c:[type==\"pcrs\"] => add(type=\"p\", value=c.value); d:[type==\"p\"] => issue(claim=d);",
         false},
        {"c:[type==\"pcrs\"] => issue(type=\"p\", value=AppendString(\"x\", c.value));", false},
        {"c:[type==\"pcrs\"] => issue(type=\"p\", value=JsonToClaimValue(JmesPath(c.value, "
         "\"a\")));",
         false},
        {"c:[type==\"pcrs\"] => issue(type=\"p\", "
         "value=NegateBool(JsonToClaimValue(JmesPath(c.value, "
         "\"a == `1`\"))));",
         false},
        {"c:[type==\"pcrs\"] => add(type=\"p\", value=c.value);", true},
        {"c:[type==\"pcrs\"] => issue(type=\"p\", value=c.type);", true},
        {"c:[type==\"pcrs\"] => issue(type=\"p\", value=ContainsOnlyValue(c.value, \"x\"));", true},
        {"c:[type==\"pcrs\"] => issue(type=\"p\", value=IsSubsetOf(c.value, c.value));", true},
        {"c:[type==\"pcrs\"] && [type==\"pcrs\", value==c.value] => issue(type=\"p\", value=1);",
         true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        RULES_RESULT_AUTO result = {0};
        RULES_AUTO *rules = policy_of("1.2", "=>permit();", cases[i].issuance);
        assert_non_null(rules);
        int status = rules_evaluate(rules, &claims, &result, &err);
        if ((status == 0) != cases[i].allowed)
            fail_msg("%s", cases[i].issuance);
        if (status < 0)
            assert_non_null(strstr(err.text, "may be read and not be issued"));
    }
}

static void configuration_gives_properties(void **state)
{
    (void)state;
    static const char text[] =
        "version=1.1;configurationrules{=>issueproperty(type=\"required_pcr_mask\",value=15);"
        "[type==\"none\"]=>issueproperty(type=\"x\",value=1);};authorizationrules{=>permit();};";
    CLAIMS_AUTO none = {0};
    CLAIMS_AUTO properties = {0};
    RULES_RESULT_AUTO result = {0};
    RULES_AUTO *rules = rules_new(span_of_text(text), &err);
    assert_non_null(rules);
    check_ok(rules_configure(rules, &none, &properties, &err), &err);
    assert_int_equal(properties.count, 1);
    assert_int_equal(json_integer_value(claims_find(&properties, "required_pcr_mask")->value), 15);
    check_ok(rules_evaluate(rules, &none, &result, &err), &err);
    assert_int_equal(result.verdict, RULES_PERMITTED);
    assert_int_equal(result.properties.count, 0);
}

/* Policies that would run for long, or grow without end. */
static void hostile_policies_come_to_an_end(void **state)
{
    (void)state;
    CLAIMS_AUTO claims = {0};
    for (size_t i = 0; i < 3000; i++)
        check_ok(claims_add_integer(&claims, "n", (int64_t)i, CLAIM_SERVICE, &err), &err);
    static const struct {
        const char *rule;
        size_t count;
    } cases[] = {
        {"a:[type==\"n\"]&&[value==a.value]=>add(type=\"m\",value=1);", 2},
        {"a:[type==\"n\"]=>add(type=\"n\",value=a.value);", 2},
        {"a:[type==\"n\"]=>add(type=\"m\",value=IsSubsetOf(a.value,a.value));", 2},
        {"[type!=\"x\"]&&[type!=\"x\"]&&[type!=\"x\"]&&[type!=\"x\"]=>add(type=\"m\",value=1);",
         800},
        {"=>add(type=\"t\",value=JmesPath(\"1\",\"[@,@,@,@]|[@,@,@,@]|[@,@,@,@]|[@,@,@,@]|[@,@,@,@]"
         "|"
         "[@,@,@,@]|[@,@,@,@]|[@,@,@,@]|[@,@,@,@]|[@,@,@,@]\"));",
         8},
        {"=>add(type=\"t\",value=\"xxxxxxxxxxxxxxxx\");", 1000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BUF_AUTO text = BUF_WITH_LIMIT(1 << 20);
        for (size_t k = 0; k < cases[i].count; k++)
            check_ok(buf_append_text(&text, cases[i].rule, &err), &err);
        RULES_AUTO *rules = policy_of("1.2", "=>permit();", buf_text(&text));
        assert_non_null(rules);
        RULES_RESULT_AUTO result = {0};
        int status = rules_evaluate(rules, &claims, &result, &err);
        assert_int_equal(status, i == 5 ? 0 : -1);
        if (status < 0) {
            assert_int_equal(err.code, ERROR_LIMIT);
            assert_int_equal(result.verdict, RULES_DENIED);
        }
    }
}

static void text_that_doubles_is_bounded(void **state)
{
    (void)state;
    BUF_AUTO text = BUF_WITH_LIMIT(1 << 20);
    check_ok(buf_append_text(&text, "=>add(type=\"t0\",value=\"xxxxxxxxxxxxxxxx\");", &err), &err);
    for (int i = 0; i < 40; i++)
        check_ok(
            buf_printf(&text, &err,
                       "c:[type==\"t%d\"]=>add(type=\"t%d\",value=AppendString(c.value,c.value));",
                       i, i + 1),
            &err);
    CLAIMS_AUTO none = {0};
    RULES_RESULT_AUTO result = {0};
    RULES_AUTO *rules = policy_of("1.2", "=>permit();", buf_text(&text));
    assert_non_null(rules);
    check_error(rules_evaluate(rules, &none, &result, &err), &err, ERROR_LIMIT);
}

static void a_reason_is_one_line_of_text(void **state)
{
    (void)state;
    CLAIMS_AUTO claims = {0};
    check_ok(claims_add_text(&claims, "a",
                             "\x1b[31m\nred\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
                             "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
                             "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
                             CLAIM_CUSTOM, &err),
             &err);
    RULES_RESULT_AUTO result = {0};
    RULES_AUTO *rules = policy_of("1.2", "[type==\"a\",\n value==1] => permit();", NULL);
    check_ok(rules_evaluate(rules, &claims, &result, &err), &err);
    for (const char *at = result.reason; *at; at++)
        assert_true((unsigned char)*at >= 0x20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparisons_hold),
        cmocka_unit_test(comparisons_that_do_not_hold_say_what_there_is),
        cmocka_unit_test(who_denies_decides),
        cmocka_unit_test(nothing_is_permitted_unless_a_rule_does),
        cmocka_unit_test(claims_that_rules_add_are_seen_by_later_ones),
        cmocka_unit_test(issues_claims),
        cmocka_unit_test(issued_claims_keep_or_get_their_issuer),
        cmocka_unit_test(a_failure_denies_with_the_line),
        cmocka_unit_test(steps_tell_what_became_of_each_rule),
        cmocka_unit_test(read_only_claims_are_asked_and_not_issued),
        cmocka_unit_test(configuration_gives_properties),
        cmocka_unit_test(hostile_policies_come_to_an_end),
        cmocka_unit_test(text_that_doubles_is_bounded),
        cmocka_unit_test(a_reason_is_one_line_of_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
