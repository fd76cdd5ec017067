#include "../check.h"
#include "format/tar_number.h"

static void reads_octal_with_filler_around(void **state)
{
    (void)state;
    int64_t value;
    assert_true(tar_parse_octal(span_of("0000644\0", 8), &value));
    assert_int_equal(value, 0644);
    assert_true(tar_parse_octal(span_of(" \0 17 \0", 7), &value));
    assert_int_equal(value, 017);
    assert_true(tar_parse_octal(span_of("\0\0\0\0", 4), &value));
    assert_int_equal(value, 0);
    assert_true(tar_parse_octal(span_of("12\0junk", 7), &value));
    assert_int_equal(value, 012);
}

static void refuses_what_is_not_octal(void **state)
{
    (void)state;
    static const char *const bad[] = {"8", "-1", "+1", "0x1", "1 2", "7777777777777777777777777"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t value;
        assert_false(tar_parse_octal(span_of_text(bad[i]), &value));
    }
}

static void reads_base_256_of_either_sign(void **state)
{
    (void)state;
    int64_t value;
    assert_true(tar_parse_numeric(span_of("\x80\0\0\0\0\0\x01\x02", 8), &value));
    assert_int_equal(value, 0x102);
    assert_true(tar_parse_numeric(span_of("\xff\xff\xff\xff\xff\xff\xff\xfe", 8), &value));
    assert_int_equal(value, -2);
}

static void refuses_base_256_beyond_63_bits(void **state)
{
    (void)state;
    int64_t value;
    assert_false(tar_parse_numeric(span_of("\x80\0\0\1\0\0\0\0\0\0\0\0", 12), &value));
    assert_false(tar_parse_numeric(span_of("\x80\0\0\0\x80\0\0\0\0\0\0\0", 12), &value));
    assert_true(
        tar_parse_numeric(span_of("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12), &value));
    assert_true(value == INT64_MAX);
}

static void reads_decimal_up_to_the_limits(void **state)
{
    (void)state;
    int64_t value;
    assert_true(tar_parse_decimal(span_of_text("9223372036854775807"), &value));
    assert_true(value == INT64_MAX);
    assert_true(tar_parse_decimal(span_of_text("-9223372036854775808"), &value));
    assert_true(value == INT64_MIN);
    assert_true(tar_parse_decimal(span_of_text("+007"), &value));
    assert_int_equal(value, 7);
}

static void refuses_decimal_beyond_or_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "-",
                                      "+",
                                      "1_0",
                                      " 1",
                                      "1 ",
                                      "0x10",
                                      "--1",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t value;
        assert_false(tar_parse_decimal(span_of_text(bad[i]), &value));
    }
}

static void reads_fractions_of_seconds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t sec;
        int32_t nsec;
    } cases[] = {
        {"5", 5, 0},
        {"5.", 5, 0},
        {"5.03", 5, 30000000},
        {"-5", -5, 0},
        {"-0.5", -1, 500000000},
        {"-5.25", -6, 750000000},
        {"1.9999999999", 1, 999999999},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tar_time time;
        assert_true(tar_parse_time(span_of_text(cases[i].text), &time));
        assert_true(time.set);
        assert_int_equal(time.sec, cases[i].sec);
        assert_int_equal(time.nsec, cases[i].nsec);
    }
}

static void refuses_malformed_times(void **state)
{
    (void)state;
    static const char *const bad[] = {"", ".5", "-.5", "5.x", "5.0000000000x", "5.-1", "1e3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tar_time time;
        assert_false(tar_parse_time(span_of_text(bad[i]), &time));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_octal_with_filler_around),
        cmocka_unit_test(refuses_what_is_not_octal),
        cmocka_unit_test(reads_base_256_of_either_sign),
        cmocka_unit_test(refuses_base_256_beyond_63_bits),
        cmocka_unit_test(reads_decimal_up_to_the_limits),
        cmocka_unit_test(refuses_decimal_beyond_or_malformed),
        cmocka_unit_test(reads_fractions_of_seconds),
        cmocka_unit_test(refuses_malformed_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
