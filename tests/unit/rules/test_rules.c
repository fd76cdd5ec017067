/* How policies are read. What they decide: test_rules_evaluate.c, test_rules_functions.c. */
#include "policy.h"

static void refused(const char *text, const char *words)
{
    err = (struct error){0};
    RULES_AUTO *rules = rules_new(span_of_text(text), &err);
    if (rules)
        fail_msg("accepted: %s", text);
    if (!strstr(err.text, words))
        fail_msg("%s: \"%s\" does not hold \"%s\"", text, err.text, words);
}

static void a_policy_is_read_with_its_lines(void **state)
{
    (void)state;
    static const char text[] =
        "\xef\xbb\xbfVersion= 1.1; // a comment; => deny();\r\n"
        "configurationrules\n{\n\t=> issueproperty(type=\"a\", value=-5);\n};\n"
        "AuthorizationRules { c:[type==\"x\" , issuer==\"AttestationService\"]&&\n"
        "[value==c.value,valueType!=\"Integer\"] => permit(); };\n"
        "issuancerules{ c:[type==\"x\"]=>issue(claim=c); =>issue(value=true,type=\"\\\"\\\\\");};";
    RULES_AUTO *rules = rules_new(span_of_text(text), &err);
    if (!rules)
        fail_msg("%s", err.text);
    assert_int_equal(rules_version(rules), 1);
    assert_int_equal(rules_count(rules), 4);
    struct rules_info info = rules_info(rules, 0);
    assert_int_equal(info.section, RULES_CONFIGURATION);
    assert_int_equal(info.action, RULES_ISSUE_PROPERTY);
    assert_int_equal(info.line, 4);
    assert_true(span_equal_text(info.text, "=> issueproperty(type=\"a\", value=-5)"));
    info = rules_info(rules, 1);
    assert_int_equal(info.line, 6);
    assert_true(info.text.data[info.text.size - 1] == ')');
    assert_int_equal(rules_info(rules, 3).action, RULES_ISSUE);
    assert_int_equal(rules_info(rules, 3).line, 8);
}

static void sections_may_be_absent_or_empty(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "version=1.0;",
        "version=1.0;authorizationrules{};",
        "version=1.2;configurationrules{};authorizationrules{};issuancerules{};",
        "version=1.2;issuancerules{};",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        RULES_AUTO *rules = rules_new(span_of_text(texts[i]), &err);
        assert_non_null(rules);
        assert_int_equal(rules_count(rules), 0);
    }
}

static void refuses_what_is_no_policy(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "line 1, column 1: expected version=1.2;, found the end"},
        {"authorizationrules{};", "expected version"},
        {"version=2.0;", "1.0, 1.1 or 1.2"},
        {"version=1.3;", "1.0, 1.1 or 1.2"},
        {"version=1.02;", "1.0, 1.1 or 1.2"},
        {"version=01.2;", "1.0, 1.1 or 1.2"},
        {"version=1;", "expected \".\""},
        {"version=1.2", "expected \";\""},
        {"version 1.2;", "expected \"=\""},
        {"version=1.2;version=1.2;", "expected configurationrules"},
        {"version=1.2;rules{};", "found rules"},
        {"version=1.2;authorizationrules{}", "expected \";\" after the section"},
        {"version=1.2;authorizationrules{", "found the end of the policy"},
        {"version=1.2;authorizationrules{};authorizationrules{};", "there twice"},
        {"version=1.2;issuancerules{};authorizationrules{};", "sections come as"},
        {"version=1.0;configurationrules{};", "of version 1.1"},
        {"version=1.2;authorizationrules{};}", "found }"},
        {"version=1.2;\x80", "not UTF-8"},
        {"version=1.2;\n\n  #", "line 3, column 3: this character begins nothing"},
        {"version=1.2;/* no */", "begins nothing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cases[i][0], cases[i][1]);
}

static void refuses_wrong_rules(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"permit();", "\":\" after the condition's name"},
        {"=> permit()", "\";\" after the rule"},
        {"=> permit(1);", "takes no claim"},
        {"=> permit;", "expected \"(\""},
        {"=> Permit();", "expected permit, deny"},
        {"=> issue(type=\"a\",value=1);", "issue() is not of authorizationrules"},
        {"=> issueproperty(type=\"a\",value=1);", "is not of authorizationrules"},
        {"=> add();", "expected type, value"},
        {"=> add(type=\"a\");", "expected type= and value="},
        {"=> add(value=1);", "expected type= and value="},
        {"=> add(type=\"a\",type=\"b\",value=1);", "given twice"},
        {"=> add(type=\"a\",value=1,issuer=\"CustomClaim\");", "have the issuer AttestationPolicy"},
        {"=> add(type=\"\",value=1);", "a type is text"},
        {"=> add(type=1,value=1);", "a type is text"},
        {"=> add(type=\"a\",value=1,valueType=\"Float\");", "valueType is \"String\""},
        {"=> add(type=\"a\",value==1);", "expected \"=\""},
        {"=> add(\"a\",value=1);", "expected type, value"},
        {"=> add(type=\"a\",value=1.5);", "expected \")\""},
        {"=> add(claim=c);", "expected the name of a condition"},
        {"=> add(claim=\"c\");", "expected the name of a condition"},
        {"=> add(type=\"a\",value=c.value);", "expected the name of a condition"},
        {"[] => permit();", "expected type, value"},
        {"[type==\"a\"] permit();", "\"&&\" or \"=>\""},
        {"[type==\"a\"] && => permit();", "expected \"[\""},
        {"[type==\"a\"] [type==\"b\"] => permit();", "\"&&\" or \"=>\""},
        {"[type==\"a\" type==\"b\"] => permit();", "\",\" or \"]\""},
        {"[type==\"a\",] => permit();", "expected type, value"},
        {"[Type==\"a\"] => permit();", "expected type, value"},
        {"[color==\"a\"] => permit();", "expected type, value"},
        {"[type] => permit();", "expected one of =="},
        {"[type=>\"a\"] => permit();", "expected one of =="},
        {"[type<\"a\"] => permit();", "only integers are smaller"},
        {"[value>=\"1\"] => permit();", "only integers are smaller"},
        {"[value<true] => permit();", "only integers are smaller"},
        {"[type==1] => permit();", "are text"},
        {"[issuer==\"attestationservice\"] => permit();", "an issuer is"},
        {"[valueType==\"string\"] => permit();", "a valueType is"},
        {"c[type==\"a\"] => permit();", "\":\" after the condition's name"},
        {"c:[type==\"a\"]&&c:[type==\"b\"] => permit();", "a second condition of this name"},
        {"JmesPath:[type==\"a\"] => permit();", "the name of a function"},
        {"c:![type==\"a\"] => permit();", "expected \"[\""},
        {"!c:[type==\"a\"] => permit();", "expected \"[\""},
        {"!![type==\"a\"] => permit();", "expected \"[\""},
        {"c:[value==c.value] => permit();", "expected the name of a condition"},
        {"[value==d.value]&&d:[type==\"a\"] => permit();", "expected the name of a condition"},
        {"c:[type==\"a\"] => permit(); [value==c.value] => permit();", "expected the name"},
        {"c:[type==\"a\"]&&[value==c] => permit();", "expected \".\""},
        {"c:[type==\"a\"]&&[value==c.color] => permit();", "expected type, value"},
        {"[value==JmesPath(\"{}\")] => permit();", "one more argument"},
        {"[value==JmesPath(\"{}\",\"a\",\"b\")] => permit();", "expected \")\""},
        {"[value==JsonToClaimValue()] => permit();", "expected text, an integer"},
        {"[value==jmespath(\"{}\",\"a\")] => permit();", "expected the name of a condition"},
        {"[value==9223372036854775808] => permit();", "64 bits"},
        {"[value==-9223372036854775809] => permit();", "64 bits"},
        {"[value==0x10] => permit();", "a letter in an integer"},
        {"[value==-] => permit();", "without an integer"},
        {"[value==True] => permit();", "expected the name of a condition"},
        {"[value==\"a] => permit();", "does not end on its line"},
        {"[value==\"a\nb\"] => permit();", "does not end on its line"},
        {"[value==\"\\n\"] => permit();", "a backslash stands only before"},
        {"[value==\"\\", "a backslash stands only before"},
        {"[type==\xe2\x80\x9d"
         "a\xe2\x80\x9d] => permit();",
         "a curly quote"},
        {"[type=='a'] => permit();", "begins nothing"},
        {"[type==\"a\"] || [type==\"b\"] => permit();", "begins nothing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        RULES_AUTO *rules = policy_of("1.2", cases[i][0], NULL);
        if (rules)
            fail_msg("accepted: %s", cases[i][0]);
        if (!strstr(err.text, cases[i][1]) || !strstr(err.text, "policy: line "))
            fail_msg("%s: \"%s\" does not hold \"%s\"", cases[i][0], err.text, cases[i][1]);
    }
}

static void older_versions_lack_what_came_later(void **state)
{
    (void)state;
    static const char *const newer[] = {
        "![type==\"a\"] => permit();",
        "[value==AppendString(\"a\",\"b\")] => permit();",
    };
    for (size_t i = 0; i < 2; i++) {
        RULES_AUTO *first = policy_of("1.0", newer[i], NULL);
        assert_null(first);
        assert_non_null(strstr(err.text, "of version 1.2"));
        RULES_AUTO *second = policy_of("1.1", newer[i], NULL);
        assert_null(second);
        RULES_AUTO *third = policy_of("1.2", newer[i], NULL);
        assert_non_null(third);
    }
}

static void actions_belong_to_sections(void **state)
{
    (void)state;
    static const struct {
        const char *action;
        bool configuration, authorization, issuance;
    } cases[] = {
        {"permit()", false, true, false},
        {"deny()", false, true, false},
        {"add(type=\"a\",value=1)", false, true, true},
        {"issue(type=\"a\",value=1)", false, false, true},
        {"issueproperty(type=\"a\",value=1)", true, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const char *const sections[] = {"configurationrules", "authorizationrules",
                                               "issuancerules"};
        const bool allowed[] = {cases[i].configuration, cases[i].authorization, cases[i].issuance};
        for (size_t k = 0; k < 3; k++) {
            char text[256];
            (void)snprintf(text, sizeof text, "version=1.2;%s{=>%s;};", sections[k],
                           cases[i].action);
            RULES_AUTO *rules = rules_new(span_of_text(text), &err);
            assert_int_equal(rules != NULL, allowed[k]);
        }
    }
}

static void repeat(struct buf *out, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_ok(buf_append_text(out, text, &err), &err);
}

static void refuses_too_much_of_anything(void **state)
{
    (void)state;
    static const struct {
        const char *before, *repeated, *after;
        size_t count;
    } cases[] = {
        {"version=1.2;", " ", "", RULES_SIZE_MAX},
        {"version=1.2;authorizationrules{", "=>permit();", "};", RULES_MAX + 1},
        {"version=1.2;authorizationrules{", "[type==\"a\"]&&", "[type==\"b\"]=>permit();};",
         RULES_CONDITIONS_MAX},
        {"version=1.2;authorizationrules{[", "value==1,", "value==1]=>permit();};",
         RULES_PARTS_MAX},
        {"version=1.2;authorizationrules{[value==", "NegateBool(", "true", RULES_DEPTH_MAX + 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BUF_AUTO text = BUF_WITH_LIMIT(1 << 20);
        repeat(&text, cases[i].before, 1);
        repeat(&text, cases[i].repeated, cases[i].count);
        repeat(&text, cases[i].after, 1);
        err = (struct error){0};
        assert_null(rules_new(buf_span(&text), &err));
        assert_int_equal(err.code, ERROR_LIMIT);
    }
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    static const char text[] =
        "version=1.2;authorizationrules{c:[type==\"x\",value!=-1]&&![value=="
        "AppendString(c.value,\"y\")]=>permit();};issuancerules{=>issue(type="
        "\"a\",value=true);};";
    for (size_t size = 0; size < sizeof text - 1; size++) {
        RULES_AUTO *rules = rules_new(span_of(text, size), &err);
        if (rules) /* a whole number of sections */
            assert_true(text[size - 1] == ';');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_is_read_with_its_lines),
        cmocka_unit_test(sections_may_be_absent_or_empty),
        cmocka_unit_test(refuses_what_is_no_policy),
        cmocka_unit_test(refuses_wrong_rules),
        cmocka_unit_test(older_versions_lack_what_came_later),
        cmocka_unit_test(actions_belong_to_sections),
        cmocka_unit_test(refuses_too_much_of_anything),
        cmocka_unit_test(refuses_every_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
