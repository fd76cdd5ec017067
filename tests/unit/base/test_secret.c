#include "../check.h"

#include "base/secret.h"

static void wipes_every_byte_and_no_other(void **state)
{
    (void)state;
    uint8_t bytes[] = {1, 2, 3, 4};
    secret_wipe(bytes + 1, 2);
    const uint8_t expected[] = {1, 0, 0, 4};
    assert_memory_equal(bytes, expected, sizeof bytes);
    secret_wipe(NULL, 0);
    secret_wipe(bytes, 0);
    assert_int_equal(bytes[0], 1);
}

static void tells_equal_from_different_at_every_position(void **state)
{
    (void)state;
    uint8_t a[32] = {0};
    uint8_t b[32] = {0};
    assert_true(secret_equal(span_of(a, 32), span_of(b, 32)));
    assert_true(secret_equal(span_of(NULL, 0), span_of(NULL, 0)));
    assert_false(secret_equal(span_of(a, 32), span_of(b, 31)));
    for (size_t i = 0; i < 32 * 8; i++) {
        b[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_false(secret_equal(span_of(a, 32), span_of(b, 32)));
        b[i / 8] = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wipes_every_byte_and_no_other),
        cmocka_unit_test(tells_equal_from_different_at_every_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
