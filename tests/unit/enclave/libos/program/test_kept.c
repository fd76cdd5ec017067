/* A program's memory is kept aside and put back: pages are played by memory with real protection.
 */
#include "../../../check.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "enclave/libos/door/door.h"
#include "enclave/libos/program/brk.h"
#include "enclave/libos/program/kept.h"
#include "enclave/libos/program/load.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/shared/shared.h"

#define P     ((size_t)MEMORY_PAGE)
#define PAGES ((size_t)100000) /* brk's heap is among them */
#define RW    (MEMORY_READ | MEMORY_WRITE)
#define HEAP  ((size_t)20000) /* its first page */

const uint8_t program_call[1];

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    return number + a + b + c;
}

static bool is_shared;

bool shared_is_used(void)
{
    return is_shared;
}

static uint8_t *range;
static unsigned access_of[PAGES];

static int protect(uintptr_t page, unsigned access)
{
    access_of[(page - (uintptr_t)range) / P] = access;
    return mprotect((void *)page, P, (int)access); /* NOLINT: a page */
}

static int accept_page(uintptr_t page)
{
    return protect(page, RW);
}

static void extend(uintptr_t page, unsigned access)
{
    (void)protect(page, access_of[(page - (uintptr_t)range) / P] | access);
}

static int restrict_access(uintptr_t first, size_t size, unsigned access)
{
    for (size_t i = 0; i < size; i += P)
        assert_int_equal(protect(first + i, access), 0);
    return 0;
}

static uint8_t *page_at(size_t page)
{
    return range + page * P;
}

static void map(size_t page, size_t count, unsigned access)
{
    uintptr_t at = (uintptr_t)page_at(page);
    assert_int_equal(memory_map(&at, count * P, access, true), 0);
}

static int start(void **state)
{
    static const struct memory_leaves leaves = {accept_page, extend, restrict_access, NULL};
    (void)state;
    range = mmap(NULL, PAGES * P, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(range != MAP_FAILED);
    memset(access_of, 0, sizeof access_of);
    assert_int_equal(memory_init((uintptr_t)range, PAGES * P, &leaves), 0);
    map(10, 100, RW);
    map(HEAP, PROGRAM_HEAP_SIZE / P, 0);
    brk_begin((uintptr_t)page_at(HEAP));
    return 0;
}

static int end(void **state)
{
    (void)state;
    return munmap(range, PAGES * P);
}

static struct kept *take(void)
{
    struct kept *kept = NULL;
    assert_int_equal(kept_take(&kept), 0);
    return kept;
}

static void put_back(struct kept *kept)
{
    kept_put_back(kept);
    kept_free(kept);
}

static void bytes_come_back(void **state)
{
    (void)state;
    for (size_t i = 10; i < 110; i += 3)
        memset(page_at(i), (int)i, P);
    struct kept *kept = take();
    memset(page_at(10), 0xEE, 100 * P);
    put_back(kept);
    for (size_t i = 10; i < 110; i++) {
        for (size_t at = 0; at < P; at += 511)
            assert_int_equal(page_at(i)[at], (i - 10) % 3 == 0 ? i : 0);
    }
}

static void a_page_that_came_at_its_first_use_is_zero_again(void **state)
{
    (void)state;
    memory_be_lazy();
    map(200, 24, RW);
    struct kept *kept = take();
    assert_true(memory_fault((uintptr_t)page_at(201)));
    page_at(201)[77] = page_at(203)[77] = 5; /* it came along */
    put_back(kept);
    assert_int_equal(page_at(201)[77] | page_at(203)[77], 0);
    assert_int_equal(access_of[208] | access_of[223], 0); /* nobody has touched these */
}

static void what_cannot_be_written_is_left_alone(void **state)
{
    (void)state;
    memset(page_at(20), 1, P);
    assert_int_equal(memory_protect((uintptr_t)page_at(20), P, MEMORY_READ), 0);
    assert_int_equal(memory_protect((uintptr_t)page_at(21), P, 0), 0);
    struct kept *kept = take();
    memset(page_at(22), 1, P);
    put_back(kept);
    assert_int_equal(access_of[20], MEMORY_READ);
    assert_int_equal(access_of[21], 0);
    assert_int_equal(page_at(20)[5], 1);
    assert_int_equal(page_at(22)[5], 0);
}

static void new_memory_goes_and_old_stays(void **state)
{
    uintptr_t before = 0, between = 0;
    (void)state;
    struct kept *kept = take();
    assert_int_equal(memory_map(&before, 5 * P, RW, false), 0);
    assert_int_equal(memory_map(&between, 500 * P, RW, false), 0);
    put_back(kept);
    assert_false(memory_allows(before, 1, 0));
    assert_false(memory_allows(between, 1, 0) || memory_allows(between + 499 * P, 1, 0));
    assert_true(memory_allows((uintptr_t)page_at(10), 100 * P, RW));
    assert_int_equal(memory_used(), 100 + PROGRAM_HEAP_SIZE / P);
}

static void the_heap_ends_where_it_did_and_grows_into_zeros(void **state)
{
    const uint64_t begin = (uintptr_t)page_at(HEAP);
    (void)state;
    assert_int_equal(brk_move(begin + 100), begin + 100);
    memset(page_at(HEAP), 3, 100);
    struct kept *kept = take();
    assert_int_equal(brk_move(begin + 10 * P), begin + 10 * P);
    memset(page_at(HEAP), 9, 10 * P);
    put_back(kept);
    assert_int_equal(brk_move(0), begin + 100);
    assert_int_equal(page_at(HEAP)[99], 3);
    assert_int_equal(brk_move(begin + 11 * P), begin + 11 * P);
    for (size_t i = 100; i < 11 * P; i++)
        assert_int_equal(page_at(HEAP)[i], 0);
}

static void refuses_more_than_there_may_be(void **state)
{
    struct kept *kept = NULL;
    (void)state;
    map(1000, KEPT_PAGES_MAX + 1, RW);
    for (size_t i = 0; i < KEPT_PAGES_MAX; i++)
        page_at(1000 + i)[1] = 1;
    put_back(take());
    page_at(1000 + KEPT_PAGES_MAX)[1] = 1;
    assert_int_equal(kept_take(&kept), -ENOMEM);
    assert_null(kept);
}

static void refuses_more_runs_than_there_may_be(void **state)
{
    struct kept *kept = NULL;
    (void)state;
    for (size_t i = 0; i < 4096; i++)
        map(200 + 2 * i, 1, RW);
    assert_int_equal(kept_take(&kept), -ENOMEM);
    assert_null(kept);
}

static void refuses_what_is_shared(void **state)
{
    struct kept *kept = NULL;
    (void)state;
    is_shared = true;
    assert_int_equal(kept_take(&kept), -ENOMEM);
    is_shared = false;
    assert_null(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_come_back, start, end),
        cmocka_unit_test_setup_teardown(a_page_that_came_at_its_first_use_is_zero_again, start,
                                        end),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_is_left_alone, start, end),
        cmocka_unit_test_setup_teardown(new_memory_goes_and_old_stays, start, end),
        cmocka_unit_test_setup_teardown(the_heap_ends_where_it_did_and_grows_into_zeros, start,
                                        end),
        cmocka_unit_test_setup_teardown(refuses_more_than_there_may_be, start, end),
        cmocka_unit_test_setup_teardown(refuses_more_runs_than_there_may_be, start, end),
        cmocka_unit_test_setup_teardown(refuses_what_is_shared, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
