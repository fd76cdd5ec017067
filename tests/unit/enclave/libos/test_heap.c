/* Memory that is given out and taken back: no two pieces share a byte, and all comes back. */
#include "../../check.h"

#include <string.h>

#include "enclave/libos/heap.h"

#define SIZE   ((size_t)1 << 16)
#define PIECES 64
#define ROUNDS 20000
#define HEAD   16 /* bytes that a piece takes besides its own */

static _Alignas(16) uint8_t memory[SIZE];
static struct heap heap;

static int set_up(void **state)
{
    (void)state;
    memset(memory, 0xAA, sizeof memory);
    heap_init(&heap, memory, sizeof memory);
    return 0;
}

static void all_comes_back(void)
{
    void *whole = heap_take(&heap, SIZE - 2 * HEAD);
    assert_non_null(whole);
    assert_null(heap_take(&heap, 0));
    heap_give(&heap, whole);
}

static void gives_all_that_there_is(void **state)
{
    size_t count = 0;
    void *last = NULL;
    (void)state;
    all_comes_back();
    for (void *piece; (piece = heap_take(&heap, 100)) != NULL; count++) {
        *(void **)piece = last;
        last = piece;
    }
    assert_int_equal(count, (SIZE - HEAD) / 128);
    while (last) {
        void *next = *(void **)last;
        heap_give(&heap, last);
        last = next;
    }
    all_comes_back();
}

static void refuses_what_it_has_not(void **state)
{
    (void)state;
    assert_null(heap_take(&heap, SIZE - 2 * HEAD + 1));
    assert_null(heap_take(&heap, SIZE_MAX));
    assert_null(heap_take(&heap, SIZE_MAX - HEAD));
    assert_null(heap_take(&heap, SIZE_MAX / 2));
    heap_give(&heap, NULL);
    all_comes_back();
}

static void joins_what_was_given_back_in_any_order(void **state)
{
    static const unsigned orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        void *pieces[3];
        for (size_t k = 0; k < 3; k++)
            assert_non_null(pieces[k] = heap_take(&heap, SIZE / 4));
        for (size_t k = 0; k < 3; k++)
            heap_give(&heap, pieces[orders[i][k]]);
        all_comes_back();
    }
}

/* Each piece is filled with its number, which must be there still when it is given back. */
static void pieces_do_not_overlap(void **state)
{
    struct {
        uint8_t *at;
        size_t size;
    } pieces[PIECES] = {{NULL, 0}};
    uint32_t random = 1;
    size_t given = 0;
    (void)state;
    for (size_t round = 0; round < ROUNDS; round++) {
        random = random * 1664525 + 1013904223;
        size_t i = (random >> 24) % PIECES;
        for (size_t k = 0; k < pieces[i].size; k++)
            assert_int_equal(pieces[i].at[k], i);
        heap_give(&heap, pieces[i].at);
        pieces[i].size = (random >> 8) % 3 == 0 ? 0 : (random & 0xFFF) >> (random >> 12) % 9;
        pieces[i].at = pieces[i].size ? heap_take(&heap, pieces[i].size) : NULL;
        if (!pieces[i].at)
            pieces[i].size = 0;
        given += pieces[i].at != NULL;
        assert_int_equal((uintptr_t)pieces[i].at % 16, 0);
        memset(pieces[i].at ? pieces[i].at : (uint8_t *)&random, (int)i, pieces[i].size);
    }
    assert_true(given > ROUNDS / 3);
    for (size_t i = 0; i < PIECES; i++)
        heap_give(&heap, pieces[i].at);
    all_comes_back();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(gives_all_that_there_is, set_up),
        cmocka_unit_test_setup(refuses_what_it_has_not, set_up),
        cmocka_unit_test_setup(joins_what_was_given_back_in_any_order, set_up),
        cmocka_unit_test_setup(pieces_do_not_overlap, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
