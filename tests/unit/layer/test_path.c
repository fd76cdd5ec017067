#include "../check.h"
#include "layer/path.h"

static void cleans_paths_below_the_root(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"/", ""},
        {"a", "a"},
        {"/a//b/", "a/b"},
        {"./a/./b", "a/b"},
        {"a/../b", "b"},
        {"../../x", "x"},
        {"a/b/../../..", ""},
        {"a/.../b", "a/.../b"},
        {"a/..b/c", "a/..b/c"},
        {"..", ""},
        {"a/b/..", "a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        BUF_AUTO out = BUF_WITH_LIMIT(100);
        check_ok(path_clean(span_of_text(cases[i][0]), &out, &err), &err);
        assert_true(span_equal_text(buf_span(&out), cases[i][1]));
    }
}

static void refuses_paths_beyond_the_limit(void **state)
{
    (void)state;
    struct error err;
    BUF_AUTO out = BUF_WITH_LIMIT(4);
    check_error(path_clean(span_of_text("abc/def"), &out, &err), &err, ERROR_LIMIT);
}

static void splits_off_components(void **state)
{
    (void)state;
    struct span rest = span_of_text("a/bc");
    assert_int_equal(path_leaf(rest), 2);
    assert_true(span_equal_text(path_take(&rest), "a"));
    assert_true(span_equal_text(path_take(&rest), "bc"));
    assert_int_equal(rest.size, 0);
}

static void prints_nothing_that_moves_a_cursor(void **state)
{
    (void)state;
    char text[PATH_PRINT_SIZE], large[500];
    assert_string_equal(path_print(span_of("a\x1b[2J\n\0b", 8), text), "a?[2J??b");
    memset(large, 'x', sizeof large);
    assert_int_equal(strlen(path_print(span_of(large, sizeof large), text)), PATH_PRINT_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleans_paths_below_the_root),
        cmocka_unit_test(refuses_paths_beyond_the_limit),
        cmocka_unit_test(splits_off_components),
        cmocka_unit_test(prints_nothing_that_moves_a_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
