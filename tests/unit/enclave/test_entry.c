/* The entry code under a host that has whatever it likes in the registers that EENTER leaves alone
 * (Intel SDM volume 3D: all but RAX, RBX and RCX, and the flags but TF), and what it has left in
 * them at EEXIT. */
#include "../check.h"

#include "enclave/inside/door.h"
#include "enclave/model_thread.h"
#include "probe_enclave.h"

#define FLAGS_NONE  0x202   /* as C has them */
#define FLAGS_DF    0x602   /* strings go downwards */
#define FLAGS_AC    0x40202 /* what is not aligned faults */
#define FLAGS_DIRTY 0x40ED7 /* both, and all of arithmetic */
#define REGISTERS   6
#define MARK        UINT64_C(0xD1D2D3D4D5D6D7D8)

/* dirty_cross.S: R10 to R15, before and after. */
extern uint64_t dirty_registers[REGISTERS], dirty_flags, left_registers[REGISTERS];
uint64_t dirty_registers[REGISTERS], dirty_flags, left_registers[REGISTERS];
extern const uint8_t dirty_cross[];

static const uint64_t all_flags[] = {FLAGS_NONE, FLAGS_DF, FLAGS_AC, FLAGS_DIRTY};
#define FLAGS_COUNT (sizeof all_flags / sizeof *all_flags)

static struct probe_enclave probe;
static struct error err;

/* What R14 and R15 have. */
static uint64_t last_two[2] = {1, MARK ^ UINT64_MAX};

/* Addresses that no program has, of the enclave's code, of its thread's page, and numbers. */
static void make_dirty(uint64_t flags)
{
    const uint64_t base = probe.enclave->base;
    const uint64_t values[REGISTERS] = {
        MARK,       base,        base + probe_tcs(&probe, 0) + SGX_PAGE_SIZE,
        UINT64_MAX, last_two[0], last_two[1]};
    memcpy(dirty_registers, values, sizeof values);
    memset(left_registers, 0xEE, sizeof left_registers);
    dirty_flags = flags;
}

/* One way in, and out; what comes of it is in `run`. A thread that is resumed leaves with the stack
 * of its EENTER: both are called by the same function. */
static __attribute__((noinline)) void cross(enum sgx_leaf leaf, uint64_t flags,
                                            struct enclave_registers *registers,
                                            struct enclave_run *run)
{
    struct model_thread *thread = model_thread_get(NULL);
    assert_non_null(thread);
    *run = (struct enclave_run){.tcs = probe.enclave->base + probe_tcs(&probe, 0)};
    make_dirty(flags);
    thread->model = (struct model *)probe.enclave;
    assert_int_equal(enclave_cross(dirty_cross, registers, leaf, run), 0);
    thread->model = NULL;
    for (size_t i = 0; i < REGISTERS; i++)
        assert_int_equal(left_registers[i], 0);
}

/* By EENTER, until EEXIT: how the door says that it was left, with nothing in the registers that
 * this says nothing of. */
static uint64_t enter(uint64_t flags, uint64_t how, uint64_t order, uint64_t a, uint64_t *answer)
{
    struct enclave_registers registers = {how, order, a, MARK, MARK};
    struct enclave_run run;
    cross(SGX_EENTER, flags, &registers, &run);
    assert_int_equal(run.leaf, SGX_EEXIT);
    *answer = registers.rsi;
    if (registers.rdi != DOOR_CALL)
        assert_int_equal(registers.rdx, 0);
    if (registers.rdi != DOOR_CALL && registers.rdi != DOOR_DONE)
        assert_int_equal(registers.rsi, 0);
    assert_int_equal(registers.r8 | registers.r9, 0);
    return registers.rdi;
}

static const struct enclave_registers to_fault = {DOOR_START, PROBE_FAULT, PROBE_FAULT_UD, 0, MARK};
static const struct enclave_registers to_end = {DOOR_START, PROBE_FAULT, PROBE_FAULT_UNHANDLED, 0,
                                                MARK};

static void check_fault(const struct enclave_run *run, const struct enclave_registers *registers)
{
    assert_int_equal(run->leaf, SGX_ERESUME);
    assert_int_equal(run->exception_vector, 6);
    assert_int_equal(registers->r8 | registers->r9, 0);
}

static void begins_with_clean_flags(void **state)
{
    uint64_t answer;
    (void)state;
    for (size_t i = 0; i < FLAGS_COUNT; i++) {
        assert_int_equal(enter(all_flags[i], DOOR_START, PROBE_STATE, PROBE_FLAGS, &answer),
                         DOOR_DONE);
        assert_int_equal(answer, 0);
    }
}

/* By several ways through C, too: copies go upwards. */
static void works_whatever_the_host_has_in_registers(void **state)
{
    uint64_t answer;
    (void)state;
    for (size_t i = 0; i < FLAGS_COUNT; i++) {
        assert_int_equal(enter(all_flags[i], DOOR_START, PROBE_GREETING, 2, &answer), DOOR_DONE);
        assert_int_equal(answer, 's');
        assert_int_equal(enter(all_flags[i], DOOR_START, PROBE_BASE, 0, &answer), DOOR_DONE);
        assert_int_equal(answer, probe.enclave->base);
    }
}

/* Who asked has its own registers back, and the host had none of them. */
static void goes_on_with_its_own_registers_after_an_answer(void **state)
{
    uint64_t answer;
    (void)state;
    for (size_t i = 0; i < FLAGS_COUNT * FLAGS_COUNT; i++) {
        uint64_t first = all_flags[i % FLAGS_COUNT], then = all_flags[i / FLAGS_COUNT];
        assert_int_equal(enter(first, DOOR_START, PROBE_KEEP, 0, &answer), DOOR_CALL);
        assert_int_equal(answer, PROBE_ANSWER);
        assert_int_equal(enter(then, DOOR_START, PROBE_ADD, 0, &answer), DOOR_UNWANTED);
        assert_int_equal(enter(then, DOOR_ANSWER, 1234 + i, 0, &answer), DOOR_DONE);
        assert_int_equal(answer, 1234 + i);
    }
}

static void leaves_nothing_where_it_does_nothing(void **state)
{
    static const uint64_t no_ways[] = {0, DOOR_ANSWER, 3, UINT64_MAX};
    uint64_t answer;
    (void)state;
    for (size_t i = 0; i < sizeof no_ways / sizeof *no_ways; i++) {
        for (size_t j = 0; j < FLAGS_COUNT; j++)
            assert_int_equal(enter(all_flags[j], no_ways[i], MARK, MARK, &answer), DOOR_UNWANTED);
    }
}

/* The handler begins clean, and what it interrupted goes on as it was. */
static void deals_with_exceptions_whatever_the_host_has(void **state)
{
    struct enclave_registers registers;
    struct enclave_run run;
    uint64_t answer;
    (void)state;
    for (size_t i = 0; i < FLAGS_COUNT; i++) {
        registers = to_fault;
        cross(SGX_EENTER, all_flags[i], &registers, &run);
        check_fault(&run, &registers);
        assert_int_equal(enter(all_flags[i], DOOR_ANSWER, MARK, MARK, &answer), DOOR_RESUME);
        registers = (struct enclave_registers){MARK, MARK, MARK, MARK, MARK};
        cross(SGX_ERESUME, all_flags[i], &registers, &run);
        assert_int_equal(run.leaf, SGX_EEXIT);
        assert_int_equal(registers.rdi, DOOR_DONE);
        assert_int_equal(registers.rsi, PROBE_RECOVERED);
        assert_int_equal(registers.rdx | registers.r8 | registers.r9, 0);
        assert_int_equal(enter(FLAGS_NONE, DOOR_START, PROBE_SEEN_FLAGS, 0, &answer), DOOR_DONE);
        assert_int_equal(answer, 0);
    }
}

static void gives_up_and_leaves_nothing(void **state)
{
    struct enclave_registers registers;
    struct enclave_run run;
    uint64_t answer;
    (void)state;
    for (size_t i = 0; i < FLAGS_COUNT; i++) {
        registers = to_end;
        cross(SGX_EENTER, all_flags[i], &registers, &run);
        check_fault(&run, &registers);
        assert_int_equal(enter(all_flags[i], DOOR_START, PROBE_ADD, 0, &answer), DOOR_LOST);
        assert_int_equal(enter(all_flags[i], DOOR_START, PROBE_ADD, 0, &answer), DOOR_UNWANTED);
        probe_load(&probe);
    }
}

/* A page of zeros that are to be made, with less access than it was added with. */
static void take_a_page_away(void)
{
    const struct enclave_segment *data = &probe.image.segments[probe.image.segment_count - 1];
    uint64_t last = (data->offset + data->size - 1) / SGX_PAGE_SIZE * SGX_PAGE_SIZE;
    assert_true(last >= data->offset + data->bytes.size);
    check_ok(driver_model.restrict_access(probe.enclave, last, SGX_PAGE_SIZE, SGX_READ, &err),
             &err);
}

/* The image's own handler would find what it looks for in the registers that the host has left. */
static void knows_of_no_exception_before_its_memory_is_ready(void **state)
{
    struct enclave_registers registers = {DOOR_START, PROBE_ADD, 1, 2, 0};
    struct enclave_run run;
    uint64_t answer;
    (void)state;
    probe_load(&probe);
    take_a_page_away();
    last_two[0] = probe.enclave->base + probe.image.entry;
    last_two[1] = PROBE_EXPECTED;
    cross(SGX_EENTER, FLAGS_NONE, &registers, &run);
    assert_int_equal(run.leaf, SGX_ERESUME);
    assert_int_equal(run.exception_vector, 14);
    assert_int_equal(enter(FLAGS_NONE, DOOR_START, PROBE_ADD, 0, &answer), DOOR_LOST);
    assert_int_equal(enter(FLAGS_NONE, DOOR_START, PROBE_ADD, 0, &answer), DOOR_UNWANTED);
    last_two[0] = 1;
    last_two[1] = MARK ^ UINT64_MAX;
    probe_load(&probe);
}

/* So that what a thread's first entry sets up is there. */
static int set_up(void **state)
{
    static const uint8_t fuse[MODEL_FUSE_SIZE] = "a test's own one";
    (void)state;
    model_set_fuse(fuse);
    probe_load(&probe);
    assert_int_equal(probe_ask(&probe, 0, PROBE_ADD, 1, 2, 0), 3);
    return 0;
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_with_clean_flags),
        cmocka_unit_test(works_whatever_the_host_has_in_registers),
        cmocka_unit_test(goes_on_with_its_own_registers_after_an_answer),
        cmocka_unit_test(leaves_nothing_where_it_does_nothing),
        cmocka_unit_test(deals_with_exceptions_whatever_the_host_has),
        cmocka_unit_test(gives_up_and_leaves_nothing),
        cmocka_unit_test(knows_of_no_exception_before_its_memory_is_ready),
    };
    if (argc != 2)
        return 2;
    probe_init(&probe, argv[1]);
    int failed = cmocka_run_group_tests(tests, set_up, NULL);
    probe_fini(&probe);
    return failed;
}
