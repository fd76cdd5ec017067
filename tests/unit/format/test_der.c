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

static void check_head(size_t size, struct span head)
{
    struct error err = {0};
    struct span content;
    BUF_AUTO body = BUF_WITH_LIMIT(1 << 17);
    BUF_AUTO out = BUF_WITH_LIMIT(1 << 17);
    check_ok(buf_append_zero(&body, size, &err), &err);
    check_ok(der_write(DER_UTF8_STRING, buf_span(&body), &out, &err), &err);
    assert_int_equal(out.size, head.size + size);
    assert_memory_equal(out.data, head.data, head.size);
    struct cursor cursor = cursor_of(buf_span(&out));
    assert_true(der_read(&cursor, DER_UTF8_STRING, &content));
    assert_int_equal(content.size, size);
    assert_true(cursor_at_end(&cursor));
}

#define HEAD(...) span_of(((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__}))

static void writes_the_shortest_length(void **state)
{
    (void)state;
    check_head(0, HEAD(0x0C, 0x00));
    check_head(0x7F, HEAD(0x0C, 0x7F));
    check_head(0x80, HEAD(0x0C, 0x81, 0x80));
    check_head(0xFF, HEAD(0x0C, 0x81, 0xFF));
    check_head(0x100, HEAD(0x0C, 0x82, 0x01, 0x00));
    check_head(0xFFFF, HEAD(0x0C, 0x82, 0xFF, 0xFF));
    check_head(0x10000, HEAD(0x0C, 0x83, 0x01, 0x00, 0x00));
}

static void writes_nothing_past_the_limit(void **state)
{
    (void)state;
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(8);
    check_ok(buf_append_text(&out, "abc", &err), &err);
    check_error(der_write(DER_OCTET_STRING, span_of_text("abcd"), &out, &err), &err, ERROR_LIMIT);
    assert_int_equal(out.size, 3);
    check_ok(der_write(DER_OCTET_STRING, span_of_text("abc"), &out, &err), &err);
    assert_int_equal(out.size, 8);
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
        cmocka_unit_test(writes_the_shortest_length),
        cmocka_unit_test(writes_nothing_past_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
