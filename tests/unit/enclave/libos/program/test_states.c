/* Bits of many bytes at once are those of each byte, wherever they begin and end. */
#include "../../../check.h"

#include "enclave/libos/program/states.h"

#define COUNT 40

static uint8_t states[COUNT + 2];

/* All but the bits that are asked for, so that a neighbour's bit would be seen. */
static void fill(uint8_t bits)
{
    for (size_t i = 0; i < sizeof states; i++)
        states[i] = (uint8_t)~bits;
}

static void every_place_is_seen(void **state)
{
    (void)state;
    for (unsigned bit = 1; bit < 256; bit *= 2) {
        for (size_t begin = 0; begin < 10; begin++) {
            for (size_t at = 0; at < COUNT; at++) {
                size_t count = COUNT - begin;
                bool is_in = at >= begin;
                fill((uint8_t)bit);
                states[at] |= (uint8_t)bit;
                assert_int_equal(states_have(states + begin, count, (uint8_t)bit), is_in);
                assert_int_equal(states_count(states + begin, count, (uint8_t)bit), is_in);
                assert_int_equal(states_first(states + begin, count, (uint8_t)bit), at == begin);
            }
        }
    }
}

static void one_of_several_bits_is_enough(void **state)
{
    (void)state;
    memset(states, 0, sizeof states);
    assert_false(states_have(states, COUNT, 0xFF));
    states[COUNT - 1] = 4;
    assert_true(states_have(states, COUNT, 4 | 16));
    assert_false(states_have(states, COUNT, 8 | 16));
    assert_false(states_have(states, COUNT - 1, 4));
}

static void counts_and_runs_end_where_they_end(void **state)
{
    (void)state;
    for (size_t run = 0; run <= COUNT; run++) {
        fill(16);
        states_set(states, run, 16);
        for (size_t i = 0; i < sizeof states; i++)
            assert_int_equal(states[i], i < run ? 0xFF : 0xEF);
        assert_int_equal(states_first(states, COUNT, 16), run);
        assert_int_equal(states_count(states, COUNT, 16), run);
        for (size_t end = 0; end <= COUNT; end++) {
            assert_int_equal(states_first(states, end, 16), end < run ? end : run);
            assert_int_equal(states_count(states, end, 16), end < run ? end : run);
        }
    }
}

static void nothing_has_nothing(void **state)
{
    (void)state;
    memset(states, 0xFF, sizeof states);
    assert_false(states_have(states, 0, 0xFF));
    assert_int_equal(states_count(states, 0, 1), 0);
    assert_int_equal(states_first(states, 0, 1), 0);
    states_set(states + 1, 0, 0xFF);
    assert_int_equal(states[1], 0xFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_place_is_seen),
        cmocka_unit_test(one_of_several_bits_is_enough),
        cmocka_unit_test(counts_and_runs_end_where_they_end),
        cmocka_unit_test(nothing_has_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
