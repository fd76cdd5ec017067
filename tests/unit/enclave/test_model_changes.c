/* The model's pages, changed by both sides: the host's EDMM, and EACCEPT and EMODPE inside. */
#include "../check.h"

#include <sys/wait.h>
#include <unistd.h>

#include "enclave/inside/door.h"
#include "measure/enclave_thread.h"
#include "probe_enclave.h"

static struct probe_enclave probe;
static struct error err;

static uint64_t ask(enum probe_order order, uint64_t a, uint64_t b)
{
    return probe_ask(&probe, 0, order, a, b, 0);
}

#define READABLE 0x40

#define RW (SGX_READ | SGX_WRITE)

static uint64_t accept_page(uint64_t flags, uint64_t page)
{
    return probe_ask(&probe, 0, PROBE_ACCEPT, flags, page, SGX_EACCEPT);
}

static void pages_change_as_both_sides_agree(void **state)
{
    (void)state;
    uint64_t heap = ask(PROBE_HEAP, 0, 0);
    uint64_t offset = heap - probe.enclave->base;
    assert_int_equal(ask(PROBE_WRITE, heap, 0xC3C3C3C3), 0);
    check_ok(driver_model.restrict_access(probe.enclave, offset, 0x1000, SGX_READ, &err), &err);
    assert_int_equal(accept_page(SGX_REGULAR | RW | SGX_RESTRICTED, heap), SGX_ATTRIBUTES_MISMATCH);
    assert_int_equal(accept_page(SGX_REGULAR | SGX_READ | SGX_RESTRICTED, heap), 0);
    assert_int_equal(ask(PROBE_READ, heap, 0), 0xC3C3C3C3);
    assert_int_equal(ask(PROBE_FAULT, PROBE_FAULT_PAGE, heap), PROBE_RECOVERED); /* read only */
    assert_int_equal(probe_ask(&probe, 0, PROBE_ACCEPT, SGX_EXECUTE, heap, SGX_EMODPE), 0);
    assert_int_equal(ask(PROBE_READ, heap, 0), 0xC3C3C3C3); /* moved out of secret memory */
    (void)ask(PROBE_RUN, heap, 0);                          /* ret */
}

/* What was measured of a thread that was never entered, whoever looks first and however. */
static void check_thread_page(uint64_t page, uint64_t thread)
{
    const uint64_t base = probe.enclave->base;
    assert_int_equal(ask(PROBE_READ, page, 0), page - base);
    assert_int_equal(ask(PROBE_READ, page + offsetof(struct enclave_thread, index), 0), thread);
    assert_int_equal(ask(PROBE_READ, page + offsetof(struct enclave_thread, tcs), 0),
                     probe_tcs(&probe, (unsigned)thread));
    assert_int_equal(ask(PROBE_READ, page + sizeof(struct enclave_thread), 0), 0);
}

static void pages_of_threads_have_their_bytes(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 3; way++) {
        probe_load(&probe);
        uint64_t offset = probe_tcs(&probe, 1) + 0x1000, page = probe.enclave->base + offset;
        if (way == 1) {
            check_ok(driver_model.restrict_access(probe.enclave, offset, 0x1000, SGX_READ, &err),
                     &err);
            assert_int_equal(accept_page(SGX_REGULAR | SGX_READ | SGX_RESTRICTED, page), 0);
        }
        if (way == 2)
            assert_int_equal(probe_ask(&probe, 0, PROBE_ACCEPT, SGX_EXECUTE, page, SGX_EMODPE), 0);
        check_thread_page(page, 1);
        check_thread_page(page, 1);
        if (way == 1)
            assert_int_equal(ask(PROBE_FAULT, PROBE_FAULT_PAGE, page), PROBE_RECOVERED);
        else
            assert_int_equal(ask(PROBE_WRITE, page + 0x800, 7), 0);
        assert_int_equal(ask(PROBE_READ, page + 0x800, 0), way == 1 ? 0 : 7);
    }
    probe_load(&probe);
}

/* One that goes before it was made use of leaves nothing for the next at its place. */
static void pages_of_threads_go_with_their_bytes(void **state)
{
    (void)state;
    probe_load(&probe);
    uint64_t offset = probe_tcs(&probe, 1) + 0x1000, page = probe.enclave->base + offset;
    check_ok(driver_model.set_type(probe.enclave, offset, 0x1000, SGX_TRIM, &err), &err);
    assert_int_equal(accept_page(SGX_TRIM | SGX_MODIFIED, page), 0);
    check_ok(driver_model.remove(probe.enclave, offset, 0x1000, &err), &err);
    check_ok(driver_model.grow(probe.enclave, offset, 0x1000, &err), &err);
    assert_int_equal(accept_page(SGX_REGULAR | RW | SGX_PENDING, page), 0);
    assert_int_equal(ask(PROBE_READ, page, 0), 0);
    probe_load(&probe);
}

static void pages_go_and_come(void **state)
{
    (void)state;
    uint64_t page = ask(PROBE_HEAP, 0, 0) + 0x1000;
    uint64_t offset = page - probe.enclave->base;
    assert_int_equal(ask(PROBE_WRITE, page, 0x1234), 0);
    check_error(driver_model.remove(probe.enclave, offset, 0x1000, &err), &err, ERROR_REFUSED);
    check_ok(driver_model.set_type(probe.enclave, offset, 0x1000, SGX_TRIM, &err), &err);
    check_error(driver_model.remove(probe.enclave, offset, 0x1000, &err), &err, ERROR_REFUSED);
    assert_int_equal(accept_page(SGX_TRIM | SGX_MODIFIED, page), 0);
    check_ok(driver_model.remove(probe.enclave, offset, 0x1000, &err), &err);
    assert_int_equal(ask(PROBE_FAULT, PROBE_FAULT_PAGE, page), PROBE_RECOVERED);
    check_ok(driver_model.grow(probe.enclave, offset, 0x1000, &err), &err);
    assert_int_equal(accept_page(SGX_REGULAR | RW | SGX_PENDING, page), 0);
    assert_int_equal(ask(PROBE_READ, page, 0), 0); /* nothing of what was there */
    assert_int_equal(ask(PROBE_WRITE, page, 1), 0);
}

/* Behind all that was added: several come, each is zeros, one becomes code, and those that were not
 * accepted are not there, whatever their neighbours are. */
static void pages_come_in_numbers(void **state)
{
    (void)state;
    const uint64_t size = 0x8000, wanted = 4;
    uint64_t offset = probe.enclave->size - size, first = probe.enclave->base + offset;
    check_ok(driver_model.grow(probe.enclave, offset, size, &err), &err);
    for (uint64_t i = 0; i < wanted; i++)
        assert_int_equal(accept_page(SGX_REGULAR | RW | SGX_PENDING, first + i * 0x1000), 0);
    for (uint64_t i = 0; i < wanted; i++) {
        assert_int_equal(ask(PROBE_READ, first + i * 0x1000, 0), 0);
        assert_int_equal(ask(PROBE_WRITE, first + i * 0x1000, 0xC3C3C3C3), 0);
    }
    for (uint64_t at = first + wanted * 0x1000; at < first + size; at += 0x1000)
        assert_int_equal(ask(PROBE_FAULT, PROBE_FAULT_PAGE, at), PROBE_RECOVERED);
    assert_int_equal(probe_ask(&probe, 0, PROBE_ACCEPT, SGX_EXECUTE, first, SGX_EMODPE), 0);
    (void)ask(PROBE_RUN, first, 0); /* ret */
    assert_int_equal(ask(PROBE_READ, first + 0x1000, 0), 0xC3C3C3C3);
}

static void refuses_changes_out_of_place(void **state)
{
    (void)state;
    uint64_t heap = ask(PROBE_HEAP, 0, 0) - probe.enclave->base;
    struct enclave *enclave = probe.enclave;
    static const uint64_t places[] = {1, UINT64_MAX - 0xFFF, 0x1000000};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        check_error(driver_model.grow(enclave, places[i], 0x1000, &err), &err, ERROR_INVALID);
        check_error(driver_model.remove(enclave, places[i], 0x1000, &err), &err, ERROR_INVALID);
    }
    check_error(driver_model.grow(enclave, heap + 0x2000, 0, &err), &err, ERROR_INVALID);
    check_error(driver_model.grow(enclave, heap + 0x2000, 0x1000, &err), &err, ERROR_REFUSED);
    check_error(driver_model.restrict_access(enclave, heap, 0x1000, SGX_WRITE, &err), &err,
                ERROR_INVALID);
    check_error(driver_model.restrict_access(enclave, probe_tcs(&probe, 0), 0x1000, 0, &err), &err,
                ERROR_REFUSED);
    check_error(driver_model.set_type(enclave, heap, 0x1000, SGX_REGULAR, &err), &err,
                ERROR_INVALID);
    check_error(driver_model.set_type(enclave, probe_tcs(&probe, 0), 0x1000, SGX_TCS, &err), &err,
                ERROR_REFUSED);
}

static void is_not_in_a_child(uint64_t address)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(READABLE | (*(volatile uint8_t *)(uintptr_t)address & 1));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && (WEXITSTATUS(status) & READABLE));
}

/* What was added, what was written, and a page that came later. */
static void hides_its_memory(void **state)
{
    (void)state;
    uint64_t heap = ask(PROBE_HEAP, 0, 0), offset = probe.enclave->size - 0x9000;
    assert_true(probe.enclave->driver->is_simulated);
    assert_non_null(strstr(driver_model.name, "SIMULATED"));
    check_ok(driver_model.grow(probe.enclave, offset, 0x1000, &err), &err);
    uint64_t page = probe.enclave->base + offset;
    assert_int_equal(accept_page(SGX_REGULAR | RW | SGX_PENDING, page), 0);
    assert_int_equal(ask(PROBE_WRITE, page, 1), 0);
    is_not_in_a_child(probe.enclave->base);
    is_not_in_a_child(heap);
    is_not_in_a_child(page);
}

/* --- a TCS that is made later ----------------------------------------------------------------- */

/* Its offset, of a page of the heap with what a TCS of the second thread has, and one field as it
 * is said. */
static uint64_t write_tcs(size_t field, uint64_t value)
{
    const uint64_t page = ask(PROBE_HEAP, 0, 0) + 0x3000, frames = probe.image.ssa_frames;
    const uint64_t thread = probe_tcs(&probe, 1) + 0x1000, limits = UINT64_MAX;
    uint64_t words[] = {
        0, 0, thread + 0x1000, frames << 32, probe.image.entry, 0, thread, thread, limits, 0, 0};
    words[field] = value;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_int_equal(ask(PROBE_WRITE, page + i * sizeof *words, words[i]), 0);
    return page - probe.enclave->base;
}

static void check_no_entry(uint64_t tcs)
{
    struct enclave_registers registers = {DOOR_START, PROBE_ADD, 1, 2, 0};
    struct enclave_run run = {.tcs = probe.enclave->base + tcs};
    assert_int_equal(driver_model.enter(probe.enclave, &registers, SGX_EENTER, &run), 0);
    assert_int_equal(run.leaf, SGX_EENTER);
    assert_int_equal(run.exception_vector, 13);
}

static void a_page_becomes_a_tcs(void **state)
{
    const uint64_t arguments[4] = {PROBE_ADD, 40, 2, 0};
    const struct enclave_host host = {0};
    uint64_t result;
    (void)state;
    probe_load(&probe);
    uint64_t tcs = write_tcs(0, 0), page = probe.enclave->base + tcs;
    check_no_entry(tcs);
    check_ok(driver_model.set_type(probe.enclave, tcs, 0x1000, SGX_TCS, &err), &err);
    check_no_entry(tcs);
    assert_int_equal(ask(PROBE_FAULT, PROBE_FAULT_PAGE, page), PROBE_RECOVERED); /* as it was */
    assert_int_equal(accept_page(SGX_TCS, page), SGX_ATTRIBUTES_MISMATCH);
    assert_int_equal(accept_page(SGX_REGULAR | RW | SGX_MODIFIED, page), SGX_ATTRIBUTES_MISMATCH);
    check_no_entry(tcs);
    assert_int_equal(accept_page(SGX_TCS | SGX_MODIFIED, page), 0);
    check_ok(enclave_run_thread(probe.enclave, tcs, arguments, &host, &result, &err), &err);
    assert_int_equal(result, 42);
    assert_int_equal(ask(PROBE_FAULT, PROBE_FAULT_PAGE, page), PROBE_RECOVERED);
    check_error(driver_model.set_type(probe.enclave, tcs, 0x1000, SGX_TCS, &err), &err,
                ERROR_REFUSED);
    check_ok(driver_model.set_type(probe.enclave, tcs, 0x1000, SGX_TRIM, &err), &err);
    check_no_entry(tcs);
    assert_int_equal(accept_page(SGX_TRIM | SGX_MODIFIED, page), 0);
    check_ok(driver_model.remove(probe.enclave, tcs, 0x1000, &err), &err);
    check_no_entry(tcs);
}

/* EACCEPT is #GP, which is the end of the thread that made it. */
static void no_page_with_other_fields_becomes_a_tcs(void **state)
{
    static const struct {
        size_t field;
        uint64_t value;
    } cases[] = {
        {0, 1}, /* state */
        {1, 1},
        {1, 2}, /* DBGOPTIN, and what is reserved */
        {2, 0x1001},
        {2, UINT64_C(1) << 40}, /* OSSA */
        {3, 1},
        {3, UINT64_C(2) << 32 | 1}, /* NSSA, CSSA */
        {4, UINT64_C(1) << 40},     /* OENTRY */
        {5, 1},                     /* AEP */
        {6, 0x800},
        {6, UINT64_C(1) << 40}, /* FS */
        {7, 0x800},
        {7, UINT64_C(1) << 40}, /* GS */
        {9, 1},
        {10, UINT64_C(1) << 63}, /* reserved */
    };
    uint64_t result;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        probe_load(&probe);
        uint64_t tcs = write_tcs(cases[i].field, cases[i].value);
        check_ok(driver_model.set_type(probe.enclave, tcs, 0x1000, SGX_TCS, &err), &err);
        check_refused(probe_try(&probe, 0, PROBE_ACCEPT, SGX_TCS | SGX_MODIFIED,
                                probe.enclave->base + tcs, SGX_EACCEPT, &result, &err),
                      &err, "ended by an exception");
        check_no_entry(tcs);
    }
    probe_load(&probe);
}

static int set_up(void **state)
{
    (void)state;
    probe_load(&probe);
    return 0;
}

int main(int argc, char *argv[])
{
    static const uint8_t fuse[MODEL_FUSE_SIZE] = {1, 2, 3};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_change_as_both_sides_agree),
        cmocka_unit_test(pages_of_threads_have_their_bytes),
        cmocka_unit_test(pages_of_threads_go_with_their_bytes),
        cmocka_unit_test(pages_go_and_come),
        cmocka_unit_test(pages_come_in_numbers),
        cmocka_unit_test(refuses_changes_out_of_place),
        cmocka_unit_test(hides_its_memory),
        cmocka_unit_test(a_page_becomes_a_tcs),
        cmocka_unit_test(no_page_with_other_fields_becomes_a_tcs),
    };
    assert_int_equal(argc, 2);
    model_set_fuse(fuse);
    probe_init(&probe, argv[1]);
    int failed = cmocka_run_group_tests(tests, set_up, NULL);
    probe_fini(&probe);
    return failed;
}
