#include "../check.h"

#include "crypto/random.h"

static void fills_every_byte_sooner_or_later(void **state)
{
    (void)state;
    struct error err = {0};
    uint8_t seen[300] = {0};
    uint8_t bytes[300];
    /* That a byte is zero in 32 draws has the chance 2^-256. */
    for (int draw = 0; draw < 32; draw++) {
        memset(bytes, 0, sizeof bytes);
        check_ok(random_bytes(bytes, sizeof bytes, &err), &err);
        for (size_t i = 0; i < sizeof bytes; i++)
            seen[i] |= bytes[i];
    }
    for (size_t i = 0; i < sizeof seen; i++)
        assert_int_not_equal(seen[i], 0);
}

static void never_gives_the_same_twice(void **state)
{
    (void)state;
    struct error err = {0};
    uint8_t one[32];
    uint8_t other[32];
    check_ok(random_bytes(one, sizeof one, &err), &err);
    check_ok(random_bytes(other, sizeof other, &err), &err);
    assert_memory_not_equal(one, other, sizeof one);
}

static void touches_nothing_for_no_bytes(void **state)
{
    (void)state;
    struct error err = {0};
    uint8_t byte = 7;
    check_ok(random_bytes(&byte, 0, &err), &err);
    assert_int_equal(byte, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_every_byte_sooner_or_later),
        cmocka_unit_test(never_gives_the_same_twice),
        cmocka_unit_test(touches_nothing_for_no_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
