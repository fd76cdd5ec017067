/* Mappings that are filled late: pages and what fills them are played. */
#include "../../../check.h"

#include <errno.h>
#include <string.h>

#include "enclave/libos/calls/late_map.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/log.h"

#define PAGES  64
#define P      ((size_t)MEMORY_PAGE)
#define OFFSET (5 * P) /* of what is mapped in the file */
#define NUMBER 7       /* of the open file */

static _Alignas(4096) uint8_t range[PAGES * 4096];
static size_t fills; /* bytes so far */
static int fill_result;

/* What the file has there. */
static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset / P + 1);
}

int syscall_fill_mapping(struct file *file, uint64_t number, uint64_t offset, uintptr_t at,
                         size_t size)
{
    assert_null(file);
    assert_int_equal(number, NUMBER);
    assert_true(memory_allows(at, size, MEMORY_WRITE));
    for (size_t i = 0; fill_result == 0 && i < size; i++)
        *(uint8_t *)(at + i) = byte_at(offset + i);
    fills += size;
    return fill_result;
}

struct file *file_get(struct file *file)
{
    return file;
}

void file_put(struct file *file)
{
    (void)file;
}

void log_number(const char *before, uint64_t number)
{
    (void)before;
    assert_int_equal(number, (uint64_t)-fill_result);
}

static int accept_page(uintptr_t page)
{
    memset((void *)page, 0, P);
    return 0;
}

static void extend(uintptr_t page, unsigned access)
{
    (void)page;
    (void)access;
}

static int restrict_access(uintptr_t first, size_t size, unsigned access)
{
    (void)first;
    (void)size;
    (void)access;
    return 0;
}

static int set_up(void **state)
{
    static const struct memory_leaves leaves = {accept_page, extend, restrict_access};
    (void)state;
    fill_result = 0;
    assert_int_equal(memory_init((uintptr_t)range, sizeof range, &leaves), 0);
    late_fill(); /* of a test that has failed */
    fills = 0;
    return 0;
}

static uintptr_t map(size_t size)
{
    uintptr_t at = 0;
    assert_int_equal(late_map(NULL, NUMBER, OFFSET, size, &at), 0);
    return at;
}

static void assert_filled(uintptr_t at, size_t page)
{
    assert_true(memory_allows(at + page * P, P, MEMORY_READ));
    assert_false(memory_allows(at + page * P, 1, MEMORY_WRITE));
    assert_int_equal(*(uint8_t *)(at + page * P), byte_at(OFFSET + page * P));
}

static void fills_nothing_before_it_must(void **state)
{
    (void)state;
    uintptr_t at = map(4 * P - 10);
    assert_int_equal(fills, 0);
    assert_true(memory_allows(at, 4 * P, 0));
    assert_false(memory_allows(at, 1, MEMORY_READ));
    late_fill();
    assert_int_equal(fills, 4 * P); /* the last page shows all that the file has */
    for (size_t i = 0; i < 4; i++)
        assert_filled(at, i);
    late_fill();
    assert_int_equal(fills, 4 * P);
}

static void leaves_alone_what_is_mapped_over_it(void **state)
{
    (void)state;
    uintptr_t at = map(10 * P);
    late_cut(at + 2 * P, 3 * P - 1);
    late_cut(at + 9 * P, 5 * P);
    late_cut(at - P, 2 * P);
    late_cut(at + 20 * P, P);
    late_fill();
    assert_int_equal(fills, 5 * P); /* 1, 5 to 8 */
    assert_filled(at, 1);
    assert_filled(at, 5);
    assert_filled(at, 8);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(memory_allows(at + i * P, 1, MEMORY_READ), i == 1 || (i >= 5 && i <= 8));
}

static void is_gone_when_all_is_mapped_over(void **state)
{
    (void)state;
    uintptr_t at = map(4 * P);
    late_cut(at, 2 * P);
    late_cut(0, SIZE_MAX);
    assert_false(late_fault(at));
    late_fill();
    assert_int_equal(fills, 0);
}

static void fills_when_there_are_too_many_pieces(void **state)
{
    (void)state;
    uintptr_t at = map(40 * P);
    for (size_t i = 1; i < 40; i += 2)
        late_cut(at + i * P, P);
    late_fill();
    assert_true(fills >= 20 * P);
    for (size_t i = 0; i < 40; i += 2)
        assert_filled(at, i);
}

static void fills_at_a_fault_of_its_own(void **state)
{
    (void)state;
    uintptr_t at = map(4 * P);
    late_cut(at + P, P);
    assert_false(late_fault(at + P));
    assert_false(late_fault(at + 4 * P));
    assert_false(late_fault(at - 1));
    assert_int_equal(fills, 0);
    assert_true(late_fault(at + 2 * P + 5));
    assert_int_equal(fills, 3 * P);
    assert_filled(at, 3);
    assert_false(late_fault(at + 2 * P));
}

static void shows_nothing_of_what_cannot_be_read(void **state)
{
    (void)state;
    uintptr_t at = map(4 * P);
    fill_result = -EIO;
    assert_false(late_fault(at));
    assert_true(memory_allows(at, 4 * P, 0));
    assert_false(memory_allows(at, 1, MEMORY_READ));
    assert_false(late_fault(at));
}

static void there_is_one_at_a_time(void **state)
{
    (void)state;
    uintptr_t first = map(2 * P);
    uintptr_t second = map(3 * P);
    assert_int_equal(fills, 2 * P);
    assert_filled(first, 1);
    late_fill();
    assert_int_equal(fills, 5 * P);
    assert_filled(second, 2);
}

static void refuses_what_has_no_room(void **state)
{
    uintptr_t at = 0;
    (void)state;
    assert_int_equal(late_map(NULL, NUMBER, OFFSET, (PAGES + 1) * P, &at), -ENOMEM);
    late_fill();
    assert_int_equal(fills, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fills_nothing_before_it_must, set_up),
        cmocka_unit_test_setup(leaves_alone_what_is_mapped_over_it, set_up),
        cmocka_unit_test_setup(is_gone_when_all_is_mapped_over, set_up),
        cmocka_unit_test_setup(fills_when_there_are_too_many_pieces, set_up),
        cmocka_unit_test_setup(fills_at_a_fault_of_its_own, set_up),
        cmocka_unit_test_setup(shows_nothing_of_what_cannot_be_read, set_up),
        cmocka_unit_test_setup(there_is_one_at_a_time, set_up),
        cmocka_unit_test_setup(refuses_what_has_no_room, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
