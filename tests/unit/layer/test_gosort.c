#include <stdlib.h>

#include "../check.h"
#include "layer/gosort.h"

static bool less(void *arg, size_t a, size_t b)
{
    const int *values = arg;
    return values[a] < values[b];
}

/* No ordering: each of two may be less than the other. */
static bool odd_less(void *arg, size_t a, size_t b)
{
    const int *values = arg;
    return values[a] % 10 < values[b] % 10 || values[a] / 10 < values[b] / 10;
}

static void swap(void *arg, size_t a, size_t b)
{
    int *values = arg;
    int keep = values[a];
    values[a] = values[b];
    values[b] = keep;
}

static void sorts_any_number_of_any_pattern(void **state)
{
    (void)state;
    for (size_t count = 0; count < 400; count++) {
        for (int pattern = 0; pattern < 6; pattern++) {
            int values[400];
            unsigned random = 12345;
            for (size_t i = 0; i < count; i++) {
                random = random * 1103515245 + 12345;
                const int kinds[] = {(int)i,       (int)(count - i),   7,
                                     (int)(i % 3), (int)(random >> 8), (int)(i ^ 5)};
                values[i] = kinds[pattern];
            }
            gosort(&(struct gosort){less, swap, values}, count);
            for (size_t i = 1; i < count; i++)
                assert_true(values[i - 1] <= values[i]);
        }
    }
}

static void ends_and_loses_nothing_without_an_ordering(void **state)
{
    (void)state;
    for (size_t count = 0; count < 300; count++) {
        int values[300], seen[1000] = {0};
        for (size_t i = 0; i < count; i++)
            values[i] = (int)(i * 577 % 1000);
        gosort(&(struct gosort){odd_less, swap, values}, count);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(seen[values[i]]++, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_any_number_of_any_pattern),
        cmocka_unit_test(ends_and_loses_nothing_without_an_ordering),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
