#include "../check.h"

#include <errno.h>

#include "base/error.h"
#include "base/text.h"

static void sets_code_and_text(void **state)
{
    (void)state;
    struct error err = {.sys = 7};
    assert_int_equal(error_set(&err, ERROR_INVALID, "bad %s %d", "thing", 3), -1);
    assert_int_equal(err.code, ERROR_INVALID);
    assert_int_equal(err.sys, 0);
    assert_string_equal(err.text, "bad thing 3");
}

static void describes_errno(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(error_system(&err, ENOENT, "open %s", "/x"), -1);
    assert_int_equal(err.code, ERROR_SYSTEM);
    assert_int_equal(err.sys, ENOENT);
    assert_string_equal(err.text, "open /x: No such file or directory");
}

static void describes_an_errno_that_has_no_name(void **state)
{
    (void)state;
    struct error err = {0};
    (void)error_system(&err, 99999, "odd");
    assert_string_equal(err.text, "odd: errno 99999");
}

static void puts_context_first_and_keeps_the_code(void **state)
{
    (void)state;
    struct error err = {0};
    (void)error_system(&err, EACCES, "open");
    assert_int_equal(error_context(&err, "layer %d", 2), -1);
    assert_int_equal(err.code, ERROR_SYSTEM);
    assert_int_equal(err.sys, EACCES);
    assert_string_equal(err.text, "layer 2: open: Permission denied");
}

static void accepts_no_error_at_all(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, ERROR_LIMIT, "x"), -1);
    assert_int_equal(error_system(NULL, EIO, "x"), -1);
    assert_int_equal(error_context(NULL, "x"), -1);
    assert_int_equal(error_memory(NULL), -1);
}

static void cuts_a_long_text(void **state)
{
    (void)state;
    char longer[2 * ERROR_TEXT_SIZE];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    struct error err = {0};
    (void)error_set(&err, ERROR_INVALID, "%s", longer);
    assert_int_equal(strlen(err.text), ERROR_TEXT_SIZE - 1);
    (void)error_system(&err, EIO, "%s", longer);
    assert_int_equal(strlen(err.text), ERROR_TEXT_SIZE - 1);
}

static void cuts_what_a_context_pushes_out(void **state)
{
    (void)state;
    char half[ERROR_TEXT_SIZE - 10];
    memset(half, 'y', sizeof half);
    half[sizeof half - 1] = '\0';
    struct error err = {0};
    (void)error_set(&err, ERROR_INVALID, "%s", half);
    (void)error_context(&err, "a context of some length");
    assert_true(text_starts_with(err.text, "a context of some length: yyy"));
    assert_true(strlen(err.text) < ERROR_TEXT_SIZE);
}

static void keeps_the_text_when_the_context_is_too_long(void **state)
{
    (void)state;
    char longer[2 * ERROR_TEXT_SIZE];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    struct error err = {0};
    (void)error_set(&err, ERROR_INVALID, "what was wrong");
    (void)error_context(&err, "%s", longer);
    assert_string_equal(err.text, "what was wrong");
}

static void makes_hostile_values_printable(void **state)
{
    (void)state;
    struct error err = {0};
    (void)error_set(&err, ERROR_INVALID, "name \"%s\"", "a\nb\x1b[2J\xff\xc2\x9b");
    assert_string_equal(err.text, "name \"a b [2J???\"");
    (void)error_context(&err, "file %s", "\r\xc3");
    assert_string_equal(err.text, "file  ?: name \"a b [2J???\"");
}

/* A text that is cut in the middle of a character must still be UTF-8: it goes into JSON. */
static void stays_utf8_where_it_is_cut(void **state)
{
    (void)state;
    char longer[2 * ERROR_TEXT_SIZE] = "";
    for (size_t i = 0; i + 3 < sizeof longer; i += 3)
        memcpy(longer + i, "\xe2\x82\xac", 4);
    struct error err = {0};
    for (int shift = 0; shift < 3; shift++) {
        (void)error_set(&err, ERROR_INVALID, "%.*s%s", shift, "aaa", longer);
        assert_true(text_is_utf8(span_of_text(err.text)));
        (void)error_context(&err, "context");
        assert_true(text_is_utf8(span_of_text(err.text)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_code_and_text),
        cmocka_unit_test(describes_errno),
        cmocka_unit_test(describes_an_errno_that_has_no_name),
        cmocka_unit_test(puts_context_first_and_keeps_the_code),
        cmocka_unit_test(accepts_no_error_at_all),
        cmocka_unit_test(cuts_a_long_text),
        cmocka_unit_test(cuts_what_a_context_pushes_out),
        cmocka_unit_test(keeps_the_text_when_the_context_is_too_long),
        cmocka_unit_test(makes_hostile_values_printable),
        cmocka_unit_test(stays_utf8_where_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
