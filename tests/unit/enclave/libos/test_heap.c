/* Memory that is given out and taken back: no two pieces share a byte, and all comes back. */
#include "../../check.h"

#include <errno.h>
#include <stdbool.h>
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

/* --- growing ---------------------------------------------------------------------------------- */

#define ROOM (4 * HEAP_STEP)
#define PAGE 4096

static _Alignas(4096) uint8_t growing[SIZE + ROOM];
static size_t pages_left; /* that the host gives */

static int accept_one(uintptr_t page)
{
    assert_int_equal(page % PAGE, 0);
    assert_true(page >= (uintptr_t)growing + SIZE && page < (uintptr_t)growing + sizeof growing);
    if (pages_left == 0)
        return -EIO;
    pages_left--;
    memset((void *)page, 0, PAGE); /* NOLINT: of `growing` */
    return 0;
}

static int set_up_growing(void **state)
{
    (void)state;
    memset(growing, 0xAA, sizeof growing);
    pages_left = SIZE_MAX;
    heap_init(&heap, growing, SIZE);
    heap_set_room(&heap, ROOM, accept_one);
    return 0;
}

static void grows_by_what_is_wanted(void **state)
{
    (void)state;
    void *first = heap_take(&heap, SIZE - 2 * HEAD);
    assert_int_equal(heap.size, SIZE); /* not before it must */
    void *second = heap_take(&heap, 100);
    assert_int_equal(heap.size, SIZE + HEAP_STEP);
    void *third = heap_take(&heap, HEAP_STEP + 100);
    assert_int_equal(heap.size, SIZE + 2 * HEAP_STEP);
    assert_null(heap_take(&heap, ROOM));
    assert_int_equal(heap.size, SIZE + 2 * HEAP_STEP);
    heap_give(&heap, second);
    heap_give(&heap, first);
    heap_give(&heap, third);
    void *whole = heap_take(&heap, SIZE + ROOM - 2 * HEAD); /* what comes is one with what was */
    assert_ptr_equal(whole, first);
    assert_null(heap_take(&heap, 0));
    memset(whole, 7, SIZE + ROOM - 2 * HEAD);
    heap_give(&heap, whole);
    assert_int_equal(heap.room, 0);
}

static void refuses_what_the_room_has_not(void **state)
{
    static const size_t sizes[] = {ROOM + SIZE, SIZE_MAX / 8, SIZE_MAX / 4, SIZE_MAX - HEAD,
                                   SIZE_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_null(heap_take(&heap, sizes[i]));
    assert_int_equal(heap.size, SIZE);
}

/* A host that gives fewer pages: what there is can be had, and the rest when it gives more. */
static void grows_by_fewer_pages_where_there_are_no_more(void **state)
{
    (void)state;
    void *first = heap_take(&heap, SIZE - 2 * HEAD);
    pages_left = 0;
    assert_null(heap_take(&heap, 100));
    assert_int_equal(heap.size, SIZE);
    pages_left = 2;
    assert_null(heap_take(&heap, 3 * PAGE));
    assert_int_equal(heap.size, SIZE + 2 * PAGE);
    void *second = heap_take(&heap, 2 * PAGE - HEAD);
    assert_non_null(second);
    pages_left = SIZE_MAX;
    void *third = heap_take(&heap, 3 * PAGE);
    assert_non_null(third);
    heap_give(&heap, first);
    heap_give(&heap, second);
    heap_give(&heap, third);
    assert_ptr_equal(heap_take(&heap, SIZE + HEAP_STEP), first);
}

static bool is_zeroed(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

/* Pieces of any size are written to, given back and taken again, while the heap grows. */
static void what_is_wanted_zeroed_is_zero(void **state)
{
    void *pieces[PIECES] = {NULL};
    size_t sizes[PIECES] = {0}, zeroed = 0;
    uint32_t random = 7;
    (void)state;
    for (size_t round = 0; round < 4000; round++) {
        random = random * 1664525 + 1013904223;
        size_t i = (random >> 24) % PIECES;
        heap_give(&heap, pieces[i]);
        sizes[i] = (random & 0xFFFF) >> (random >> 16) % 9;
        pieces[i] = random >> 31 ? heap_take_zeroed(&heap, sizes[i]) : heap_take(&heap, sizes[i]);
        if (!pieces[i])
            continue;
        if (random >> 31) {
            assert_true(is_zeroed(pieces[i], sizes[i]));
            zeroed++;
        }
        memset(pieces[i], 0xEE, sizes[i]);
    }
    assert_true(zeroed > 500 && heap.size > SIZE + HEAP_STEP);
    for (size_t i = 0; i < PIECES; i++)
        heap_give(&heap, pieces[i]);
    size_t all = heap.size - 2 * HEAD;
    uint8_t *whole = heap_take_zeroed(&heap, all);
    assert_non_null(whole);
    assert_true(is_zeroed(whole, all));
    heap_give(&heap, whole);
}

/* Nothing is written to pages that nobody has asked for. */
static void fresh_memory_is_not_touched(void **state)
{
    (void)state;
    void *first = heap_take(&heap, SIZE - 2 * HEAD);
    uint8_t *fresh = heap_take_zeroed(&heap, HEAP_STEP / 2);
    assert_ptr_equal(heap.fresh, fresh + HEAP_STEP / 2 + 32);
    memset(heap.fresh, 0xCD, 64); /* as nobody may */
    uint8_t *next = heap_take_zeroed(&heap, 100);
    assert_int_equal(next[60], 0xCD);
    assert_true(is_zeroed(next, 16));
    heap_give(&heap, next);
    next = heap_take_zeroed(&heap, 100);
    assert_true(is_zeroed(next, 100)); /* it was given out before */
    heap_give(&heap, first);
    first = heap_take_zeroed(&heap, SIZE - 2 * HEAD);
    assert_true(is_zeroed(first, SIZE - 2 * HEAD));
    assert_null(heap_take_zeroed(&heap, SIZE_MAX));
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
        cmocka_unit_test_setup(grows_by_what_is_wanted, set_up_growing),
        cmocka_unit_test_setup(refuses_what_the_room_has_not, set_up_growing),
        cmocka_unit_test_setup(grows_by_fewer_pages_where_there_are_no_more, set_up_growing),
        cmocka_unit_test_setup(what_is_wanted_zeroed_is_zero, set_up_growing),
        cmocka_unit_test_setup(fresh_memory_is_not_touched, set_up_growing),
        cmocka_unit_test_setup(pieces_do_not_overlap, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
