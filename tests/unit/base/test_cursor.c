#include "../check.h"

#include "base/cursor.h"

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void reads_integers_of_both_orders(void **state)
{
    (void)state;
    struct cursor cursor = cursor_of(span_of(bytes, sizeof bytes));
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    assert_true(cursor_u8(&cursor, &u8));
    assert_int_equal(u8, 1);
    assert_true(cursor_le16(&cursor, &u16));
    assert_int_equal(u16, 0x0302);
    assert_true(cursor_le32(&cursor, &u32));
    assert_int_equal(u32, 0x07060504);
    assert_true(cursor_le64(&cursor, &u64));
    assert_true(u64 == 0x0f0e0d0c0b0a0908);
    assert_true(cursor_at_end(&cursor));
    cursor = cursor_of(span_of(bytes, sizeof bytes));
    assert_true(cursor_be16(&cursor, &u16));
    assert_int_equal(u16, 0x0102);
    assert_true(cursor_be32(&cursor, &u32));
    assert_int_equal(u32, 0x03040506);
    assert_true(cursor_be64(&cursor, &u64));
    assert_true(u64 == 0x0708090a0b0c0d0e);
    assert_false(cursor_at_end(&cursor));
}

static void borrows_copies_and_skips(void **state)
{
    (void)state;
    struct cursor cursor = cursor_of(span_of(bytes, 6));
    struct span part;
    uint8_t copy[2];
    assert_true(cursor_read(&cursor, 2, &part));
    assert_ptr_equal(part.data, bytes);
    assert_int_equal(part.size, 2);
    assert_true(cursor_skip(&cursor, 2));
    assert_true(cursor_copy(&cursor, copy, 2));
    assert_memory_equal(copy, bytes + 4, 2);
    assert_true(cursor_at_end(&cursor));
    assert_true(cursor_read(&cursor, 0, &part));
    assert_int_equal(part.size, 0);
}

static void reads_nothing_from_an_empty_span(void **state)
{
    (void)state;
    struct cursor cursor = cursor_of(span_of(NULL, 0));
    struct span part;
    uint8_t byte = 9;
    assert_true(cursor_at_end(&cursor));
    assert_true(cursor_read(&cursor, 0, &part));
    assert_true(cursor_copy(&cursor, &byte, 0));
    assert_true(cursor_skip(&cursor, 0));
    assert_int_equal(byte, 9);
    assert_false(cursor_u8(&cursor, &byte));
    assert_int_equal(byte, 0);
}

static void refuses_to_read_past_the_end_at_every_size(void **state)
{
    (void)state;
    for (size_t size = 0; size < 8; size++) {
        struct cursor cursor = cursor_of(span_of(bytes, size));
        uint64_t value = 1;
        uint8_t copy[8] = {1, 1, 1, 1, 1, 1, 1, 1};
        assert_false(cursor_le64(&cursor, &value));
        assert_true(value == 0);
        cursor = cursor_of(span_of(bytes, size));
        assert_false(cursor_copy(&cursor, copy, sizeof copy));
        assert_true(span_is_zero(span_of(copy, sizeof copy)));
        cursor = cursor_of(span_of(bytes, size));
        assert_false(cursor_skip(&cursor, SIZE_MAX));
        assert_false(cursor_at_end(&cursor));
    }
}

static void stays_failed_even_for_what_would_fit(void **state)
{
    (void)state;
    struct cursor cursor = cursor_of(span_of(bytes, 3));
    uint32_t u32;
    uint8_t u8 = 1;
    struct span part;
    assert_false(cursor_be32(&cursor, &u32));
    assert_false(cursor_u8(&cursor, &u8));
    assert_int_equal(u8, 0);
    assert_false(cursor_read(&cursor, 0, &part));
    assert_null(part.data);
    assert_int_equal(cursor.rest.size, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_integers_of_both_orders),
        cmocka_unit_test(borrows_copies_and_skips),
        cmocka_unit_test(reads_nothing_from_an_empty_span),
        cmocka_unit_test(refuses_to_read_past_the_end_at_every_size),
        cmocka_unit_test(stays_failed_even_for_what_would_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
