#include "../check.h"

#include "format/timestamp.h"

static void reads_and_writes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1969-12-31T23:59:59Z", -1},
        {"2000-02-29T12:00:00Z", 951825600},
        {"2026-06-01T00:00:00Z", 1780272000},
        {"2049-12-31T23:59:59Z", 2524607999},
        {"2100-03-01T00:00:00Z", 4107542400},
        {"0001-01-01T00:00:00Z", -62135596800},
        {"9999-12-31T23:59:59Z", 253402300799},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[TIMESTAMP_SIZE];
        int64_t seconds = 1;
        timestamp_write(cases[i].seconds, text);
        assert_string_equal(text, cases[i].text);
        assert_true(timestamp_read(cases[i].text, &seconds));
        assert_int_equal(seconds, cases[i].seconds);
    }
}

static void every_day_of_400_years_comes_back(void **state)
{
    (void)state;
    for (int64_t day = -1000; day < 146097; day++) {
        char text[TIMESTAMP_SIZE];
        int64_t seconds = 0;
        timestamp_write(day * 86400 + 86399, text);
        assert_true(timestamp_read(text, &seconds));
        assert_int_equal(seconds, day * 86400 + 86399);
    }
}

static void refuses_other_forms_and_impossible_dates(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "2026-06-01",
        "2026-06-01T00:00:00",
        "2026-06-01t00:00:00z",
        "2026-06-01 00:00:00Z",
        "2026-06-01T00:00:00+00:00",
        "2026-06-01T00:00:00.0Z",
        "2026-06-01T00:00:00Z ",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-04-00T00:00:00Z",
        "2026-04-01T24:00:00Z",
        "2026-04-01T00:60:00Z",
        "2026-04-01T00:00:60Z",
        "0000-01-01T00:00:00Z",
        "+026-04-01T00:00:00Z",
    };
    int64_t seconds;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_false(timestamp_read(refused[i], &seconds));
}

static void writes_a_mark_for_times_out_of_range(void **state)
{
    (void)state;
    char text[TIMESTAMP_SIZE];
    static const int64_t out_of_range[] = {INT64_MIN, INT64_MAX, -62135596801, 253402300800};
    for (size_t i = 0; i < sizeof out_of_range / sizeof *out_of_range; i++) {
        timestamp_write(out_of_range[i], text);
        assert_string_equal(text, "?");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes),
        cmocka_unit_test(every_day_of_400_years_comes_back),
        cmocka_unit_test(refuses_other_forms_and_impossible_dates),
        cmocka_unit_test(writes_a_mark_for_times_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
