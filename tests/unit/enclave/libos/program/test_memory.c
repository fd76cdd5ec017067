/* Pages as the enclave has them are played; memory is what the test's own process has. */
#include "../../../check.h"

#include <errno.h>
#include <string.h>

#include "enclave/libos/program/memory.h"

#define PAGES 192
#define P     ((size_t)MEMORY_PAGE)

static _Alignas(4096) uint8_t range[PAGES * 4096];
static unsigned access_of[PAGES]; /* by the processor's word */
static int accepted[PAGES];
static int fail_after = 1000;
static int extends;
static const uint8_t *seen; /* where nothing may have been cleared before all is widened */

static size_t page_of(uintptr_t at)
{
    assert_true(at % P == 0 && at >= (uintptr_t)range && at < (uintptr_t)range + sizeof range);
    return (at - (uintptr_t)range) / P;
}

static int accept_page(uintptr_t page)
{
    if (fail_after-- <= 0)
        return -EIO;
    assert_int_equal(accepted[page_of(page)]++, 0); /* no page twice */
    access_of[page_of(page)] = MEMORY_READ | MEMORY_WRITE;
    memset(range + page_of(page) * P, 0, P);
    return 0;
}

static void extend(uintptr_t page, unsigned access)
{
    assert_int_equal(accepted[page_of(page)], 1);
    assert_true(!seen || *seen == 0x55);
    extends++;
    access_of[page_of(page)] |= access;
}

static int restrict_access(uintptr_t first, size_t size, unsigned access)
{
    for (size_t i = 0; i < size; i += P) {
        assert_int_equal(accepted[page_of(first + i)], 1);
        access_of[page_of(first + i)] &= access;
    }
    return 0;
}

static size_t grown; /* bytes of the range that were asked for */
static int grow_status;

static int grow(uintptr_t first, size_t size)
{
    assert_int_equal(first, (uintptr_t)range + grown);
    if (grow_status == 0)
        grown += size;
    return grow_status;
}

static int remove_pages(uintptr_t first, size_t size)
{
    for (size_t i = 0; i < size; i += P) {
        assert_int_equal(accepted[page_of(first + i)], 1);
        accepted[page_of(first + i)] = 0;
        access_of[page_of(first + i)] = 0;
    }
    return 0;
}

static int set_up(void **state)
{
    static const struct memory_leaves leaves = {accept_page, extend, restrict_access,
                                                grow,        NULL,   remove_pages};
    (void)state;
    memset(range, 0xAA, sizeof range);
    memset(access_of, 0, sizeof access_of);
    memset(accepted, 0, sizeof accepted);
    fail_after = 1000;
    grown = 0;
    grow_status = 0;
    return memory_init((uintptr_t)range, sizeof range, &leaves);
}

static uintptr_t map(size_t pages, unsigned access)
{
    uintptr_t at = 0;
    assert_int_equal(memory_map(&at, pages * P, access, false), 0);
    return at;
}

static void gives_zeroed_pages_with_the_access_asked_for(void **state)
{
    (void)state;
    uintptr_t at = map(2, MEMORY_READ);
    uintptr_t other = map(1, MEMORY_READ | MEMORY_EXECUTE);
    assert_int_equal(access_of[page_of(at)], MEMORY_READ);
    assert_int_equal(access_of[page_of(other)], MEMORY_READ | MEMORY_EXECUTE);
    assert_true(span_is_zero(span_of((void *)at, 2 * P)));
    assert_int_equal(memory_used(), 3);
    assert_true(memory_allows(at + 5, 2 * P - 5, MEMORY_READ));
    assert_false(memory_allows(at, 1, MEMORY_WRITE));
    assert_false(memory_allows(at + 2 * P - 1, 2, MEMORY_EXECUTE));
}

static void pages_without_access_are_not_taken_before_they_have_one(void **state)
{
    (void)state;
    uintptr_t at = map(4, 0);
    assert_int_equal(accepted[page_of(at)], 0);
    assert_true(memory_allows(at, 1, 0));
    assert_false(memory_allows(at, 1, MEMORY_READ));
    assert_false(memory_is_there(at, 1, 0));
    assert_int_equal(memory_protect(at + P, P, MEMORY_WRITE), 0);
    assert_int_equal(accepted[page_of(at + P)], 1);
    assert_int_equal(accepted[page_of(at + 2 * P)], 0);
    assert_true(memory_allows(at + P, P, MEMORY_READ | MEMORY_WRITE));
    assert_int_equal(memory_protect(at, 4 * P, 0), 0);
    assert_int_equal(access_of[page_of(at + P)], 0);
}

static void pages_that_come_again_are_zero(void **state)
{
    (void)state;
    uintptr_t at = map(1, MEMORY_READ | MEMORY_WRITE);
    memset((void *)at, 0x55, P);
    assert_int_equal(memory_protect(at, P, MEMORY_EXECUTE), 0);
    assert_int_equal(memory_unmap(at, P), 0);
    assert_false(memory_allows(at, 1, MEMORY_READ));
    assert_int_equal(memory_map(&at, P, MEMORY_READ | MEMORY_WRITE, true), 0);
    assert_true(span_is_zero(span_of((void *)at, P)));
    assert_int_equal(access_of[page_of(at)], MEMORY_READ | MEMORY_WRITE);
}

static void finds_room_until_there_is_none(void **state)
{
    (void)state;
    uintptr_t at = map(10, 0);
    uintptr_t none = 0;
    (void)map(PAGES - 10, 0);
    assert_int_equal(memory_map(&none, 1, 0, false), -ENOMEM);
    assert_int_equal(memory_unmap(at + 3 * P, 2 * P), 0);
    assert_int_equal(memory_map(&none, 3 * P, 0, false), -ENOMEM);
    assert_int_equal(map(2, 0), at + 3 * P);
}

static void uses_pages_again_before_it_takes_new_ones(void **state)
{
    (void)state;
    uintptr_t at = map(4, MEMORY_READ);
    (void)map(2, MEMORY_READ);
    assert_int_equal(memory_unmap(at + P, P), 0);
    assert_int_equal(memory_unmap(at + 3 * P, P), 0);
    assert_int_equal(map(1, MEMORY_READ), at + P); /* the search began anew at the range's end */
    assert_int_equal(map(2, MEMORY_READ), at + 6 * P); /* for which no hole is large enough */
    assert_int_equal(map(1, MEMORY_READ), at + 3 * P);
    assert_int_equal(memory_unmap(at + 7 * P, P), 0);
    assert_int_equal(map(3, MEMORY_READ), at + 7 * P); /* partly of those at the end */
    assert_int_equal(memory_taken(), 10);
}

static void maps_where_it_is_wished_if_that_is_free(void **state)
{
    (void)state;
    uintptr_t begin = (uintptr_t)range;
    uintptr_t at = begin + 5 * P + 7;
    assert_int_equal(memory_map(&at, 2 * P, MEMORY_READ, false), 0);
    assert_int_equal(at, begin + 5 * P);
    at = begin + 6 * P;
    assert_int_equal(memory_map(&at, P, MEMORY_READ, false), 0);
    assert_int_equal(at, begin);
    at = begin + (PAGES - 1) * P;
    assert_int_equal(memory_map(&at, 2 * P, MEMORY_READ, false), 0); /* it would reach beyond */
    assert_int_equal(at, begin + P);
}

static void far_pages_have_nothing_before_they_are_mapped(void **state)
{
    struct memory_run run;
    (void)state;
    uintptr_t far = (uintptr_t)range + (PAGES - 1) * P;
    assert_false(memory_allows(far, P, 0));
    assert_false(memory_fault(far));
    assert_int_equal(memory_touch(far, P), 0);
    assert_int_equal(memory_protect(far, P, MEMORY_READ), -ENOMEM);
    assert_int_equal(memory_unmap(far, P), 0);
    assert_int_equal(grown, 0); /* and nobody was asked for them */
    assert_int_equal(memory_map(&far, P, MEMORY_READ, true), 0);
    assert_int_equal(grown, sizeof range);
    assert_false(memory_allows(far - P, P, 0));
    assert_true(memory_next(0, &run));
    assert_int_equal(run.begin, far);
    assert_int_equal(memory_used(), 1);
}

static void says_when_the_host_gives_no_range(void **state)
{
    (void)state;
    uintptr_t at = 0;
    grow_status = -ENOMEM;
    assert_int_equal(memory_map(&at, P, MEMORY_READ, false), -ENOMEM);
    assert_int_equal(memory_used(), 0);
    grow_status = 0;
    assert_int_equal(map(1, MEMORY_READ), (uintptr_t)range);
}

/* Of a range that is only addresses. */
static void takes_no_more_than_it_may(void **state)
{
    static const struct memory_leaves none = {accept_page, extend, restrict_access, NULL};
    const size_t size = (MEMORY_TAKEN_MAX + 16) * P;
    (void)state;
    uintptr_t at = UINT64_C(1) << 40;
    assert_int_equal(memory_init(at, size, &none), 0);
    memory_be_lazy();
    assert_int_equal(memory_all(), MEMORY_TAKEN_MAX);
    assert_int_equal(memory_map(&at, size, MEMORY_READ | MEMORY_WRITE, true), -ENOMEM);
    assert_int_equal(memory_used(), 0);
    assert_int_equal(memory_map(&at, size, 0, true), 0); /* addresses are free */
    assert_int_equal(memory_protect(at, size, MEMORY_READ), -ENOMEM);
    assert_int_equal(memory_protect(at, size - 16 * P, MEMORY_READ | MEMORY_WRITE), 0);
    assert_int_equal(memory_taken(), 0);
}

static void takes_no_more_than_it_was_bound_to(void **state)
{
    (void)state;
    memory_bound(4 * P + 1);
    assert_int_equal(memory_bounded(), 4 * P);
    assert_int_equal(memory_all(), 4);
    uintptr_t at = 0;
    assert_int_equal(memory_map(&at, 5 * P, MEMORY_READ, false), -ENOMEM);
    at = map(3, MEMORY_READ);
    uintptr_t more = 0;
    assert_int_equal(memory_map(&more, 2 * P, MEMORY_READ, false), -ENOMEM);
    assert_int_equal(memory_map(&more, 2 * P, 0, false), 0); /* addresses are free */
    assert_int_equal(memory_protect(more, 2 * P, MEMORY_READ), -ENOMEM);
    assert_int_equal(memory_unmap(at, 3 * P), 0);
    at = map(3, MEMORY_READ); /* what it had is used again */
    memory_bound(0);          /* less than it has: it keeps that, and gets no more */
    assert_int_equal(memory_map(&more, P, MEMORY_READ, false), -ENOMEM);
    assert_true(memory_allows(at, 3 * P, MEMORY_READ));
    memory_bound(UINT64_MAX);
    assert_int_equal(memory_bounded(), MEMORY_TAKEN_MAX * P);
}

static void refuses_what_is_no_range_of_it(void **state)
{
    (void)state;
    uintptr_t begin = (uintptr_t)range;
    const struct {
        uintptr_t at;
        size_t size;
    } cases[] = {
        {begin - P, P}, {begin + PAGES * P, P},        {begin, (PAGES + 1) * P}, {begin, SIZE_MAX},
        {begin + 1, P}, {begin + P, SIZE_MAX - P + 1}, {UINTPTR_MAX - P + 1, P}, {0, P}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uintptr_t at = cases[i].at;
        assert_true(memory_map(&at, cases[i].size, MEMORY_READ, true) < 0);
        assert_true(memory_unmap(cases[i].at, cases[i].size) < 0);
        assert_true(memory_protect(cases[i].at, cases[i].size, MEMORY_READ) < 0);
        assert_false(memory_allows(cases[i].at, cases[i].size, MEMORY_READ));
    }
    assert_int_equal(memory_protect(begin, P, MEMORY_READ), -ENOMEM); /* not mapped */
    assert_int_equal(memory_used(), 0);
}

static void another_program_finds_nothing_mapped(void **state)
{
    (void)state;
    uintptr_t at = map(3, MEMORY_READ | MEMORY_WRITE);
    memset((void *)at, 0x55, 3 * P);
    memory_reset();
    assert_int_equal(memory_used(), 0);
    assert_false(memory_allows(at, 1, MEMORY_READ));
    assert_int_equal(map(PAGES, MEMORY_READ), (uintptr_t)range); /* none is accepted twice */
    assert_true(span_is_zero(span_of(range, sizeof range)));
}

static void pages_wait_for_their_first_access(void **state)
{
    (void)state;
    memory_be_lazy();
    uintptr_t at = map(18, MEMORY_READ | MEMORY_WRITE);
    uintptr_t code = map(2, MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE);
    uintptr_t other = map(1, MEMORY_READ); /* nothing would be seen of waiting */
    assert_int_equal(accepted[page_of(other)], 1);
    assert_int_equal(accepted[page_of(at)], 0);
    assert_true(memory_allows(at, 18 * P, MEMORY_READ | MEMORY_WRITE));
    assert_false(memory_is_there(at, 1, MEMORY_READ));
    assert_true(memory_fault(at + P + 5));
    for (size_t i = 0; i < 16; i++) { /* and its neighbours */
        assert_int_equal(accepted[page_of(at + i * P)], 1);
        assert_int_equal(access_of[page_of(at + i * P)], MEMORY_READ | MEMORY_WRITE);
    }
    assert_true(memory_is_there(at, 16 * P, MEMORY_READ | MEMORY_WRITE));
    assert_false(memory_is_there(at, 16 * P + 1, MEMORY_READ));
    assert_true(memory_fault(code)); /* without those that wait for less */
    assert_int_equal(access_of[page_of(code)], 7);
    assert_int_equal(access_of[page_of(code + P)], 7);
    assert_int_equal(accepted[page_of(at + 16 * P)], 0);
    assert_int_equal(memory_touch(at + 16 * P - 1, 2), 0);
    assert_int_equal(accepted[page_of(at + 16 * P)], 1);
    assert_int_equal(accepted[page_of(at + 17 * P)], 0);
}

/* How many pages have come from there on. */
static size_t came_from(uintptr_t at)
{
    size_t count = 0;
    while (page_of(at) + count < PAGES && accepted[page_of(at) + count] > 0)
        count++;
    return count;
}

static void faults_that_follow_each_other_bring_more(void **state)
{
    (void)state;
    memory_be_lazy();
    uintptr_t at = map(PAGES, MEMORY_READ | MEMORY_WRITE);
    size_t had = 0;
    for (size_t wanted = 16; had < PAGES; wanted = wanted < 64 ? 2 * wanted : 64) {
        assert_true(memory_fault(at + had * P));
        assert_int_equal(came_from(at), had + wanted < PAGES ? had + wanted : PAGES);
        had = came_from(at);
    }
    memory_reset();
}

/* A heap, a stack and two others: each is followed where it goes. */
static void follows_several_runs_of_faults(void **state)
{
    (void)state;
    memory_be_lazy();
    uintptr_t first = map(PAGES, MEMORY_READ | MEMORY_WRITE), at[4];
    for (size_t i = 0; i < 4; i++) {
        at[i] = first + i * 48 * P;
        assert_true(memory_fault(at[i]));
        assert_int_equal(came_from(at[i]), 16);
    }
    for (size_t i = 0; i < 4; i++)
        assert_true(memory_fault(at[i] + 16 * P));
    assert_int_equal(memory_taken(), 4 * 48);
    memory_reset();
}

/* What may be had is not given away to what may never be touched. */
static void a_fault_brings_no_neighbours_beyond_half_of_the_bound(void **state)
{
    (void)state;
    memory_be_lazy();
    memory_bound(12 * P);
    uintptr_t at = map(12, MEMORY_READ | MEMORY_WRITE);
    assert_true(memory_fault(at));
    assert_int_equal(came_from(at), 6);
    assert_true(memory_fault(at + 8 * P));
    assert_int_equal(memory_taken(), 7);
}

static void a_fault_brings_no_page_that_does_not_wait(void **state)
{
    (void)state;
    memory_be_lazy();
    uintptr_t at = map(3, MEMORY_READ | MEMORY_WRITE);
    uintptr_t none = map(1, 0);
    assert_false(memory_fault(at + 5 * P)); /* not mapped */
    assert_false(memory_fault(none));
    assert_false(memory_fault((uintptr_t)range - 1));
    assert_false(memory_fault((uintptr_t)range + sizeof range));
    assert_false(memory_fault(0));
    assert_int_equal(memory_unmap(at + P, P), 0);
    assert_int_equal(memory_protect(at + 2 * P, P, 0), 0);
    assert_true(memory_fault(at));
    assert_false(memory_fault(at)); /* it is there */
    assert_false(memory_fault(at + P));
    assert_false(memory_fault(at + 2 * P));
    assert_int_equal(accepted[page_of(at + P)] + accepted[page_of(at + 2 * P)], 0);
    assert_int_equal(memory_touch((uintptr_t)range - P, P), -EINVAL);
    memory_reset();
    assert_int_equal(map(PAGES, 0), (uintptr_t)range);
    fail_after = 0;
    assert_int_equal(memory_protect(at, P, MEMORY_READ | MEMORY_WRITE), 0); /* it came before */
    assert_int_equal(memory_protect(at + P, P, MEMORY_READ | MEMORY_WRITE), 0);
    assert_false(memory_fault(at + P)); /* the host gives none */
    assert_int_equal(memory_touch(at + P, P), -EIO);
}

static void waiting_pages_change_move_and_narrow(void **state)
{
    uint8_t bytes[4096];
    (void)state;
    memory_be_lazy();
    uintptr_t at = map(2, MEMORY_READ | MEMORY_WRITE);
    assert_int_equal(memory_copy(at, bytes), 0);
    assert_int_equal(memory_clear(at, 2 * P), 0);
    assert_int_equal(accepted[page_of(at)], 0);
    assert_int_equal(memory_protect(at, P, MEMORY_READ), 0); /* narrower: it has to come */
    assert_int_equal(access_of[page_of(at)], MEMORY_READ);
    assert_true(memory_fault(at + P));
    ((uint8_t *)at)[P] = 5;
    uintptr_t in_the_way = map(1, 0);
    uintptr_t before = at + P;
    at = before;
    assert_int_equal(memory_resize(&at, P, 3 * P, true), 0);
    assert_true(at > in_the_way);
    assert_int_equal(((uint8_t *)at)[0], 5);
    assert_int_equal(accepted[page_of(at)], 1);
    assert_int_equal(accepted[page_of(at + P)], 0);
    assert_int_equal(memory_resize(&at, 3 * P, P, true), 0);
    assert_false(memory_fault(at + P));
    assert_false(memory_fault(before));
}

static void pages_that_come_again_are_widened_once(void **state)
{
    (void)state;
    uintptr_t at = map(3, MEMORY_READ);
    extends = 0;
    assert_int_equal(memory_map(&at, 3 * P, 7, true), 0);
    assert_int_equal(extends, 3);
    assert_int_equal(access_of[page_of(at)], 7);
    assert_int_equal(memory_map(&at, 3 * P, MEMORY_READ, true), 0);
    assert_int_equal(extends, 3);
    assert_int_equal(access_of[page_of(at)], MEMORY_READ);
}

static void shared_pages_are_promised_and_not_there(void **state)
{
    uint8_t bytes[4096];
    struct memory_run run;
    (void)state;
    memory_be_lazy();
    uintptr_t old = map(2, MEMORY_READ | MEMORY_WRITE), at = old;
    assert_int_equal(memory_touch(old, 2 * P), 0);
    assert_int_equal(memory_map_shared(&at, 2 * P, MEMORY_READ | MEMORY_WRITE, true), 0);
    assert_int_equal(accepted[page_of(old)], 0); /* what was there has been removed */
    assert_true(memory_has_shared(old + P, 1));
    assert_false(memory_has_shared(old + 2 * P, 1));
    assert_true(memory_allows(old, 2 * P, MEMORY_READ | MEMORY_WRITE));
    assert_false(memory_is_there(old, 1, MEMORY_READ));
    assert_false(memory_fault(old)); /* it is another's to bring it */
    assert_int_equal(memory_touch(old, 2 * P), 0);
    assert_int_equal(memory_clear(old, 2 * P), 0);
    assert_int_equal(memory_protect(old, P, MEMORY_READ), 0);
    assert_false(memory_allows(old, 1, MEMORY_READ | MEMORY_WRITE));
    assert_int_equal(memory_copy(old, bytes), 0);
    assert_int_equal(accepted[page_of(old)], 0);
    assert_true(memory_next(old, &run));
    assert_int_equal(run.is_shared, 1);
    assert_int_equal(run.end, old + P);
    assert_int_equal(memory_map(&at, P, MEMORY_READ, true), -ENOMEM); /* not over one of them */
    memory_unmap_shared(old, P);
    assert_false(memory_has_shared(old, P));
    assert_int_equal(memory_map(&at, P, MEMORY_READ, true), 0);
}

static void refuses_shared_pages_that_cannot_be(void **state)
{
    uintptr_t at = 0;
    (void)state;
    assert_int_equal(memory_map_shared(&at, P, MEMORY_READ, false), -ENODEV); /* no address */
    memory_be_lazy();
    assert_int_equal(memory_map_shared(&at, 0, MEMORY_READ, false), -EINVAL);
    assert_int_equal(memory_map_shared(&at, (PAGES + 1) * P, MEMORY_READ, false), -ENOMEM);
    at = (uintptr_t)range + 1;
    assert_int_equal(memory_map_shared(&at, P, MEMORY_READ, true), -EINVAL);
    at = (uintptr_t)range;
    assert_int_equal(memory_map_shared(&at, P, MEMORY_READ, true), 0);
    assert_int_equal(memory_map_shared(&at, P, MEMORY_READ, true), -ENOMEM);
}

static void knows_what_it_has(void **state)
{
    (void)state;
    assert_true(memory_has((uintptr_t)range, sizeof range));
    assert_true(memory_has((uintptr_t)range + P + 1, 1));
    assert_false(memory_has((uintptr_t)range - 1, 2));
    assert_false(memory_has((uintptr_t)range, sizeof range + 1));
    assert_false(memory_has((uintptr_t)range, SIZE_MAX));
    assert_false(memory_has((uintptr_t)range + P, 0));
}

static void says_when_the_host_gives_no_page(void **state)
{
    (void)state;
    uintptr_t at = 0;
    fail_after = 2;
    assert_int_equal(memory_map(&at, 3 * P, MEMORY_READ, false), -EIO);
    assert_false(memory_allows(at, 3 * P, MEMORY_READ));
}

static void grows_in_its_place_or_elsewhere(void **state)
{
    (void)state;
    uintptr_t at = map(2, MEMORY_READ | MEMORY_WRITE);
    uintptr_t before = at;
    memset((void *)at, 0x55, 2 * P);
    assert_int_equal(memory_resize(&at, 2 * P, 3 * P, false), 0);
    assert_int_equal(at, before);
    assert_true(span_is_zero(span_of((void *)(at + 2 * P), P)));
    uintptr_t other = map(1, 0); /* in the way */
    assert_int_equal(other, at + 3 * P);
    assert_int_equal(memory_resize(&at, 3 * P, 5 * P, false), -ENOMEM);
    assert_int_equal(at, before);
    assert_int_equal(memory_protect(at, 3 * P, MEMORY_READ), 0);
    assert_int_equal(memory_resize(&at, 3 * P, 5 * P - 7, true), 0);
    assert_true(at > other);
    assert_int_equal(((uint8_t *)at)[2 * P - 1], 0x55);
    assert_true(span_is_zero(span_of((void *)(at + 2 * P), 3 * P)));
    assert_false(memory_allows(before, 1, MEMORY_READ));
    assert_true(memory_allows(at, 5 * P, MEMORY_READ));
    assert_false(memory_allows(at, 1, MEMORY_WRITE));
    assert_int_equal(memory_used(), 6);
}

static void shrinks(void **state)
{
    (void)state;
    uintptr_t at = map(4, MEMORY_READ | MEMORY_WRITE);
    uintptr_t before = at;
    assert_int_equal(memory_resize(&at, 4 * P, P + 1, false), 0);
    assert_int_equal(at, before);
    assert_int_equal(memory_used(), 2);
    assert_false(memory_allows(at + 2 * P, 1, MEMORY_READ));
}

static void refuses_to_resize_what_cannot_be(void **state)
{
    (void)state;
    uintptr_t at = map(2, MEMORY_READ);
    uintptr_t odd = at + 1;
    uintptr_t beyond = at + P;
    assert_int_equal(memory_resize(&odd, P, P, true), -EINVAL);
    assert_int_equal(memory_resize(&at, 0, P, true), -EINVAL);
    assert_int_equal(memory_resize(&at, P, 0, true), -EINVAL);
    assert_int_equal(memory_resize(&beyond, 2 * P, 3 * P, true), -EFAULT);
    assert_int_equal(memory_resize(&at, 2 * P, SIZE_MAX, true), -ENOMEM);
    assert_int_equal(memory_resize(&at, 2 * P, SIZE_MAX - P, true), -ENOMEM);
    assert_int_equal(memory_resize(&at, 2 * P, PAGES * P, true), 0); /* in its place */
    assert_int_equal(memory_resize(&at, PAGES * P, PAGES * P + 1, true), -ENOMEM);
    assert_int_equal(memory_used(), PAGES);
}

static void clears_what_is_mapped_and_keeps_its_access(void **state)
{
    (void)state;
    uintptr_t at = map(3, MEMORY_READ | MEMORY_WRITE);
    memset((void *)at, 0x55, 3 * P);
    assert_int_equal(memory_protect(at + P, P, MEMORY_READ), 0);
    assert_int_equal(memory_clear(at, 2 * P - 1), 0);
    assert_true(span_is_zero(span_of((void *)at, 2 * P)));
    assert_int_equal(((uint8_t *)at)[2 * P], 0x55);
    assert_int_equal(access_of[page_of(at + P)], MEMORY_READ);
    assert_int_equal(memory_clear(at, 0), 0);
    assert_int_equal(memory_clear(at + 1, P), -EINVAL);
    assert_int_equal(memory_clear(at + 2 * P, 2 * P), -ENOMEM);
    assert_int_equal(((uint8_t *)at)[2 * P], 0x55);
    uintptr_t none = map(1, 0);
    assert_int_equal(memory_clear(none, P), 0);
    assert_int_equal(accepted[page_of(none)], 0);
}

/* Before one is cleared, all are widened: the model does that at one fault. */
static void all_that_is_used_again_is_widened_first(void **state)
{
    (void)state;
    uintptr_t at = map(3, MEMORY_READ);
    memset((void *)at, 0x55, 3 * P); /* by who could write there */
    assert_int_equal(memory_unmap(at, 3 * P), 0);
    extends = 0;
    seen = (const uint8_t *)at;
    assert_int_equal(memory_map(&at, 3 * P, MEMORY_READ | MEMORY_EXECUTE, true), 0);
    seen = NULL;
    assert_int_equal(extends, 3);
    assert_int_equal(access_of[page_of(at)], MEMORY_READ | MEMORY_EXECUTE);
    assert_true(span_is_zero(span_of((void *)at, 3 * P)));
}

static void what_nobody_may_look_at_is_cleared_when_somebody_may(void **state)
{
    (void)state;
    uint8_t page[MEMORY_PAGE];
    uintptr_t at = map(3, MEMORY_READ | MEMORY_WRITE);
    memset((void *)at, 0x55, 3 * P);
    assert_int_equal(memory_unmap(at, 3 * P), 0);
    extends = 0;
    assert_int_equal(memory_map(&at, 3 * P, 0, true), 0);
    assert_int_equal(extends, 0);
    assert_int_equal(access_of[page_of(at)], 0);
    assert_int_equal(memory_copy(at, page), 0); /* nothing for another enclave */
    assert_int_equal(memory_protect(at, P, 0), 0);
    assert_int_equal(memory_protect(at, 2 * P, MEMORY_READ), 0);
    assert_true(span_is_zero(span_of((void *)at, 2 * P)));
    assert_int_equal(access_of[page_of(at)], MEMORY_READ);
    assert_int_equal(access_of[page_of(at + 2 * P)], 0);
    memset((void *)at, 0x66, P);
    assert_int_equal(memory_protect(at, P, MEMORY_READ | MEMORY_WRITE), 0);
    assert_int_equal(*(const uint8_t *)at, 0x66); /* what is there by now stays */
    assert_int_equal(memory_map(&at, 3 * P, MEMORY_READ, true), 0);
    assert_true(span_is_zero(span_of((void *)at, 3 * P)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(gives_zeroed_pages_with_the_access_asked_for, set_up),
        cmocka_unit_test_setup(pages_without_access_are_not_taken_before_they_have_one, set_up),
        cmocka_unit_test_setup(pages_that_come_again_are_zero, set_up),
        cmocka_unit_test_setup(finds_room_until_there_is_none, set_up),
        cmocka_unit_test_setup(refuses_what_is_no_range_of_it, set_up),
        cmocka_unit_test_setup(takes_no_more_than_it_may, set_up),
        cmocka_unit_test_setup(takes_no_more_than_it_was_bound_to, set_up),
        cmocka_unit_test_setup(says_when_the_host_gives_no_range, set_up),
        cmocka_unit_test_setup(far_pages_have_nothing_before_they_are_mapped, set_up),
        cmocka_unit_test_setup(maps_where_it_is_wished_if_that_is_free, set_up),
        cmocka_unit_test_setup(uses_pages_again_before_it_takes_new_ones, set_up),
        cmocka_unit_test_setup(another_program_finds_nothing_mapped, set_up),
        cmocka_unit_test_setup(knows_what_it_has, set_up),
        cmocka_unit_test_setup(pages_that_come_again_are_widened_once, set_up),
        cmocka_unit_test_setup(shared_pages_are_promised_and_not_there, set_up),
        cmocka_unit_test_setup(refuses_shared_pages_that_cannot_be, set_up),
        cmocka_unit_test_setup(pages_wait_for_their_first_access, set_up),
        cmocka_unit_test_setup(faults_that_follow_each_other_bring_more, set_up),
        cmocka_unit_test_setup(follows_several_runs_of_faults, set_up),
        cmocka_unit_test_setup(a_fault_brings_no_neighbours_beyond_half_of_the_bound, set_up),
        cmocka_unit_test_setup(a_fault_brings_no_page_that_does_not_wait, set_up),
        cmocka_unit_test_setup(waiting_pages_change_move_and_narrow, set_up),
        cmocka_unit_test_setup(grows_in_its_place_or_elsewhere, set_up),
        cmocka_unit_test_setup(shrinks, set_up),
        cmocka_unit_test_setup(refuses_to_resize_what_cannot_be, set_up),
        cmocka_unit_test_setup(clears_what_is_mapped_and_keeps_its_access, set_up),
        cmocka_unit_test_setup(all_that_is_used_again_is_widened_first, set_up),
        cmocka_unit_test_setup(what_nobody_may_look_at_is_cleared_when_somebody_may, set_up),
        cmocka_unit_test_setup(says_when_the_host_gives_no_page, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
