#include "../check.h"
#include "crypto/sha256_pair.h"

static void both_ways_agree_for_all_sizes(void **state)
{
    (void)state;
    static uint8_t a[4300], b[4300];
    static const uint8_t prefix[SHA256_PAIR_PREFIX_MAX] = {1, 2, 3};
    static const size_t prefixes[] = {0, 1, 32, 55, 56, 63};
    for (size_t i = 0; i < sizeof a; i++) {
        a[i] = (uint8_t)(i * 7);
        b[i] = (uint8_t)(i * 13 + 1);
    }
    for (size_t size = 0; size < sizeof a; size += size < 400 ? 1 : 97) {
        for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
            uint8_t fast[2][SHA256_SIZE], plain[2][SHA256_SIZE];
            struct span head = span_of(prefix, prefixes[i]);
            sha256_pair(head, a, b, size, fast[0], fast[1]);
            sha256_pair_plain(head, a, b, size, plain[0], plain[1]);
            assert_memory_equal(fast, plain, sizeof fast);
        }
    }
}

static void equals_the_single_digest(void **state)
{
    (void)state;
    uint8_t bytes[2][128], out[2][SHA256_SIZE], expected[SHA256_SIZE];
    memset(bytes[0], 'a', sizeof bytes[0]);
    memset(bytes[1], 'b', sizeof bytes[1]);
    sha256_pair((struct span){0}, bytes[0], bytes[1], 128, out[0], out[1]);
    for (int i = 0; i < 2; i++) {
        sha256_digest(span_of(bytes[i], 128), expected);
        assert_memory_equal(out[i], expected, SHA256_SIZE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_agree_for_all_sizes),
        cmocka_unit_test(equals_the_single_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
