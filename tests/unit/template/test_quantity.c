#include "../check.h"

#include <string.h>

#include "template/quantity.h"

static void reads_quantities(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t thousandths, units;
    } cases[] = {
        {"0", 0, 0},
        {"1", 1000, 1},
        {"250m", 250, 1},
        {"1500m", 1500, 2},
        {"1.5", 1500, 2},
        {".5", 500, 1},
        {"2.", 2000, 2},
        {"+3", 3000, 3},
        {"1k", 1000000, 1000},
        {"1Ki", 1024000, 1024},
        {"1e3", 1000000, 1000},
        {"1E-3", 1, 1},
        {"5n", 1, 1},
        {"0.1m", 1, 1},
        {"2E", UINT64_MAX, UINT64_C(2000000000000000000)},
        {"1.5Gi", UINT64_C(1610612736000), 1610612736},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        uint64_t value = 0;
        if (cases[i].thousandths != UINT64_MAX) {
            check_ok(quantity_parse(cases[i].text, &value, &err), &err);
            assert_true(value == cases[i].thousandths);
        }
        check_ok(quantity_parse_units(cases[i].text, &value, &err), &err);
        assert_true(value == cases[i].units);
    }
}

static void refuses_what_is_no_quantity(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",   ".",   "-1", "1 ",  " 1",  "1KI", "1mi",  "1.2.3", "m",
        "1e", "1e+", "e3", "1kk", "0x1", "1,5", "1e99", "inf",   "1234567890123456789"};
    struct error err;
    uint64_t value;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_error(quantity_parse(texts[i], &value, &err), &err, ERROR_INVALID);
}

static void refuses_quantities_that_do_not_fit(void **state)
{
    (void)state;
    static const char *const texts[] = {"8Ei", "10E", "999999999999999999Ei", "99e18"};
    struct error err;
    uint64_t value;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_error(quantity_parse_units(texts[i], &value, &err), &err, ERROR_LIMIT);
    check_error(quantity_parse("1E", &value, &err), &err, ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_quantities),
        cmocka_unit_test(refuses_what_is_no_quantity),
        cmocka_unit_test(refuses_quantities_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
