/* The time without the lock: memory, the time and the program's stores are played. */
#include "../../../check.h"

#include <linux/time.h>
#include <string.h>

#include "enclave/libos/calls/quick_clock.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/threads/thread.h"

#define PAGES 4
#define P     ((size_t)MEMORY_PAGE)
#define TIME  (UINT64_C(12) * 1000000000 + 345)
#define REAL  (UINT64_C(1700000000) * 1000000000 + 6)

static _Alignas(4096) uint8_t range[PAGES * 4096];
static struct thread thread;
static bool is_known;  /* the time */
static bool can_store; /* another thread has taken the page away otherwise */

struct thread *thread_self(void)
{
    return &thread;
}

bool clock_now_without_lock(enum door_clock clock, uint64_t *out)
{
    *out = clock == DOOR_CLOCK_REAL ? REAL : TIME;
    return is_known;
}

bool program_put(uint64_t at, uint64_t first, uint64_t second)
{
    const uint64_t words[2] = {first, second};
    if (can_store)
        memcpy((void *)at, words, sizeof words);
    return can_store;
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

/* The first two pages can be written, the third can be read. */
static int set_up(void **state)
{
    static const struct memory_leaves leaves = {accept_page, extend, restrict_access};
    uintptr_t at = (uintptr_t)range;
    (void)state;
    thread = (struct thread){0};
    is_known = can_store = true;
    assert_int_equal(memory_init(at, sizeof range, &leaves), 0);
    assert_int_equal(memory_map(&at, 2 * P, MEMORY_READ | MEMORY_WRITE, true), 0);
    at += 2 * P;
    assert_int_equal(memory_map(&at, P, MEMORY_READ, true), 0);
    return 0;
}

static bool ask(uint64_t clock, uintptr_t at)
{
    struct program_frame frame = {.rax = 228, .rdi = clock, .rsi = at};
    bool result = quick_clock(&frame);
    assert_int_equal(frame.rax, result ? 0 : 228);
    return result;
}

static void assert_time(uint64_t clock, uint64_t expected)
{
    uint64_t words[2];
    assert_true(ask(clock, (uintptr_t)range + 8));
    memcpy(words, range + 8, sizeof words);
    assert_int_equal(words[0] * 1000000000 + words[1], expected);
    assert_true(words[1] < 1000000000);
}

static void tells_the_time(void **state)
{
    (void)state;
    assert_time(CLOCK_MONOTONIC, TIME);
    assert_time(CLOCK_MONOTONIC_RAW, TIME);
    assert_time(CLOCK_MONOTONIC_COARSE, TIME);
    assert_time(CLOCK_BOOTTIME, TIME);
    assert_time(CLOCK_REALTIME, REAL);
    assert_time(CLOCK_REALTIME_COARSE, REAL);
    assert_true(ask(CLOCK_MONOTONIC, (uintptr_t)range + P - 8)); /* over two pages */
}

static void leaves_other_clocks_to_the_lock(void **state)
{
    (void)state;
    const uint64_t others[] = {CLOCK_PROCESS_CPUTIME_ID,
                               CLOCK_THREAD_CPUTIME_ID,
                               CLOCK_BOOTTIME + 1,
                               CLOCK_TAI,
                               UINT64_MAX,
                               (uint64_t)-6};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(ask(others[i], (uintptr_t)range));
}

static void touches_only_pages_that_can_be_written(void **state)
{
    (void)state;
    const uintptr_t begin = (uintptr_t)range;
    const uintptr_t bad[] = {0,
                             begin - 8,
                             begin + 2 * P - 8,
                             begin + 2 * P,
                             begin + 3 * P,
                             begin + PAGES * P - 8,
                             begin + PAGES * P,
                             UINTPTR_MAX - 7,
                             UINTPTR_MAX};
    uint8_t before[sizeof range];
    memcpy(before, range, sizeof range);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ask(CLOCK_MONOTONIC, bad[i]));
    assert_memory_equal(range, before, sizeof range);
}

static void leaves_pages_that_wait_to_the_lock(void **state)
{
    (void)state;
    uintptr_t at = (uintptr_t)range + 3 * P;
    memory_be_lazy();
    assert_int_equal(memory_map(&at, P, MEMORY_READ | MEMORY_WRITE, true), 0);
    assert_false(ask(CLOCK_MONOTONIC, at));
    assert_true(memory_fault(at));
    assert_true(ask(CLOCK_MONOTONIC, at));
}

static void leaves_what_happens_meanwhile_to_the_lock(void **state)
{
    (void)state;
    can_store = false;
    assert_false(ask(CLOCK_MONOTONIC, (uintptr_t)range));
    can_store = true;
    is_known = false;
    assert_false(ask(CLOCK_MONOTONIC, (uintptr_t)range));
    is_known = true;
    thread.persona = (struct persona *)&thread; /* whoever it is */
    assert_false(ask(CLOCK_MONOTONIC, (uintptr_t)range));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tells_the_time, set_up),
        cmocka_unit_test_setup(leaves_other_clocks_to_the_lock, set_up),
        cmocka_unit_test_setup(touches_only_pages_that_can_be_written, set_up),
        cmocka_unit_test_setup(leaves_pages_that_wait_to_the_lock, set_up),
        cmocka_unit_test_setup(leaves_what_happens_meanwhile_to_the_lock, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
