#include "../check.h"

#include "policy/points.h"

static void compares_by_number_not_by_text(void **state)
{
    (void)state;
    assert_true(version_compare(VERSION_OF(0, 10, 0), VERSION_OF(0, 9, 0)) > 0);
    assert_true(version_compare(VERSION_OF(0, 4, 1), VERSION_OF(0, 4, 1)) == 0);
    assert_true(version_compare(VERSION_OF(0, 2, 3), VERSION_OF(0, 5, 0)) < 0);
}

static void refuses_what_is_no_version(void **state)
{
    static const char *const wrong[] = {
        "",       "1",    "0.1",  "0.1.0.0", "0.01.0",  "0.1.0-a", " 0.1.0",         "0.1.0 ",
        "v0.1.0", "0..0", "0.1.", "-1.0.0",  "0.1.0+b", "0.1.x",   "4294967296.0.0", "0.1.0\n"};
    struct version out;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(version_parse(wrong[i], &out));
    assert_true(version_parse("0.12.345", &out));
    assert_int_equal(version_compare(out, VERSION_OF(0, 12, 345)), 0);
}

static void names_every_point(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < POLICY_POINT_COUNT; i++) {
        enum policy_point found;
        assert_true(policy_point_of_name(policy_point_name((enum policy_point)i), &found));
        assert_int_equal(found, i);
        assert_true(version_compare(point_info(found)->since, POLICY_API) <= 0);
    }
    enum policy_point none;
    assert_false(policy_point_of_name("mount", &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_by_number_not_by_text),
        cmocka_unit_test(refuses_what_is_no_version),
        cmocka_unit_test(names_every_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
