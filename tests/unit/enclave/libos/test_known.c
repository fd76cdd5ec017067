/* What is known of a part is just what was kept of it, the oldest go, and no more bytes are kept
 * than may be. */
#include "../../check.h"

#include <stdint.h>
#include <string.h>

#include "enclave/libos/alloc.h"
#include "enclave/libos/known.h"
#include "heap.h"

#define MOST 1000

static struct known known;

static int start(void **state)
{
    (void)state;
    memset(&known, 0, sizeof known);
    return 0;
}

static int end(void **state)
{
    (void)state;
    heap_left = SIZE_MAX;
    for (size_t i = 0; i < KNOWN_PIECES; i++)
        libos_free(known.all[i].bytes);
    return 0;
}

static bool has(const struct known_part *part, const void *bytes, size_t size)
{
    const struct known_piece *piece = known_find(&known, part);
    return piece && piece->size == size && memcmp(piece->bytes, bytes, size) == 0;
}

static void finds_just_the_part(void **state)
{
    const struct known_part part = {1, 2, 3, 4};
    const struct known_part others[] = {{0, 2, 3, 4}, {1, 0, 3, 4}, {1, 2, 0, 4}, {1, 2, 3, 0}};
    (void)state;
    assert_null(known_find(&known, &part));
    known_keep(&known, &part, "some", 4, MOST);
    assert_true(has(&part, "some", 4));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_null(known_find(&known, &others[i]));
    known_keep(&known, &part, "more", 4, MOST); /* it never changes */
    assert_true(has(&part, "some", 4));
    assert_int_equal(known.size, 4);
}

/* That nothing was found is known, too; and nothing is known of a part of zeros. */
static void knows_of_nothing(void **state)
{
    const struct known_part zeros = {0}, part = {1, 2, 3, 4};
    (void)state;
    assert_null(known_find(&known, &zeros));
    known_keep(&known, &part, "", 0, MOST);
    assert_true(has(&part, "", 0));
    assert_int_equal(known.size, 0);
}

static void the_oldest_go_for_their_places(void **state)
{
    (void)state;
    for (uint64_t i = 0; i <= KNOWN_PIECES; i++) {
        const struct known_part part = {.layer = 1, .offset = i};
        known_keep(&known, &part, &i, sizeof i, MOST);
        assert_true(has(&part, &i, sizeof i));
    }
    for (uint64_t i = 0; i <= KNOWN_PIECES; i++) {
        const struct known_part part = {.layer = 1, .offset = i};
        assert_int_equal(has(&part, &i, sizeof i), i > 0);
    }
    assert_int_equal(known.size, KNOWN_PIECES * sizeof(uint64_t));
}

static void the_oldest_go_for_their_bytes(void **state)
{
    static const uint8_t bytes[MOST + 1];
    const struct known_part a = {.file = 1}, b = {.file = 2}, c = {.file = 3}, d = {.file = 4};
    (void)state;
    known_keep(&known, &a, bytes, 400, MOST);
    known_keep(&known, &b, bytes, 600, MOST);
    assert_true(has(&a, bytes, 400) && has(&b, bytes, 600));
    known_keep(&known, &c, bytes, 1, MOST);
    assert_null(known_find(&known, &a));
    assert_true(has(&b, bytes, 600) && has(&c, bytes, 1));
    known_keep(&known, &d, bytes, MOST + 1, MOST);
    assert_null(known_find(&known, &d));
    assert_true(has(&b, bytes, 600) && has(&c, bytes, 1));
    known_keep(&known, &d, bytes, MOST, MOST);
    assert_true(has(&d, bytes, MOST));
    assert_int_equal(known.size, MOST);
}

static void keeps_nothing_without_memory(void **state)
{
    const struct known_part a = {.file = 1}, b = {.file = 2};
    (void)state;
    known_keep(&known, &a, "a", 1, MOST);
    heap_left = 0;
    known_keep(&known, &b, "b", 1, MOST);
    heap_left = SIZE_MAX;
    assert_null(known_find(&known, &b));
    assert_true(has(&a, "a", 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_just_the_part),
        TEST(knows_of_nothing),
        TEST(the_oldest_go_for_their_places),
        TEST(the_oldest_go_for_their_bytes),
        TEST(keeps_nothing_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
