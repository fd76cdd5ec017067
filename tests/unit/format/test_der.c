#include "../check.h"

#include "format/der.h"

#define CURSOR(...)                                                                                \
    cursor_of(span_of(((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})))

static void reads_nested_elements(void **state)
{
    (void)state;
    struct cursor cursor = CURSOR(0x30, 0x07, 0x02, 0x01, 0x05, 0x04, 0x02, 0xAA, 0xBB);
    struct span content;
    uint64_t number;
    uint8_t octets[2];
    assert_true(der_read(&cursor, DER_SEQUENCE, &content));
    assert_true(cursor_at_end(&cursor));
    struct cursor inner = cursor_of(content);
    assert_true(der_read_uint(&inner, DER_INTEGER, 255, &number));
    assert_int_equal(number, 5);
    assert_true(der_copy_octets(&inner, octets, sizeof octets));
    assert_int_equal(octets[1], 0xBB);
    assert_true(cursor_at_end(&inner));
}

static void reads_long_lengths(void **state)
{
    (void)state;
    uint8_t bytes[3 + 200] = {0x04, 0x81, 200};
    struct cursor cursor = cursor_of(span_of(bytes, sizeof bytes));
    struct span content;
    assert_true(der_read(&cursor, DER_OCTET_STRING, &content));
    assert_int_equal(content.size, 200);
    assert_true(cursor_at_end(&cursor));
}

static void refuses_lengths_that_are_not_the_shortest(void **state)
{
    (void)state;
    struct span content;
    struct cursor cursors[] = {
        CURSOR(0x04, 0x81, 0x01, 0xAA),             /* one octet would do */
        CURSOR(0x04, 0x82, 0x00, 0x01, 0xAA),       /* a leading zero */
        CURSOR(0x04, 0x80, 0xAA, 0x00, 0x00),       /* indefinite */
        CURSOR(0x04, 0x84, 0x00, 0x00, 0x00, 0x01), /* four octets of length */
        CURSOR(0x04, 0xFF, 0x01),
        CURSOR(0x04, 0x02, 0xAA), /* more than there is */
        CURSOR(0x04, 0x82, 0xFF), /* a length cut short */
        CURSOR(0x04),
    };
    for (size_t i = 0; i < sizeof cursors / sizeof *cursors; i++) {
        assert_false(der_read(&cursors[i], DER_OCTET_STRING, &content));
        assert_true(cursors[i].failed);
    }
}

static void refuses_another_tag(void **state)
{
    (void)state;
    struct span content;
    struct cursor cursor = CURSOR(0x02, 0x01, 0x05);
    assert_false(der_read(&cursor, DER_OCTET_STRING, &content));
    struct cursor wide = CURSOR(0x1F, 0x01, 0x05);
    assert_false(der_read(&wide, 0x1F, &content));
}

static void reads_numbers_to_their_limits(void **state)
{
    (void)state;
    uint64_t number;
    struct cursor small = CURSOR(0x02, 0x02, 0x00, 0xFF);
    assert_true(der_read_uint(&small, DER_INTEGER, 255, &number));
    assert_int_equal(number, 255);
    struct cursor large = CURSOR(0x02, 0x09, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF);
    assert_true(der_read_uint(&large, DER_INTEGER, UINT64_MAX, &number));
    assert_true(number == UINT64_MAX);
}

static void refuses_numbers_out_of_form_or_range(void **state)
{
    (void)state;
    uint64_t number;
    struct cursor cursors[] = {
        CURSOR(0x02, 0x00),             /* empty */
        CURSOR(0x02, 0x01, 0x80),       /* negative */
        CURSOR(0x02, 0x02, 0x00, 0x05), /* a needless zero */
        CURSOR(0x02, 0x02, 0x01, 0x00), /* 256 */
        CURSOR(0x0A, 0x01, 0x05),       /* ENUMERATED is not INTEGER */
        CURSOR(0x02, 0x09, 0x01, 0, 0, 0, 0, 0, 0, 0, 0),
        CURSOR(0x02, 0x0A, 0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0),
    };
    for (size_t i = 0; i < sizeof cursors / sizeof *cursors; i++) {
        assert_false(der_read_uint(&cursors[i], DER_INTEGER, 255, &number));
        assert_int_equal(number, 0);
    }
}

static void reads_only_two_booleans(void **state)
{
    (void)state;
    bool value;
    struct cursor yes = CURSOR(0x01, 0x01, 0xFF);
    struct cursor no = CURSOR(0x01, 0x01, 0x00);
    struct cursor perhaps = CURSOR(0x01, 0x01, 0x01);
    struct cursor wide = CURSOR(0x01, 0x02, 0xFF, 0xFF);
    assert_true(der_read_bool(&yes, &value) && value);
    assert_true(der_read_bool(&no, &value) && !value);
    assert_false(der_read_bool(&perhaps, &value));
    assert_false(der_read_bool(&wide, &value));
}

static void refuses_octets_of_another_size(void **state)
{
    (void)state;
    uint8_t octets[4] = {1, 1, 1, 1};
    struct cursor cursor = CURSOR(0x04, 0x02, 0xAA, 0xBB);
    assert_false(der_copy_octets(&cursor, octets, sizeof octets));
    assert_true(span_is_zero(span_of(octets, sizeof octets)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_nested_elements),
        cmocka_unit_test(reads_long_lengths),
        cmocka_unit_test(refuses_lengths_that_are_not_the_shortest),
        cmocka_unit_test(refuses_another_tag),
        cmocka_unit_test(reads_numbers_to_their_limits),
        cmocka_unit_test(refuses_numbers_out_of_form_or_range),
        cmocka_unit_test(reads_only_two_booleans),
        cmocka_unit_test(refuses_octets_of_another_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
