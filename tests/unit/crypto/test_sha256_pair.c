#include "../check.h"

#include <stdlib.h>

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

/* Pieces of all sizes around a block's, on two messages that get out of step. */
static void pieces_of_two_messages_give_their_digests(void **state)
{
    (void)state;
    static uint8_t bytes[2][70000];
    for (size_t i = 0; i < sizeof bytes[0]; i++) {
        bytes[0][i] = (uint8_t)(i * 11);
        bytes[1][i] = (uint8_t)(i * 17 + 3);
    }
    for (size_t step = 1; step < 300; step++) {
        struct sha256 ctx[2];
        uint8_t out[SHA256_SIZE], expected[SHA256_SIZE];
        size_t at[2] = {0};
        sha256_init(&ctx[0]);
        sha256_init(&ctx[1]);
        for (size_t i = 0; at[0] + 4 * step < sizeof bytes[0]; i++) {
            size_t sizes[2] = {step + i % 3 * step, i % 5 == 0 ? 0 : step + i % 7};
            struct span a = span_of(bytes[0] + at[0], sizes[0]);
            struct span b = span_of(bytes[1] + at[1], sizes[1]);
            sha256_update_pair(&ctx[0], a, &ctx[1], b);
            at[0] += sizes[0];
            at[1] += sizes[1];
            if (at[1] + 2 * step + 7 > sizeof bytes[1])
                break;
        }
        for (int i = 0; i < 2; i++) {
            sha256_final(&ctx[i], out);
            sha256_digest(span_of(bytes[i], at[i]), expected);
            assert_memory_equal(out, expected, SHA256_SIZE);
        }
    }
}

/* The size in bits passes 32 bits after 512 MiB. */
static void counts_past_half_a_gibibyte(void **state)
{
    (void)state;
    enum { PIECE = 1 << 20, PIECES = 513 };
    uint8_t *piece = calloc(1, PIECE), out[2][SHA256_SIZE], expected[SHA256_SIZE];
    struct sha256 a, b, single;
    assert_non_null(piece);
    sha256_init(&a);
    sha256_init(&b);
    sha256_init(&single);
    for (int i = 0; i < PIECES; i++) {
        sha256_update_pair(&a, span_of(piece, PIECE), &b, span_of(piece, PIECE));
        sha256_update(&single, span_of(piece, PIECE));
    }
    sha256_final(&a, out[0]);
    sha256_final(&b, out[1]);
    sha256_final(&single, expected);
    assert_memory_equal(out[0], expected, SHA256_SIZE);
    assert_memory_equal(out[1], expected, SHA256_SIZE);
    free(piece);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_agree_for_all_sizes),
        cmocka_unit_test(equals_the_single_digest),
        cmocka_unit_test(pieces_of_two_messages_give_their_digests),
        cmocka_unit_test(counts_past_half_a_gibibyte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
