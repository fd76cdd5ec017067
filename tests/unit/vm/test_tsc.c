/* The rate of the time stamp counter. */
#include "../check.h"

#include "vm/tsc.h"

/* As if the counter had run at 2 GHz for 1,000 s: what passes meanwhile is nothing beside it. */
static void counts_from_an_early_look(void **state)
{
    (void)state;
    struct tsc_look early = tsc_look();
    early.clock_ns -= 1000000000000;
    early.ticks -= 2000000000000;
    assert_in_range(tsc_khz(early), 1990000, 2010000);
}

static void looks_twice_without_one(void **state)
{
    (void)state;
    assert_in_range(tsc_khz((struct tsc_look){0}), 100000, 10000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_from_an_early_look),
        cmocka_unit_test(looks_twice_without_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
