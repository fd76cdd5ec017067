#include "policy.h"

#include "rules/rules_lint.h"

static void lint(const char *text, struct rules_warnings *out)
{
    RULES_AUTO *rules = rules_new(span_of_text(text), &err);
    if (!rules)
        fail_msg("%s: %s", text, err.text);
    check_ok(rules_lint(rules, KNOWN_SGX, out, &err), &err);
}

static void is_clean(const char *text)
{
    RULES_WARNINGS_AUTO warnings = {0};
    lint(text, &warnings);
    if (warnings.count > 0)
        fail_msg("%s: line %zu: %s", text, warnings.at[0].line, warnings.at[0].text);
}

/* Exactly one warning. */
static void warns(const char *text, enum rules_warning_kind kind, size_t line, const char *words)
{
    RULES_WARNINGS_AUTO warnings = {0};
    lint(text, &warnings);
    if (warnings.count != 1)
        fail_msg("%s: %zu warnings, the first \"%s\"", text, warnings.count,
                 warnings.count > 0 ? warnings.at[0].text : "");
    assert_int_equal(warnings.at[0].kind, kind);
    assert_int_equal(warnings.at[0].line, line);
    if (!strstr(warnings.at[0].text, words))
        fail_msg("%s: \"%s\" does not hold \"%s\"", text, warnings.at[0].text, words);
}

#define HEAD "version=1.2;\nauthorizationrules{\n"
#define GOOD "[type==\"x-ms-sgx-is-debuggable\", value==false] => permit();\n"

static void sound_policies_are_clean(void **state)
{
    (void)state;
    is_clean(HEAD GOOD "};");
    is_clean(HEAD GOOD "[type==\"x-ms-sgx-svn\", value<3] => deny();};");
    is_clean(HEAD GOOD "};issuancerules{c:[type==\"x-ms-sgx-svn\"] => issue(type=\"svn\", "
                       "value=c.value);\nd:[type==\"svn\", issuer==\"AttestationPolicy\"] => "
                       "issue(claim=d);};");
    is_clean(HEAD "=> add(type=\"mine\", value=1);\n[type==\"mine\", value==\"1\"] => permit();};");
    is_clean(HEAD "[value==1] => permit();};");
    is_clean(HEAD GOOD "};issuancerules{c:[type==\"x-ms-sgx-mrsigner\"] => add(type=c.value, "
                       "value=1);\n[type==\"whatever\"] => issue(type=\"x\", value=1);};");
}

static void says_when_nothing_is_permitted(void **state)
{
    (void)state;
    warns("version=1.0;", WARNING_NOTHING_PERMITS, 0, "everything is denied");
    warns(HEAD "};", WARNING_NOTHING_PERMITS, 0, "everything is denied");
    warns(HEAD "[type==\"x-ms-sgx-svn\"] => deny();};", WARNING_NOTHING_PERMITS, 0, "no rule");
    warns(HEAD "=> deny();};", WARNING_NOTHING_PERMITS, 3, "has no condition");
}

static void says_when_all_is_permitted(void **state)
{
    (void)state;
    warns(HEAD "=> permit();};", WARNING_PERMITS_ALL, 3, "all evidence that verifies");
    warns(HEAD "[type==\"x-ms-sgx-svn\", value<3] => deny();\n=> permit();};", WARNING_PERMITS_ALL,
          4, "that no rule denies");
}

static void finds_rules_that_decide_nothing(void **state)
{
    (void)state;
    RULES_WARNINGS_AUTO warnings = {0};
    lint(HEAD GOOD "=> permit();\n};", &warnings);
    assert_int_equal(warnings.count, 2);
    assert_int_equal(warnings.at[0].kind, WARNING_UNREACHABLE);
    assert_int_equal(warnings.at[0].line, 3);
    assert_non_null(strstr(warnings.at[0].text, "line 4 has decided"));
    RULES_WARNINGS_AUTO denied = {0};
    lint(HEAD GOOD "=> deny();\n};\nissuancerules{ => issue(type=\"a\", value=1); };", &denied);
    assert_int_equal(denied.count, 3);
    assert_int_equal(denied.at[0].line, 3);
    assert_int_equal(denied.at[1].kind, WARNING_NOTHING_PERMITS);
    assert_int_equal(denied.at[2].line, 6);
}

static void finds_conditions_that_contradict_themselves(void **state)
{
    (void)state;
    warns(HEAD GOOD "[type==\"x-ms-sgx-svn\", value==1, value==2] => permit();};",
          WARNING_UNREACHABLE, 4, "never holds");
    warns(HEAD GOOD "[type==\"x-ms-sgx-svn\", type==\"x-ms-sgx-mrsigner\"] => permit();};",
          WARNING_UNREACHABLE, 4, "never holds");
    warns(HEAD GOOD "[type==\"x-ms-sgx-svn\", value==1, value!=1] => permit();};",
          WARNING_UNREACHABLE, 4, "never holds");
    warns(HEAD GOOD "![value==1, value==2] && [type==\"x-ms-sgx-svn\"] => permit();};",
          WARNING_UNREACHABLE, 4, "always holds");
}

static void finds_types_that_nothing_makes(void **state)
{
    (void)state;
    warns(HEAD "[type==\"x-ms-sgx-mrsinger\", value==\"a\"] => permit();};", WARNING_UNKNOWN_TYPE,
          3, "x-ms-sgx-mrsinger");
    warns(HEAD "[type==\"x-ms-sevsnpvm-vmpl\", value==0] => permit();};", WARNING_UNKNOWN_TYPE, 3,
          "neither this kind of evidence");
    warns(HEAD "[type==\"x-ms-sgx-svn\", value==0, issuer==\"AttestationPolicy\"] => permit();};",
          WARNING_UNKNOWN_TYPE, 3, "no rule before this");
    warns(HEAD "[type==\"mine\", issuer==\"AttestationService\"] => permit();};",
          WARNING_UNKNOWN_TYPE, 3, "no evidence of this kind");
    warns(HEAD "[type==\"mine\"] => permit();\n=> add(type=\"mine\", value=1);};",
          WARNING_UNKNOWN_TYPE, 3, "mine");
    warns("version=1.2;configurationrules{=>issueproperty(type=\"mine\",value=1);};\n"
          "authorizationrules{[type==\"mine\"] => permit();};",
          WARNING_UNKNOWN_TYPE, 2, "mine");
}

static void finds_values_of_another_kind(void **state)
{
    (void)state;
    warns(HEAD "[type==\"x-ms-sgx-is-debuggable\", value==\"false\"] => permit();};",
          WARNING_OTHER_KIND, 3, "kind Boolean, and is compared with one of the kind String");
    warns(HEAD "[type==\"x-ms-sgx-svn\", value!=\"3\"] => permit();};", WARNING_OTHER_KIND, 3,
          "kind Integer");
    warns(HEAD "[type==\"x-ms-sgx-mrsigner\", value>3] => permit();};", WARNING_OTHER_KIND, 3,
          "kind String");
}

static void finds_slips_of_the_pen(void **state)
{
    (void)state;
    warns(HEAD "[type=\"x-ms-sgx-svn\"] => permit();};", WARNING_ASSIGNMENT, 3, "read as \"==\"");
    warns(HEAD "c:[type==\"x-ms-sgx-svn\"] => permit();};", WARNING_UNUSED_NAME, 3, "refers to c");
    warns(HEAD GOOD GOOD "};", WARNING_REPEATED, 4, "rule of line 3");
}

static void warnings_are_bounded_and_in_order(void **state)
{
    (void)state;
    BUF_AUTO text = BUF_WITH_LIMIT(RULES_SIZE_MAX);
    check_ok(buf_append_text(&text, HEAD, &err), &err);
    for (int i = 0; i < 400; i++)
        check_ok(buf_append_text(&text, "c:[type==\"nothing\"] => permit();\n", &err), &err);
    check_ok(buf_append_text(&text, "};", &err), &err);
    RULES_WARNINGS_AUTO warnings = {0};
    lint(buf_text(&text), &warnings);
    assert_int_equal(warnings.count, RULES_WARNINGS_MAX);
    for (size_t i = 1; i < warnings.count; i++)
        assert_true(warnings.at[i - 1].line <= warnings.at[i].line);
}

static void claims_are_known_by_their_kind_of_evidence(void **state)
{
    (void)state;
    assert_non_null(known_claim_find("x-ms-sgx-svn", KNOWN_SGX));
    assert_null(known_claim_find("x-ms-sgx-svn", KNOWN_SNP | KNOWN_TDX | KNOWN_TPM));
    assert_non_null(known_claim_find("x-ms-policy-hash", KNOWN_TDX));
    assert_null(known_claim_find("x-ms-policy-hash", 0));
    assert_null(known_claim_find("", KNOWN_ALL));
    for (size_t i = 0; i < known_claim_count; i++)
        assert_ptr_equal(known_claim_find(known_claims[i].type, known_claims[i].of),
                         &known_claims[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_policies_are_clean),
        cmocka_unit_test(says_when_nothing_is_permitted),
        cmocka_unit_test(says_when_all_is_permitted),
        cmocka_unit_test(finds_rules_that_decide_nothing),
        cmocka_unit_test(finds_conditions_that_contradict_themselves),
        cmocka_unit_test(finds_types_that_nothing_makes),
        cmocka_unit_test(finds_values_of_another_kind),
        cmocka_unit_test(finds_slips_of_the_pen),
        cmocka_unit_test(warnings_are_bounded_and_in_order),
        cmocka_unit_test(claims_are_known_by_their_kind_of_evidence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
