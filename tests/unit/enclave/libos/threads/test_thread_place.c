/* A thread's pages are made of what the thread that makes them has, once, and by nothing that the
 * host has not done. The enclave is played: its pages are memory, and EACCEPT looks into a table.
 */
#include "../../../check.h"

#include <errno.h>
#include <sys/mman.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/threads/thread.h"

#define PAGE   UINT64_C(4096)
#define FRAMES 3
#define STACK  (2 * PAGE)
#define EACH   ((4 + FRAMES) * PAGE + STACK)
#define FIRST  (8 * PAGE) /* of the first thread: its TCS */
#define GATE   4          /* the only one from the start */
#define SIZE   (FIRST + (GATE + 1) * EACH)

static uint8_t *base;
static uint64_t states[SIZE / PAGE]; /* SECINFO's flags that EACCEPT is to find */
static uint64_t grown, retyped;
static struct {
    bool grows, retypes, lies; /* lies: says that it did, and did not */
} host;
static size_t accepted;

uintptr_t enclave_base(void)
{
    return (uintptr_t)base;
}

const struct enclave_thread *enclave_this_thread(void)
{
    static struct enclave_thread own;
    uint64_t tcs = FIRST + GATE * EACH;
    own = (struct enclave_thread){.offset = tcs + PAGE,
                                  .index = GATE,
                                  .threads = GATE + 1,
                                  .tcs = tcs,
                                  .ssa = tcs + 2 * PAGE,
                                  .ssa_frame_size = PAGE,
                                  .ssa_frames = FRAMES,
                                  .stack_top = tcs + EACH - PAGE,
                                  .stack_size = STACK,
                                  .heap = SIZE,
                                  .size = 2 * SIZE};
    return &own;
}

/* entry.S has it. */
extern const uint8_t enclave_entry[];
__asm__(".globl enclave_entry\n.hidden enclave_entry\nenclave_entry: ud2");

int door_grow(uint64_t offset, uint64_t size)
{
    grown += size;
    for (uint64_t at = offset; host.grows && at < offset + size; at += PAGE) {
        assert_true(at >= FIRST && at < SIZE);
        if (states[at / PAGE] != 0)
            return -EIO; /* as the kernel has it */
        states[at / PAGE] = SGX_REGULAR | SGX_READ | SGX_WRITE | SGX_PENDING;
    }
    return host.grows || host.lies ? 0 : -ENOMEM;
}

int door_set_type(uint64_t offset, uint64_t size, uint64_t type)
{
    assert_int_equal(size, PAGE);
    assert_int_equal(states[offset / PAGE], SGX_REGULAR | SGX_READ | SGX_WRITE);
    retyped = offset;
    if (host.retypes)
        states[offset / PAGE] = type | SGX_MODIFIED;
    return host.retypes || host.lies ? 0 : -EIO;
}

uint32_t enclu_accept(const struct sgx_secinfo *info, uintptr_t page)
{
    uint64_t *flags = &states[(page - (uintptr_t)base) / PAGE];
    assert_int_equal((page - (uintptr_t)base) % PAGE, 0);
    if (info->flags != *flags)
        return SGX_ATTRIBUTES_MISMATCH;
    *flags &= ~(uint64_t)(SGX_PENDING | SGX_MODIFIED);
    accepted++;
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    host.grows = host.retypes = true;
    host.lies = false;
    return 0;
}

static void makes_what_a_thread_has(void **state)
{
    (void)state;
    assert_int_equal(thread_place_make(1), 0);
    const uint64_t tcs = FIRST + EACH;
    struct enclave_thread thread;
    struct sgx_tcs made;
    memcpy(&made, base + tcs, sizeof made);
    memcpy(&thread, base + tcs + PAGE, sizeof thread);
    struct enclave_thread expected = *enclave_this_thread();
    expected.index = 1;
    expected.tcs = tcs;
    expected.offset = tcs + PAGE;
    expected.ssa = tcs + 2 * PAGE;
    expected.stack_top = tcs + EACH - PAGE;
    assert_memory_equal(&thread, &expected, sizeof thread);
    assert_int_equal(made.ssa, expected.ssa);
    assert_int_equal(made.ssa_count, FRAMES);
    assert_int_equal(made.entry, (uintptr_t)enclave_entry - (uintptr_t)base);
    assert_true(made.fs == expected.offset && made.gs == expected.offset);
    assert_true(made.fs_limit == UINT32_MAX && made.gs_limit == UINT32_MAX);
    assert_true(made.state == 0 && made.flags == 0 && made.current_ssa == 0 && made.aep == 0);
    assert_int_equal(retyped, tcs);
    /* TCS, thread page, SSA; the stack; nothing before, between and behind. */
    for (uint64_t at = 0; at < EACH / PAGE; at++) {
        bool is_left_out = at == 2 + FRAMES || at == EACH / PAGE - 1;
        uint64_t flags = at == 0       ? (uint64_t)SGX_TCS
                         : is_left_out ? 0
                                       : (uint64_t)(SGX_REGULAR | SGX_READ | SGX_WRITE);
        assert_int_equal(states[tcs / PAGE + at], flags);
    }
    assert_int_equal(states[tcs / PAGE - 1], 0);
    assert_int_equal(states[(tcs + EACH) / PAGE], 0);
}

static void makes_each_once(void **state)
{
    (void)state;
    const size_t before = accepted;
    const uint64_t grown_before = grown;
    assert_int_equal(thread_place_make(1), 0);
    assert_int_equal(accepted, before);
    assert_int_equal(grown, grown_before);
    assert_int_equal(thread_place_make(0), 0);
    assert_int_equal(accepted, before + 2 + FRAMES + STACK / PAGE + 1);
}

/* Nothing has come of it: it can be tried again. */
static void says_that_the_host_has_none(void **state)
{
    (void)state;
    const size_t before = accepted;
    host.grows = false;
    assert_int_equal(thread_place_make(2), -ENOMEM);
    host.lies = true;
    assert_int_equal(thread_place_make(2), -EIO);
    assert_int_equal(accepted, before);
    host.grows = true;
    assert_int_equal(thread_place_make(2), 0);
}

/* A page that the host leaves as it was, or says to have left so, is no thread's, then or later. */
static void is_never_there_by_half(void **state)
{
    (void)state;
    for (int lies = 0; lies < 2; lies++) {
        memset(&states[(FIRST + 3 * EACH) / PAGE], 0, EACH / PAGE * sizeof *states);
        host.retypes = false;
        host.lies = lies;
        assert_int_equal(thread_place_make(3), -EIO);
        host.retypes = true;
        assert_int_equal(thread_place_make(3), -EIO);
        assert_int_equal(states[(FIRST + 3 * EACH) / PAGE], SGX_REGULAR | SGX_READ | SGX_WRITE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(makes_what_a_thread_has, set_up),
        cmocka_unit_test_setup(makes_each_once, set_up),
        cmocka_unit_test_setup(says_that_the_host_has_none, set_up),
        cmocka_unit_test_setup(is_never_there_by_half, set_up),
    };
    base = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
