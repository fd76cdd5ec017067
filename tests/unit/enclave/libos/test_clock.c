/* Time between a host's answers, whatever the host and the TSC say. */
#include "../../check.h"

#include "enclave/libos/clock.h"
#include "enclave/libos/door/door.h"

#define REAL UINT64_C(1700000000000000000)

static uint64_t ticks;     /* of the TSC */
static uint64_t monotonic; /* the host's */
static uint64_t real;
static unsigned asked;
static uint64_t delay; /* ticks and nanoseconds that an answer takes */

uint64_t clock_ticks(void)
{
    return ticks;
}

uint64_t door_clock(enum door_clock clock)
{
    asked++;
    ticks += delay;
    monotonic += delay;
    return clock == DOOR_CLOCK_REAL ? real + monotonic : monotonic;
}

/* One tick a nanosecond. */
static void pass(uint64_t time)
{
    ticks += time;
    monotonic += time;
}

/* The tests follow one another in one life of the clock: its state is the module's own. */
static void asks_until_it_knows_the_rate(void **state)
{
    (void)state;
    ticks = 77;
    monotonic = 1000;
    real = REAL;
    assert_int_equal(clock_now(DOOR_CLOCK_MONOTONIC), 1000);
    pass(4000000);
    assert_int_equal(clock_now(DOOR_CLOCK_MONOTONIC), 4001000);
    assert_int_equal(asked, 4); /* for both clocks, each time */
    pass(2000000);
    delay = 1000000; /* too slow to learn from */
    (void)clock_now(DOOR_CLOCK_MONOTONIC);
    delay = 0;
    (void)clock_now(DOOR_CLOCK_MONOTONIC);
    assert_int_equal(asked, 8);
}

static void is_not_known_without_the_lock_before_that(void **state)
{
    (void)state;
    uint64_t now = 0;
    assert_false(clock_now_without_lock(DOOR_CLOCK_MONOTONIC, &now)); /* in the beginning */
    asks_until_it_knows_the_rate(state);
    assert_true(clock_now_without_lock(DOOR_CLOCK_MONOTONIC, &now));
    assert_int_equal(now, monotonic);
    assert_true(clock_now_without_lock(DOOR_CLOCK_REAL, &now));
    assert_int_equal(now, REAL + monotonic);
    assert_int_equal(asked, 8);
}

static void goes_on_without_the_host(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        pass(999999);
        assert_int_equal(clock_now(DOOR_CLOCK_MONOTONIC), monotonic);
        assert_int_equal(clock_now(DOOR_CLOCK_REAL), REAL + monotonic);
    }
    assert_int_equal(asked, 8);
}

static void is_asked_for_with_the_lock_when_an_answer_is_old(void **state)
{
    (void)state;
    uint64_t now, told = clock_now(DOOR_CLOCK_MONOTONIC);
    const uint64_t before = ticks;
    ticks += 1000000000;
    assert_false(clock_now_without_lock(DOOR_CLOCK_MONOTONIC, &now));
    ticks = 5; /* the TSC went back, behind the answer */
    assert_false(clock_now_without_lock(DOOR_CLOCK_MONOTONIC, &now));
    ticks = before - 1000; /* not as far */
    assert_true(clock_now_without_lock(DOOR_CLOCK_MONOTONIC, &now));
    assert_int_equal(now, told);
    ticks = before;
}

static void asks_again_when_an_answer_is_old(void **state)
{
    (void)state;
    pass(1000000000);
    assert_int_equal(clock_now(DOOR_CLOCK_MONOTONIC), monotonic);
    assert_int_equal(asked, 10);
    real += 5000000000; /* which is seen then */
    pass(1200000000);
    assert_int_equal(clock_now(DOOR_CLOCK_REAL), REAL + 5000000000 + monotonic);
    assert_int_equal(asked, 12);
}

static void never_goes_back(void **state)
{
    (void)state;
    uint64_t before = clock_now(DOOR_CLOCK_MONOTONIC);
    monotonic -= 3000000;
    ticks += 2000000000; /* old, and so asked: the host is behind */
    assert_int_equal(clock_now(DOOR_CLOCK_MONOTONIC), before);
    ticks = 5; /* as on another machine */
    assert_int_equal(clock_now(DOOR_CLOCK_MONOTONIC), before);
    pass(4000000);
    assert_true(clock_now(DOOR_CLOCK_MONOTONIC) > before);
}

static void takes_no_rate_that_cannot_be(void **state)
{
    (void)state;
    const uint64_t steps[][2] = {
        {1, 1000000000}, {1000000000, 1}, {1, UINT64_C(1) << 62}, {UINT64_C(1) << 63, 1}, {0, 0}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        uint64_t before = clock_now(DOOR_CLOCK_MONOTONIC);
        uint64_t real_before = clock_now(DOOR_CLOCK_REAL);
        ticks += steps[i][0];
        monotonic += steps[i][1];
        assert_true(clock_now(DOOR_CLOCK_MONOTONIC) >= before);
        assert_true(clock_now(DOOR_CLOCK_REAL) >= real_before);
        assert_true(clock_now(DOOR_CLOCK_MONOTONIC) <= INT64_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_not_known_without_the_lock_before_that),
        cmocka_unit_test(goes_on_without_the_host),
        cmocka_unit_test(is_asked_for_with_the_lock_when_an_answer_is_old),
        cmocka_unit_test(asks_again_when_an_answer_is_old),
        cmocka_unit_test(never_goes_back),
        cmocka_unit_test(takes_no_rate_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
