#include "../check.h"

#include "evidence/checks.h"

static const struct check_rule rule = {"rule", "section", "remedy"};
static struct checks checks;

static void refuses_an_empty_list_even_if_complete(void **state)
{
    (void)state;
    checks_init(&checks);
    assert_int_equal(checks_verdict(&checks), VERDICT_REFUSED);
    checks_complete(&checks);
    assert_int_equal(checks_verdict(&checks), VERDICT_REFUSED);
    assert_null(checks_first_failure(&checks));
}

static void refuses_a_list_that_is_not_complete(void **state)
{
    (void)state;
    checks_init(&checks);
    assert_true(checks_add(&checks, &rule, CHECK_PASSED, "a", "a"));
    assert_int_equal(checks_verdict(&checks), VERDICT_REFUSED);
    checks_complete(&checks);
    assert_int_equal(checks_verdict(&checks), VERDICT_ACCEPTED);
}

static void one_failure_refuses_and_the_first_is_named(void **state)
{
    (void)state;
    static const struct check_rule first = {"first", "section", "remedy"};
    checks_init(&checks);
    (void)checks_add(&checks, &rule, CHECK_PASSED, "", "");
    (void)checks_add(&checks, &rule, CHECK_SKIPPED, "", "");
    assert_false(checks_add(&checks, &first, CHECK_FAILED, "x", "y"));
    assert_false(checks_add(&checks, &rule, CHECK_FAILED, "", ""));
    checks_complete(&checks);
    assert_int_equal(checks_verdict(&checks), VERDICT_REFUSED);
    assert_string_equal(checks_first_failure(&checks)->rule->name, "first");
    assert_string_equal(checks_first_failure(&checks)->found, "y");
    assert_ptr_equal(checks_find(&checks, "first"), &checks.items[2]);
    assert_null(checks_find(&checks, "second"));
}

static void refuses_more_checks_than_there_is_room_for(void **state)
{
    (void)state;
    checks_init(&checks);
    for (int i = 0; i < CHECKS_MAX; i++)
        assert_true(checks_add(&checks, &rule, CHECK_PASSED, "", ""));
    checks_complete(&checks);
    assert_int_equal(checks_verdict(&checks), VERDICT_ACCEPTED);
    assert_false(checks_add(&checks, &rule, CHECK_PASSED, "", ""));
    assert_int_equal(checks_verdict(&checks), VERDICT_REFUSED);
}

static void compares_bytes_and_keeps_both(void **state)
{
    (void)state;
    static const uint8_t bytes[200] = {0xAB};
    checks_init(&checks);
    assert_true(checks_compare(&checks, &rule, span_of(bytes, 2), span_of(bytes, 2)));
    assert_string_equal(checks.items[0].found, "ab00");
    assert_false(checks_compare(&checks, &rule, span_of(bytes, 2), span_of(bytes, 3)));
    assert_string_equal(checks.items[1].expected, "ab00");
    assert_string_equal(checks.items[1].found, "ab0000");
    /* Cut for people, compared whole. */
    assert_false(checks_compare(&checks, &rule, span_of(bytes, 199), span_of(bytes, 200)));
    assert_int_equal(strlen(checks.items[2].found), CHECK_TEXT_SIZE - 2);
}

static void an_outcome_passes_with_its_text_or_fails_with_the_errors(void **state)
{
    (void)state;
    struct error err = {0};
    checks_init(&checks);
    assert_true(checks_add_outcome(&checks, &rule, 0, "good", "as it should be", &err));
    assert_string_equal(checks.items[0].found, "as it should be");
    (void)error_set(&err, ERROR_REFUSED, "what is wrong");
    assert_false(checks_add_outcome(&checks, &rule, -1, "good", "as it should be", &err));
    assert_string_equal(checks_first_failure(&checks)->expected, "good");
    assert_string_equal(checks_first_failure(&checks)->found, "what is wrong");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_an_empty_list_even_if_complete),
        cmocka_unit_test(refuses_a_list_that_is_not_complete),
        cmocka_unit_test(one_failure_refuses_and_the_first_is_named),
        cmocka_unit_test(refuses_more_checks_than_there_is_room_for),
        cmocka_unit_test(compares_bytes_and_keeps_both),
        cmocka_unit_test(an_outcome_passes_with_its_text_or_fails_with_the_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
