#include "../bytes.h"
#include "../check.h"

#include "format/cbor.h"

static struct error err;

static int check_text(const char *text)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(65536);
    assert_true(bytes_append(&bytes, text));
    return cbor_check(buf_span(&bytes), &err);
}

/* RFC 8949, appendix A: the examples that COSE has a use for. */
static void accepts_items_of_every_kind(void **state)
{
    (void)state;
    static const char *const accepted[] = {
        "00",
        "01",
        "0a",
        "17",
        "1818",
        "1819",
        "1864",
        "1903e8",
        "1a000f4240",
        "1b000000e8d4a51000",
        "1bffffffffffffffff",
        "20",
        "29",
        "3863",
        "3903e7",
        "3bffffffffffffffff",
        "f4",
        "f5",
        "f6",
        "c11a514b67b0",
        "d74401020304",
        "40",
        "4401020304",
        "60",
        "6161",
        "6449455446",
        "62225c",
        "62c3bc",
        "63e6b0b4",
        "64f0908591",
        "80",
        "83010203",
        "8301820203820405",
        "a0",
        "a201020304",
        "a26161016162820203",
        "826161a161626163",
        "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
    };
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        if (check_text(accepted[i]) < 0)
            fail_msg("%s: %s", accepted[i], err.text);
    }
}

static void refuses_what_is_malformed_or_not_needed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *words;
    } refused[] = {
        {"", "ends too early"},
        {"18", "ends too early"},
        {"1903", "ends too early"},
        {"43 0102", "ends too early"},
        {"5b ffffffffffffffff 00", "ends too early"},
        {"7b 7fffffffffffffff 00", "ends too early"},
        {"82 01", "ends too early"},
        {"9b ffffffffffffffff 00", "ends too early"},
        {"a1 01", "ends too early"},
        {"c1", "ends too early"},
        {"00 00", "1 bytes follow"},
        {"80 f6", "1 bytes follow"},
        {"1817", "shortest form"},
        {"1900ff", "shortest form"},
        {"1a0000ffff", "shortest form"},
        {"1b00000000ffffffff", "shortest form"},
        {"3817", "shortest form"},
        {"5801 00", "shortest form"},
        {"9801 00", "shortest form"},
        {"b801 00 00", "shortest form"},
        {"1c", "begins no CBOR item"},
        {"3d", "begins no CBOR item"},
        {"5e", "begins no CBOR item"},
        {"5f 41 00 ff", "indefinite"},
        {"7f 61 61 ff", "indefinite"},
        {"9f ff", "indefinite"},
        {"bf ff", "indefinite"},
        {"82 01 ff", "indefinite"},
        {"f7", "only false, true and null"},
        {"f0", "only false, true and null"},
        {"f8ff", "only false, true and null"},
        {"f818", "only false, true and null"},
        {"f90000", "only false, true and null"},
        {"fa47c35000", "only false, true and null"},
        {"fb3ff199999999999a", "only false, true and null"},
        {"61 ff", "not UTF-8"},
        {"62 c080", "not UTF-8"},
        {"a2 01 00 01 00", "a key twice"},
        {"a2 6161 00 6161 00", "a key twice"},
        {"a3 01 00 02 00 01 01", "a key twice"},
        {"81 a1 00 a2 80 00 80 01", "a key twice"},
        {"d818 a2 f6 00 f6 00", "a key twice"},
        {"b841", "at most 64"},
        {"bb ffffffffffffffff", "at most 64"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_refused(check_text(refused[i].text), &err, refused[i].words);
}

static void refuses_what_is_nested_too_deep(void **state)
{
    (void)state;
    static const char *const openers[] = {"81", "c1", "a100"};
    for (size_t i = 0; i < sizeof openers / sizeof *openers; i++) {
        BUF_AUTO bytes = BUF_WITH_LIMIT(1024 * 1024);
        for (int depth = 0; depth < CBOR_DEPTH_MAX; depth++)
            assert_true(bytes_append(&bytes, openers[i]));
        check_ok(buf_append_byte(&bytes, 0, &err), &err);
        check_ok(cbor_check(buf_span(&bytes), &err), &err);
        buf_truncate(&bytes, bytes.size - 1);
        for (int depth = 0; depth < 100000; depth++)
            assert_true(bytes_append(&bytes, openers[i]));
        check_error(cbor_check(buf_span(&bytes), &err), &err, ERROR_LIMIT);
    }
}

static void a_map_may_have_as_many_pairs_as_the_limit(void **state)
{
    (void)state;
    BUF_AUTO bytes = BUF_WITH_LIMIT(4096);
    check_ok(cbor_write_head(&bytes, CBOR_MAP, CBOR_PAIRS_MAX, &err), &err);
    for (int i = 0; i < CBOR_PAIRS_MAX; i++) {
        check_ok(cbor_write_integer(&bytes, i * 1000 - 3000, &err), &err);
        check_ok(cbor_write_bytes(&bytes, span_of("x", 1), &err), &err);
    }
    check_ok(cbor_check(buf_span(&bytes), &err), &err);
    for (size_t size = 0; size < bytes.size; size++)
        check_error(cbor_check(span_of(bytes.data, size), &err), &err, ERROR_INVALID);
}

static void numbers_come_back(void **state)
{
    (void)state;
    static const int64_t numbers[] = {
        0,  23,  24,  255,  256,  65535,  65536,  UINT32_MAX,  4294967296, INT64_MAX,
        -1, -24, -25, -256, -257, -65536, -65537, -4294967297, INT64_MIN};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        BUF_AUTO bytes = BUF_WITH_LIMIT(16);
        struct cbor_item item;
        int64_t back = 1;
        check_ok(cbor_write_integer(&bytes, numbers[i], &err), &err);
        struct cursor cursor = cursor_of(buf_span(&bytes));
        check_ok(cbor_read(&cursor, &item, &err), &err);
        assert_true(cursor_at_end(&cursor));
        assert_true(cbor_integer(&item, &back));
        assert_int_equal(back, numbers[i]);
    }
}

static void what_no_number_holds_is_no_integer(void **state)
{
    (void)state;
    static const char *const texts[] = {"1b8000000000000000", "3b8000000000000000", "40", "f6"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        BUF_AUTO bytes = BUF_WITH_LIMIT(16);
        struct cbor_item item;
        int64_t number;
        assert_true(bytes_append(&bytes, texts[i]));
        struct cursor cursor = cursor_of(buf_span(&bytes));
        check_ok(cbor_read(&cursor, &item, &err), &err);
        assert_false(cbor_integer(&item, &number));
    }
}

static void another_kind_is_refused_by_name(void **state)
{
    (void)state;
    struct cbor_item item;
    struct cursor cursor = cursor_of(span_of("\x61"
                                             "a",
                                             2));
    check_refused(cbor_expect(&cursor, CBOR_MAP, "the header", &item, &err), &err,
                  "the header is a text, not a map");
    cursor = cursor_of(span_of("", 0));
    check_refused(cbor_expect(&cursor, CBOR_MAP, "the header", &item, &err), &err, "the header: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_items_of_every_kind),
        cmocka_unit_test(refuses_what_is_malformed_or_not_needed),
        cmocka_unit_test(refuses_what_is_nested_too_deep),
        cmocka_unit_test(a_map_may_have_as_many_pairs_as_the_limit),
        cmocka_unit_test(numbers_come_back),
        cmocka_unit_test(what_no_number_holds_is_no_integer),
        cmocka_unit_test(another_kind_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
