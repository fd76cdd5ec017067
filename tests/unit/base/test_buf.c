#include "../check.h"

#include <stdlib.h>

#include "base/buf.h"

static void appends_and_terminates(void **state)
{
    (void)state;
    struct error err = {0};
    BUF_AUTO buf = BUF_WITH_LIMIT(1000);
    assert_string_equal(buf_text(&buf), "");
    check_ok(buf_append_text(&buf, "ab", &err), &err);
    check_ok(buf_append_byte(&buf, 'c', &err), &err);
    check_ok(buf_append(&buf, span_of(NULL, 0), &err), &err);
    check_ok(buf_printf(&buf, &err, "-%d-%s", 42, "x"), &err);
    assert_string_equal(buf_text(&buf), "abc-42-x");
    assert_int_equal(buf.size, 8);
}

static void grows_past_every_step(void **state)
{
    (void)state;
    struct error err = {0};
    BUF_AUTO buf = BUF_WITH_LIMIT(5000);
    for (size_t i = 0; i < 5000; i++)
        check_ok(buf_append_byte(&buf, (uint8_t)i, &err), &err);
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(buf.data[i], (uint8_t)i);
    assert_int_equal(buf.data[5000], 0);
}

static void writes_integers_little_endian(void **state)
{
    (void)state;
    struct error err = {0};
    BUF_AUTO buf = BUF_WITH_LIMIT(14);
    check_ok(buf_append_le16(&buf, 0x0102, &err), &err);
    check_ok(buf_append_le32(&buf, 0x03040506, &err), &err);
    check_ok(buf_append_le64(&buf, 0x0708090a0b0c0d0e, &err), &err);
    const uint8_t expected[] = {2, 1, 6, 5, 4, 3, 14, 13, 12, 11, 10, 9, 8, 7};
    assert_int_equal(buf.size, sizeof expected);
    assert_memory_equal(buf.data, expected, sizeof expected);
}

static void appends_zeros(void **state)
{
    (void)state;
    struct error err = {0};
    BUF_AUTO buf = BUF_WITH_LIMIT(100);
    check_ok(buf_append_byte(&buf, 1, &err), &err);
    check_ok(buf_append_zero(&buf, 99, &err), &err);
    assert_int_equal(buf.size, 100);
    assert_true(span_is_zero(span_of(buf.data + 1, 99)));
}

static void refuses_one_byte_over_the_limit_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct error err = {0};
    BUF_AUTO buf = BUF_WITH_LIMIT(4);
    check_ok(buf_append_text(&buf, "abcd", &err), &err);
    check_error(buf_append_byte(&buf, 'e', &err), &err, ERROR_LIMIT);
    check_error(buf_append_text(&buf, "ef", &err), &err, ERROR_LIMIT);
    check_error(buf_append_zero(&buf, 1, &err), &err, ERROR_LIMIT);
    check_error(buf_printf(&buf, &err, "%d", 1), &err, ERROR_LIMIT);
    check_error(buf_append_le16(&buf, 1, &err), &err, ERROR_LIMIT);
    assert_string_equal(buf_text(&buf), "abcd");
}

static void refuses_sizes_that_overflow(void **state)
{
    (void)state;
    struct error err = {0};
    BUF_AUTO buf = BUF_WITH_LIMIT(SIZE_MAX);
    check_ok(buf_append_byte(&buf, 'a', &err), &err);
    check_error(buf_reserve(&buf, SIZE_MAX, &err), &err, ERROR_LIMIT);
    check_error(buf_append_zero(&buf, SIZE_MAX - 1, &err), &err, ERROR_MEMORY);
    assert_string_equal(buf_text(&buf), "a");
}

static void takes_nothing_with_a_limit_of_zero(void **state)
{
    (void)state;
    struct error err = {0};
    BUF_AUTO buf = BUF_WITH_LIMIT(0);
    check_ok(buf_append_text(&buf, "", &err), &err);
    check_error(buf_append_byte(&buf, 0, &err), &err, ERROR_LIMIT);
}

static void drops_from_the_front_and_the_back(void **state)
{
    (void)state;
    struct error err = {0};
    BUF_AUTO buf = BUF_WITH_LIMIT(10);
    buf_consume(&buf, 0);
    buf_truncate(&buf, 0);
    check_ok(buf_append_text(&buf, "0123456789", &err), &err);
    buf_consume(&buf, 3);
    assert_string_equal(buf_text(&buf), "3456789");
    buf_truncate(&buf, 2);
    assert_string_equal(buf_text(&buf), "34");
    check_ok(buf_append_text(&buf, "abcdefgh", &err), &err);
    assert_string_equal(buf_text(&buf), "34abcdefgh");
    buf_consume(&buf, 10);
    assert_string_equal(buf_text(&buf), "");
}

static void gives_its_text_away(void **state)
{
    (void)state;
    struct error err = {0};
    struct buf buf = BUF_WITH_LIMIT(10);
    char *text = buf_take_text(&buf);
    assert_string_equal(text, "");
    free(text);
    check_ok(buf_append_text(&buf, "mine", &err), &err);
    text = buf_take_text(&buf);
    assert_string_equal(text, "mine");
    assert_int_equal(buf.size, 0);
    assert_int_equal(buf.limit, 10);
    free(text);
    check_ok(buf_append_text(&buf, "again", &err), &err);
    buf_fini_secret(&buf);
    assert_null(buf.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_and_terminates),
        cmocka_unit_test(grows_past_every_step),
        cmocka_unit_test(writes_integers_little_endian),
        cmocka_unit_test(appends_zeros),
        cmocka_unit_test(refuses_one_byte_over_the_limit_and_keeps_what_it_has),
        cmocka_unit_test(refuses_sizes_that_overflow),
        cmocka_unit_test(takes_nothing_with_a_limit_of_zero),
        cmocka_unit_test(drops_from_the_front_and_the_back),
        cmocka_unit_test(gives_its_text_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
