#include "../check.h"

#include <stdlib.h>

#include "base/text.h"

static void reads_numbers_up_to_the_bound(void **state)
{
    (void)state;
    uint64_t value;
    assert_true(text_to_u64("0", 0, &value));
    assert_true(value == 0);
    assert_true(text_to_u64("65535", 65535, &value));
    assert_true(value == 65535);
    assert_true(text_to_u64("18446744073709551615", UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
}

static void refuses_what_is_no_plain_number(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "-1",
        "+1",
        " 1",
        "1 ",
        "01",
        "00",
        "0x10",
        "1e3",
        "1.0",
        "1\n",
        "one",
        "١",
        "1,000",
        "-",
        "--",
        "1-",
        "१२",
        "\xff",
        "18446744073709551616",
        "99999999999999999999999",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        uint64_t value = 77;
        assert_false(text_to_u64(refused[i], UINT64_MAX, &value));
        assert_true(value == 77);
    }
}

static void refuses_one_more_than_the_bound(void **state)
{
    (void)state;
    uint64_t value = 77;
    assert_false(text_to_u64("1", 0, &value));
    assert_false(text_to_u64("65536", 65535, &value));
    assert_true(value == 77);
}

static void accepts_utf8_at_its_edges(void **state)
{
    (void)state;
    static const char *const accepted[] = {
        "",
        "abc",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
    };
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++)
        assert_true(text_is_utf8(span_of_text(accepted[i])));
    assert_true(text_is_utf8(span_of("a\0b", 3)));
}

static void refuses_malformed_utf8(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "\x80",             /* a continuation alone */
        "a\xbf",            /* the same, later */
        "\xc0\xaf",         /* overlong, two bytes */
        "\xc1\xbf",         /* the same */
        "\xe0\x9f\xbf",     /* overlong, three */
        "\xf0\x8f\xbf\xbf", /* overlong, four */
        "\xed\xa0\x80",     /* a surrogate */
        "\xed\xbf\xbf",     /* the last surrogate */
        "\xf4\x90\x80\x80", /* above 10FFFF */
        "\xf5\x80\x80\x80", /* no such lead */
        "\xff",             /* no such lead */
        "\xc2",             /* cut */
        "\xe2\x82",         /* cut */
        "\xf0\x9f\x90",     /* cut */
        "\xc2z",            /* no continuation */
        "\xe2\x82\xc0",     /* no continuation */
        "\xf8\x88\x80\x80\x80",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_false(text_is_utf8(span_of_text(refused[i])));
}

/* Eight bytes are looked at at a time: a malformed one is found wherever it stands. */
static void finds_malformed_utf8_in_long_texts(void **state)
{
    (void)state;
    uint8_t text[40];
    for (size_t size = 1; size <= sizeof text; size++) {
        for (size_t at = 0; at < size; at++) {
            memset(text, 'x', sizeof text);
            assert_true(text_is_utf8(span_of(text, size)));
            text[at] = 0x80;
            assert_false(text_is_utf8(span_of(text, size)));
            text[at] = 0xc3; /* cut at the end, without its continuation elsewhere */
            assert_false(text_is_utf8(span_of(text, size)));
            if (at + 1 == size)
                continue;
            text[at + 1] = 0xa9;
            assert_true(text_is_utf8(span_of(text, size)));
        }
    }
}

static void makes_any_bytes_printable(void **state)
{
    (void)state;
    char text[] = "a\tb\nc\x7f\x1b\xc2\x85\xc2\xa0\xe2\x82\xac\xe2\x82";
    text_make_printable(text);
    assert_string_equal(text, "a b c  ?\?\xc2\xa0\xe2\x82\xac??");
    for (unsigned first = 1; first < 256; first++) {
        for (unsigned second = 1; second < 256; second++) {
            char pair[] = {(char)first, (char)second, '\0'};
            text_make_printable(pair);
            assert_int_equal(strlen(pair), 2);
            assert_true(text_is_utf8(span_of_text(pair)));
        }
    }
}

static void compares_starts_and_ends(void **state)
{
    (void)state;
    assert_true(text_starts_with("abc", ""));
    assert_true(text_starts_with("abc", "abc"));
    assert_false(text_starts_with("abc", "abcd"));
    assert_false(text_starts_with("", "a"));
    assert_true(text_ends_with("abc", ""));
    assert_true(text_ends_with("abc", "bc"));
    assert_false(text_ends_with("bc", "abc"));
    assert_false(text_ends_with("abc", "ab"));
}

static void copies_only_what_fits(void **state)
{
    (void)state;
    char out[4] = "xyz";
    assert_true(text_copy(out, sizeof out, "abc"));
    assert_string_equal(out, "abc");
    assert_false(text_copy(out, sizeof out, "abcd"));
    assert_string_equal(out, "");
    assert_false(text_copy(out, 0, ""));
}

static void duplicates_spans_without_zero_bytes(void **state)
{
    (void)state;
    TEXT_AUTO copy = text_dup_span(span_of_text("abc"));
    assert_string_equal(copy, "abc");
    TEXT_AUTO empty = text_dup_span(span_of(NULL, 0));
    assert_string_equal(empty, "");
    assert_null(text_dup_span(span_of("a\0b", 3)));
    assert_null(text_dup_span(span_of("ab\0", 3)));
    TEXT_AUTO formatted = text_format("%s-%d", "x", 7);
    assert_string_equal(formatted, "x-7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_numbers_up_to_the_bound),
        cmocka_unit_test(refuses_what_is_no_plain_number),
        cmocka_unit_test(refuses_one_more_than_the_bound),
        cmocka_unit_test(accepts_utf8_at_its_edges),
        cmocka_unit_test(refuses_malformed_utf8),
        cmocka_unit_test(finds_malformed_utf8_in_long_texts),
        cmocka_unit_test(makes_any_bytes_printable),
        cmocka_unit_test(compares_starts_and_ends),
        cmocka_unit_test(copies_only_what_fits),
        cmocka_unit_test(duplicates_spans_without_zero_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
