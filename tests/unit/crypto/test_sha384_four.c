#include "../check.h"

#include "crypto/sha384_four.h"

#define SIZE_MAX_HERE 4224

static uint8_t messages[SHA384_FOUR * SIZE_MAX_HERE];

static void fill(void)
{
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof messages; i++) {
        x = x * 1664525 + 1013904223;
        messages[i] = (uint8_t)(x >> 24);
    }
}

static void each_lane_equals_the_single_digest(void **state)
{
    (void)state;
    fill();
    for (size_t size = 0; size <= SIZE_MAX_HERE; size += 128) {
        uint8_t four[SHA384_FOUR][SHA384_SIZE];
        sha384_four(messages, size, four);
        for (size_t i = 0; i < SHA384_FOUR; i++) {
            uint8_t single[SHA384_SIZE];
            sha384_digest(span_of(messages + i * size, size), single);
            assert_memory_equal(four[i], single, SHA384_SIZE);
        }
    }
}

static void the_fallback_agrees(void **state)
{
    (void)state;
    fill();
    uint8_t four[SHA384_FOUR][SHA384_SIZE];
    uint8_t plain[SHA384_FOUR][SHA384_SIZE];
    sha384_four(messages, 4096, four);
    sha384_four_plain(messages, 4096, plain);
    assert_memory_equal(four, plain, sizeof four);
}

static void every_byte_counts_in_its_lane_alone(void **state)
{
    (void)state;
    fill();
    uint8_t before[SHA384_FOUR][SHA384_SIZE];
    sha384_four(messages, 256, before);
    for (size_t at = 0; at < (size_t)SHA384_FOUR * 256; at += 5) {
        uint8_t after[SHA384_FOUR][SHA384_SIZE];
        messages[at] ^= 0x10;
        sha384_four(messages, 256, after);
        messages[at] ^= 0x10;
        for (size_t i = 0; i < SHA384_FOUR; i++)
            assert_int_equal(memcmp(before[i], after[i], SHA384_SIZE) == 0, i != at / 256);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_lane_equals_the_single_digest),
        cmocka_unit_test(the_fallback_agrees),
        cmocka_unit_test(every_byte_counts_in_its_lane_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
