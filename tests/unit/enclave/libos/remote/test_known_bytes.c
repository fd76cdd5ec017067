/* Bytes of layers' files are known by the file, the place and the size. */
#include "../../../check.h"

#include <stdlib.h>
#include <string.h>

#include "../heap.h"
#include "enclave/libos/known.h"
#include "enclave/libos/remote/known_bytes.h"

#define FILE_A UINT64_C(0x100000007)
#define SIZE   4096

static uint8_t bytes[KNOWN_BYTES_PIECE + 1];
static uint8_t out[KNOWN_BYTES_PIECE + 1];

static bool has(uint64_t file, uint64_t offset, size_t size, uint8_t first)
{
    memset(out, 0xEE, size);
    bool is_known = known_bytes_get(file, offset, out, size);
    assert_int_equal(out[0], is_known ? first : 0xEE);
    return is_known;
}

static void keep(uint64_t file, uint64_t offset, size_t size, uint8_t first)
{
    bytes[0] = first;
    known_bytes_keep(file, offset, bytes, size);
}

/* The oldest are gone then. */
static void forget_all(void)
{
    for (uint64_t i = 0; i < KNOWN_PIECES; i++)
        keep(UINT64_MAX - i, 0, 1, 0);
}

static void knows_just_what_was_kept(void **state)
{
    (void)state;
    assert_false(has(FILE_A, SIZE, SIZE, 0));
    keep(FILE_A, SIZE, SIZE, 3);
    assert_true(has(FILE_A, SIZE, SIZE, 3));
    assert_false(has(FILE_A + 1, SIZE, SIZE, 0));
    assert_false(has(FILE_A, 0, SIZE, 0));
    assert_false(has(FILE_A, SIZE, SIZE - 1, 0)); /* a part of it was not asked for */
    assert_false(has(FILE_A, SIZE, SIZE + 1, 0));
    assert_false(has(FILE_A, SIZE + 1, SIZE - 1, 0));
    assert_false(has(0, 0, 0, 0xEE)); /* no free place is a piece */
    forget_all();
    assert_false(has(FILE_A, SIZE, SIZE, 0));
}

static void what_is_known_stays_as_it_was(void **state)
{
    (void)state;
    keep(FILE_A, 0, SIZE, 3);
    keep(FILE_A, 0, SIZE, 4); /* a layer's file cannot say this */
    assert_true(has(FILE_A, 0, SIZE, 3));
    memset(bytes, 0x11, SIZE);
    assert_true(has(FILE_A, 0, SIZE, 3));
    memset(bytes, 0, SIZE);
    forget_all();
}

static void refuses_what_is_too_large_or_nothing(void **state)
{
    (void)state;
    keep(FILE_A, 0, KNOWN_BYTES_PIECE + 1, 3);
    assert_false(has(FILE_A, 0, KNOWN_BYTES_PIECE + 1, 0));
    keep(FILE_A, 0, 0, 3);
    assert_false(known_bytes_get(FILE_A, 0, out, 0));
    keep(FILE_A, 0, KNOWN_BYTES_PIECE, 3);
    assert_true(has(FILE_A, 0, KNOWN_BYTES_PIECE, 3));
    forget_all();
}

static void the_oldest_go_where_bytes_or_places_are_few(void **state)
{
    (void)state;
    const uint64_t most = KNOWN_BYTES_MAX / KNOWN_BYTES_PIECE;
    for (uint64_t i = 0; i <= most; i++)
        keep(FILE_A, i, KNOWN_BYTES_PIECE, (uint8_t)(i + 1));
    assert_false(has(FILE_A, 0, KNOWN_BYTES_PIECE, 0));
    for (uint64_t i = 1; i <= most; i++)
        assert_true(has(FILE_A, i, KNOWN_BYTES_PIECE, (uint8_t)(i + 1)));
    for (uint64_t i = 0; i < KNOWN_PIECES; i++)
        keep(FILE_A + 1, i, 1, (uint8_t)i);
    assert_false(has(FILE_A, most, KNOWN_BYTES_PIECE, 0));
    assert_true(has(FILE_A + 1, 0, 1, 0));
    keep(FILE_A + 2, 0, 1, 9);
    assert_false(has(FILE_A + 1, 0, 1, 0xEE));
    assert_true(has(FILE_A + 1, 1, 1, 1));
    forget_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_just_what_was_kept),
        cmocka_unit_test(what_is_known_stays_as_it_was),
        cmocka_unit_test(refuses_what_is_too_large_or_nothing),
        cmocka_unit_test(the_oldest_go_where_bytes_or_places_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
