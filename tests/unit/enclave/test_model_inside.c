/* The model, entered: what the code inside does and what it gets. */
#include "../check.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "crypto/cmac.h"
#include "enclave/inside/door.h"
#include "enclave/model_keys.h"
#include "evidence/dcap_report.h"
#include "probe_enclave.h"

static struct probe_enclave probe;
static struct error err;
static const uint8_t fuse[MODEL_FUSE_SIZE] = {1, 2,  3,  4,  5,  6,  7,  8,
                                              9, 10, 11, 12, 13, 14, 15, 16};

static uint64_t ask(enum probe_order order, uint64_t a, uint64_t b)
{
    return probe_ask(&probe, 0, order, a, b, 0);
}

static void enters_and_comes_back(void **state)
{
    (void)state;
    assert_int_equal(ask(PROBE_ADD, 40, 2), 42);
    assert_int_equal(probe_ask(&probe, 1, PROBE_ADD, 1, 2, 0), 3);
    assert_int_equal(ask(PROBE_BASE, 0, 0), probe.enclave->base);
    assert_int_equal(ask(PROBE_GREETING, 2, 0), 's'); /* relocated */
}

/* Whatever may be in a page's place is in those whose content nothing measures. */
static int add_anything(void *enclave, const struct enclave_pages *pages, struct error *error)
{
    struct enclave_pages added = *pages;
    uint8_t *anything = malloc(pages->size);
    assert_non_null(anything);
    memset(anything, 0xA5, pages->size);
    if (!pages->is_measured)
        added.bytes = span_of(anything, pages->size);
    int result = driver_model.add(enclave, &added, error);
    free(anything);
    return result;
}

static void begins_with_zeros_whatever_the_host_put_there(void **state)
{
    (void)state;
    struct driver hostile = driver_model;
    hostile.add = add_anything;
    driver_model.free(probe.enclave);
    probe.enclave = enclave_load(&hostile, &probe.image, probe.sigstruct, &probe.options, &err);
    if (!probe.enclave)
        fail_msg("%s", err.text);
    assert_int_equal(ask(PROBE_READ, ask(PROBE_HEAP, 0, 0), 0), UINT64_C(0xA5A5A5A5A5A5A5A5));
    assert_int_equal(ask(PROBE_ZEROS, 0, 0), 0);
    assert_int_equal(ask(PROBE_GREETING, 2, 0), 's');
    assert_int_equal(probe_ask(&probe, 1, PROBE_ZEROS, 1, 2, 0), 0);
    probe_load(&probe);
}

static void asks_the_host(void **state)
{
    (void)state;
    probe.calls = 0;
    /* The sum of 2 i + 5 for i from 0 to 9. */
    assert_int_equal(ask(PROBE_ASK, 10, 5), 140);
    assert_int_equal(probe.calls, 10);
}

static void *play(void *unused)
{
    (void)unused;
    uint64_t *result = malloc(sizeof *result);
    *result = probe_ask(&probe, 1, PROBE_PLAY, 20, 0, 0);
    return result;
}

static void runs_two_threads_at_once(void **state)
{
    (void)state;
    pthread_t other;
    void *result;
    assert_int_equal(pthread_create(&other, NULL, play, NULL), 0);
    assert_int_equal(ask(PROBE_PLAY, 20, 0), 0);
    assert_int_equal(pthread_join(other, &result), 0);
    assert_int_equal(*(uint64_t *)result, 1);
    free(result);
}

static void takes_exceptions_back_inside(void **state)
{
    (void)state;
    uint64_t heap = ask(PROBE_HEAP, 0, 0);
    const struct {
        enum probe_fault fault;
        uint64_t value;
        uint32_t exit;
        uint64_t address;
    } cases[] = {
        {PROBE_FAULT_UD, 0, 0x80000306, 0},
        {PROBE_FAULT_DIVIDE, 0, 0x80000300, 0},
        {PROBE_FAULT_SYSCALL, 0, 0x80000306, 0}, /* no system call from inside */
        {PROBE_FAULT_GP, 0, 0x8000030D, 0},
        {PROBE_FAULT_PAGE, heap + probe.image.heap_size + 0x18, 0x8000030E,
         heap + probe.image.heap_size + 0x18},
        {PROBE_FAULT_PAGE, probe.enclave->base + 0x10, 0x8000030E, probe.enclave->base + 0x10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t count = ask(PROBE_SEEN_COUNT, 0, 0);
        assert_int_equal(ask(PROBE_FAULT, cases[i].fault, cases[i].value), PROBE_RECOVERED);
        assert_int_equal(ask(PROBE_SEEN_COUNT, 0, 0), count + 1);
        assert_int_equal(ask(PROBE_SEEN_EXIT, 0, 0), cases[i].exit);
        assert_int_equal(ask(PROBE_SEEN_ADDRESS, 0, 0), cases[i].address);
    }
}

static void gives_up_a_thread_whose_exception_nobody_takes(void **state)
{
    (void)state;
    uint64_t result;
    check_refused(probe_try(&probe, 0, PROBE_FAULT, PROBE_FAULT_UNHANDLED, 0, 0, &result, &err),
                  &err, "does not deal with");
    check_refused(probe_try(&probe, 0, PROBE_ADD, 1, 1, 0, &result, &err), &err, "");
    assert_int_equal(probe_ask(&probe, 1, PROBE_ADD, 1, 1, 0), 2); /* the other goes on */
    probe_load(&probe);
}

/* What the host sees of an exception: the vector and the page, and no register of the enclave's. */
static void shows_the_host_nothing_of_an_exception(void **state)
{
    (void)state;
    uint64_t heap = ask(PROBE_HEAP, 0, 0);
    uint64_t address = heap + probe.image.heap_size + 0x123;
    struct enclave_run run = {.tcs = probe.enclave->base + probe_tcs(&probe, 0)};
    struct enclave_registers registers = {1, PROBE_FAULT, PROBE_FAULT_PAGE, address, 0x77};
    assert_int_equal(driver_model.enter(probe.enclave, &registers, SGX_EENTER, &run), 0);
    assert_int_equal(run.leaf, SGX_ERESUME);
    assert_int_equal(run.exception_vector, 14);
    assert_int_equal(run.exception_address, address & ~UINT64_C(0xFFF));
    assert_int_equal(registers.r8 | registers.r9, 0);
    probe_load(&probe); /* the thread is in the middle of something */
}

/* --- entering and leaving with what nobody asked for --------------------------------------------
 */

/* One way in, and out. */
static uint64_t cross(struct enclave_registers *registers)
{
    struct enclave_run run = {.tcs = probe.enclave->base + probe_tcs(&probe, 0)};
    assert_int_equal(probe.enclave->driver->enter(probe.enclave, registers, SGX_EENTER, &run), 0);
    assert_int_equal(run.leaf, SGX_EEXIT);
    return registers->rdi;
}

static const uint32_t usual_mxcsr = 0x1F80;

/* Rounding, exceptions, and a full x87 stack of the host's. */
static void make_dirty(void)
{
    static const uint32_t mxcsr = 0xFFC0;
    static const uint16_t control = 0xF7F;
    __asm__ volatile(
        "ldmxcsr %0\n\tfldcw %1\n\tfldpi\n\tfldpi\n\tpcmpeqd %%xmm8, %%xmm8\n\t"
        "pcmpeqd %%xmm9, %%xmm9\n\tpcmpeqd %%xmm14, %%xmm14\n\tpcmpeqd %%xmm15, %%xmm15"
        :
        : "m"(mxcsr), "m"(control)
        : "xmm8", "xmm9", "xmm14", "xmm15");
}

static void make_clean(void)
{
    __asm__ volatile("ldmxcsr %0\n\tfninit" : : "m"(usual_mxcsr));
}

static void begins_with_clean_registers_whatever_the_host_has(void **state)
{
    (void)state;
    static const struct {
        enum probe_state what;
        uint64_t value;
    } cases[] = {
        {PROBE_MXCSR, 0x1F80}, {PROBE_FCW, 0x37F}, {PROBE_TAGS, 0xFFFF}, {PROBE_VECTORS, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct enclave_registers registers = {DOOR_START, PROBE_STATE, cases[i].what, 0, 0};
        make_dirty();
        uint64_t how = cross(&registers);
        make_clean();
        assert_int_equal(how, DOOR_DONE);
        assert_int_equal(registers.rsi, cases[i].value);
    }
}

/* What is left of the enclave's in registers that a call leaves alone or clobbers. */
static uint64_t left_behind(void)
{
    uint64_t words[6] = {0}, sum = 0;
    __asm__ volatile("movq %%xmm0, (%0)\n\tmovq %%xmm5, 8(%0)\n\tmovq %%xmm8, 16(%0)\n\t"
                     "movq %%xmm9, 24(%0)\n\tmovq %%xmm14, 32(%0)\n\tmovq %%xmm15, 40(%0)"
                     :
                     : "r"(words)
                     : "memory");
    for (size_t i = 0; i < 6; i++)
        sum += words[i] == PROBE_SPUN;
    return sum;
}

static void leaves_nothing_in_vector_registers(void **state)
{
    (void)state;
    for (uint64_t asks = 0; asks < 2; asks++) {
        struct enclave_registers registers = {DOOR_START, PROBE_LEAVE, asks, 0, 0};
        struct {
            uint32_t control, status, tags, more[4];
        } x87;
        uint32_t mxcsr;
        make_dirty();
        uint64_t how = cross(&registers);
        uint64_t left = left_behind();
        __asm__ volatile("stmxcsr %0\n\tfnstenv %1" : "=m"(mxcsr), "=m"(x87));
        make_clean();
        assert_int_equal(how, asks ? DOOR_CALL : DOOR_DONE);
        assert_int_equal(left, 0);
        assert_int_not_equal(mxcsr, 0x7F80);
        assert_int_equal(x87.tags & 0xFFFF, 0xFFFF);
        if (asks) {
            registers = (struct enclave_registers){DOOR_ANSWER, 77, 0, 0, 0};
            make_dirty();
            how = cross(&registers);
            make_clean();
            assert_int_equal(how, DOOR_DONE);
            assert_int_equal(registers.rsi, 77);
            make_clean();
        }
    }
}

static void refuse(uint64_t number)
{
    struct enclave_registers registers = {number, PROBE_ADD, 1, 2, 3};
    assert_int_equal(cross(&registers), DOOR_UNWANTED);
    assert_int_equal(registers.rsi | registers.rdx | registers.r8 | registers.r9, 0);
}

static const uint64_t no_ways[] = {0, DOOR_ANSWER, 3, DOOR_ANSWER + (UINT64_C(1) << 32),
                                   UINT64_MAX};

static void does_nothing_that_nobody_asked_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof no_ways / sizeof *no_ways; i++)
        refuse(no_ways[i]);
    assert_int_equal(ask(PROBE_ADD, 40, 2), 42);
}

/* A thread that waits for an answer takes that, once, and nothing else. */
static void waits_for_its_answer_whatever_else_comes(void **state)
{
    (void)state;
    struct enclave_registers registers = {DOOR_START, PROBE_LEAVE, 1, 0, 0};
    assert_int_equal(cross(&registers), DOOR_CALL);
    for (size_t i = 0; i < sizeof no_ways / sizeof *no_ways; i++) {
        if (no_ways[i] != DOOR_ANSWER)
            refuse(no_ways[i]);
    }
    refuse(DOOR_START);
    refuse(DOOR_START);
    registers = (struct enclave_registers){DOOR_ANSWER, 42, 0, 0, 0};
    assert_int_equal(cross(&registers), DOOR_DONE);
    assert_int_equal(registers.rsi, 42);
    make_clean();
    refuse(DOOR_ANSWER);
    assert_int_equal(ask(PROBE_ADD, 40, 2), 42);
}

static void refuses_a_busy_tcs_and_a_full_ssa(void **state)
{
    (void)state;
    const uint64_t tcs = probe.enclave->base + probe_tcs(&probe, 0);
    struct enclave_run run = {.tcs = tcs};
    struct enclave_registers registers = {1, PROBE_FAULT, PROBE_FAULT_UD, 0, 0};
    /* ERESUME without an SSA frame in use. */
    assert_int_equal(driver_model.enter(probe.enclave, &registers, SGX_ERESUME, &run), 0);
    assert_int_equal(run.leaf, SGX_ERESUME);
    assert_int_equal(run.exception_vector, 13);
    /* Each exception takes a frame; there are two, and the handler's entry wants one. */
    for (int depth = 0; depth < 2; depth++) {
        registers = (struct enclave_registers){1, PROBE_FAULT, PROBE_FAULT_UD, 0, 0};
        assert_int_equal(driver_model.enter(probe.enclave, &registers, SGX_EENTER, &run), 0);
        if (depth == 1)
            assert_int_equal(run.leaf, SGX_EEXIT); /* the handler, which is done */
    }
    probe_load(&probe);
    static const uint64_t places[] = {0, 1, 0x1000, UINT64_MAX};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        run.tcs = probe.enclave->base + probe_tcs(&probe, 0) + places[i];
        if (places[i] == 0)
            run.tcs = probe.enclave->base; /* code */
        assert_int_equal(driver_model.enter(probe.enclave, &registers, SGX_EENTER, &run), 0);
        assert_int_equal(run.leaf, SGX_EENTER);
        assert_int_equal(run.exception_vector, 13);
    }
}

static void refuses_other_leaves_and_runs(void **state)
{
    (void)state;
    struct enclave_registers registers = {0};
    struct enclave_run run = {.tcs = probe.enclave->base + probe_tcs(&probe, 0)};
    assert_int_equal(driver_model.enter(probe.enclave, &registers, SGX_EEXIT, &run), -22);
    assert_int_equal(driver_model.enter(probe.enclave, &registers, SGX_EREPORT, &run), -22);
    run.reserved[215] = 1;
    assert_int_equal(driver_model.enter(probe.enclave, &registers, SGX_EENTER, &run), -22);
    run.reserved[215] = 0;
    run.user_handler = 1;
    assert_int_equal(driver_model.enter(probe.enclave, &registers, SGX_EENTER, &run), -22);
}

/* While a thread spins inside, its TCS is busy; a signal interrupts it and it goes on, vector
 * registers and all. */
static volatile sig_atomic_t interrupts;
static volatile uint64_t flag[2]; /* to end; set once it is inside */
static volatile int inside_count;
static int told; /* how the code inside took it */

static void on_signal(int number, bool is_inside)
{
    (void)number;
    interrupts++;
    inside_count += is_inside;
    /* From the handler the TCS is free again, with one SSA frame in use: the code inside is told of
     * an interrupt, and has nothing to do. */
    struct enclave_registers registers = {0};
    struct enclave_run run = {.tcs = probe.enclave->base + probe_tcs(&probe, 0)};
    if (is_inside && inside_count == 1 &&
        driver_model.enter(probe.enclave, &registers, SGX_EENTER, &run) == 0)
        told = run.leaf == SGX_EEXIT ? (int)registers.rdi : -1;
}

static void *interrupt(void *thread)
{
    struct enclave_registers registers = {1, PROBE_ADD, 1, 2, 0};
    struct enclave_run run = {.tcs = probe.enclave->base + probe_tcs(&probe, 0)};
    uint64_t *vector = malloc(sizeof *vector);
    while (flag[1] == 0)
        continue;
    (void)driver_model.enter(probe.enclave, &registers, SGX_EENTER, &run);
    *vector = run.leaf == SGX_EENTER ? run.exception_vector : 0;
    while (inside_count < 5)
        (void)pthread_kill(*(pthread_t *)thread, SIGUSR1);
    flag[0] = 1;
    return vector;
}

/* While a thread inside carries out `order` until it is told, signals come. */
static void interrupt_at(enum probe_order order, uint64_t how, uint64_t answer)
{
    pthread_t self = pthread_self();
    pthread_t other;
    void *vector;
    inside_count = 0;
    told = 0;
    flag[0] = flag[1] = 0;
    check_ok(driver_model.handle_signal(SIGUSR1, on_signal, &err), &err);
    assert_int_equal(pthread_create(&other, NULL, interrupt, &self), 0);
    assert_int_equal(ask(order, (uintptr_t)flag, how), answer);
    assert_int_equal(pthread_join(other, &vector), 0);
    assert_int_equal(*(uint64_t *)vector, 13);
    free(vector);
    assert_true(inside_count >= 5);
    assert_int_equal(told, DOOR_RESUME);
}

static void goes_on_after_signals_and_is_busy_meanwhile(void **state)
{
    (void)state;
    interrupt_at(PROBE_SPIN, 0, PROBE_SPUN);
}

/* Those that have become calls, and those that trap. */
static void signals_find_leaves_done_or_not_begun(void **state)
{
    (void)state;
    interrupt_at(PROBE_LEAVES, 0, 0);
    interrupt_at(PROBE_LEAVES, 1, 0);
}

static void does_not_lose_signals_while_entering(void **state)
{
    (void)state;
    check_ok(driver_model.handle_signal(SIGUSR2, on_signal, &err), &err);
    interrupts = 0;
    inside_count = 2; /* the handler only counts */
    for (int i = 0; i < 200; i++) {
        (void)raise(SIGUSR2);
        assert_int_equal(ask(PROBE_ASK, 3, 1), 9);
    }
    assert_int_equal(interrupts, 200);
}

static void *keep_interrupting(void *thread)
{
    while (flag[0] == 0)
        (void)pthread_kill(*(pthread_t *)thread, SIGUSR2);
    return NULL;
}

/* EEXIT is carried out in steps, and a signal may find any of them. */
static void signals_find_a_thread_inside_or_outside(void **state)
{
    const uint64_t rounds = 50, asked = 100;
    pthread_t self = pthread_self(), other;
    (void)state;
    check_ok(driver_model.handle_signal(SIGUSR2, on_signal, &err), &err);
    inside_count = 2; /* the handler only counts */
    flag[0] = 0;
    interrupts = 0;
    assert_int_equal(pthread_create(&other, NULL, keep_interrupting, &self), 0);
    for (uint64_t i = 0; i < rounds || interrupts < 100; i++)
        assert_int_equal(ask(PROBE_ASK, asked, i), asked * i + asked * (asked - 1));
    flag[0] = 1;
    assert_int_equal(pthread_join(other, NULL), 0);
}

/* The instruction in the image's file, and what stands in its place. */
static void leaves_by_a_jump(void **state)
{
    static const uint8_t leaving[] = {0x0F, 0x01, 0xD7, 0x0F, 0x0B};
    const struct enclave_segment *code = &probe.image.segments[0];
    (void)state;
    while (!(code->flags & SGX_EXECUTE))
        code++;
    const uint8_t *found = memmem(code->bytes.data, code->bytes.size, leaving, sizeof leaving);
    assert_non_null(found);
    const uint8_t *place = (const uint8_t *)(probe.enclave->base + code->offset) + /* NOLINT */
                           (found - code->bytes.data);
    assert_int_equal(place[0], 0xE9);
}

static void refuses_signals_that_are_exceptions(void **state)
{
    (void)state;
    static const int refused[] = {0, 65, -1, SIGSEGV, SIGILL, SIGSYS, SIGKILL};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_error(driver_model.handle_signal(refused[i], on_signal, &err), &err, ERROR_INVALID);
}

/* --- reports and keys ------------------------------------------------------------------------- */

static void make_report(const struct sgx_targetinfo *target, uint8_t byte, struct sgx_report *out)
{
    uint8_t data[SGX_REPORT_DATA_SIZE];
    memset(data, byte, sizeof data);
    memset(out, 0, sizeof *out);
    assert_int_equal(
        probe_ask(&probe, 0, PROBE_REPORT, (uintptr_t)target, (uintptr_t)data, (uintptr_t)out), 0);
}

static void reports_what_it_is(void **state)
{
    (void)state;
    struct sgx_targetinfo target = {.miscselect = 1};
    struct sgx_report report;
    uint8_t config[64];
    memset(target.mrenclave, 0xAA, 32);
    memset(probe.options.config_id, 0x5C, 64);
    probe.options.config_svn = 4;
    probe_load(&probe);
    make_report(&target, 0x42, &report);
    check_ok(model_report_check(fuse, &target, &report, &err), &err);
    const struct span body = span_of(report.body, sizeof report.body);
    check_ok(dcap_report_check_reserved(DCAP_BODY_SGX, body, &err), &err);
    memset(config, 0x5C, 64);
    assert_memory_equal(dcap_report_get(DCAP_BODY_SGX, body, DCAP_CONFIGID).data, config, 64);
    assert_memory_equal(dcap_report_get(DCAP_BODY_SGX, body, DCAP_MRENCLAVE).data,
                        probe.fields.mrenclave, 32);
    assert_int_equal(dcap_report_get(DCAP_BODY_SGX, body, DCAP_ATTRIBUTES).data[0], 0x85);
    assert_int_equal(dcap_report_get_u16(DCAP_BODY_SGX, body, DCAP_ISVPRODID), 3);
    assert_int_equal(dcap_report_get_u16(DCAP_BODY_SGX, body, DCAP_ISVSVN), 9);
    assert_int_equal(dcap_report_get_u16(DCAP_BODY_SGX, body, DCAP_CONFIGSVN), 4);
    assert_int_equal(dcap_report_get(DCAP_BODY_SGX, body, DCAP_ISVFAMILYID).data[3], 0x66);
    assert_int_equal(dcap_report_get(DCAP_BODY_SGX, body, DCAP_ISVEXTPRODID).data[3], 0x77);
    assert_int_equal(dcap_report_get(DCAP_BODY_SGX, body, DCAP_REPORT_DATA).data[63], 0x42);
}

static void reports_are_for_one_target_and_unchanged(void **state)
{
    (void)state;
    struct sgx_targetinfo target = {.miscselect = 1};
    struct sgx_targetinfo other = target;
    struct sgx_report report;
    uint8_t elsewhere[MODEL_FUSE_SIZE] = {9};
    make_report(&target, 1, &report);
    check_ok(model_report_check(fuse, &target, &report, &err), &err);
    check_error(model_report_check(elsewhere, &target, &report, &err), &err, ERROR_REFUSED);
    other.mrenclave[31] ^= 1;
    check_error(model_report_check(fuse, &other, &report, &err), &err, ERROR_REFUSED);
    other = target;
    other.config_id[0] ^= 1;
    check_error(model_report_check(fuse, &other, &report, &err), &err, ERROR_REFUSED);
    for (size_t i = 0; i < SGX_REPORT_SIZE; i++) {
        ((uint8_t *)&report)[i] ^= 0x10;
        check_error(model_report_check(fuse, &target, &report, &err), &err, ERROR_REFUSED);
        ((uint8_t *)&report)[i] ^= 0x10;
    }
}

static uint64_t get_key(const struct sgx_keyrequest *request, uint8_t out[SGX_KEY_SIZE])
{
    memset(out, 0, SGX_KEY_SIZE);
    return probe_ask(&probe, 0, PROBE_KEY, (uintptr_t)request, (uintptr_t)out, 0);
}

/* The code inside checks a report for itself by the key that it gets. */
static void gives_the_key_of_reports_for_itself(void **state)
{
    (void)state;
    struct sgx_targetinfo self = {.miscselect = 1, .config_svn = probe.options.config_svn};
    struct sgx_keyrequest request = {.name = SGX_KEY_REPORT};
    struct sgx_report report;
    uint8_t key[SGX_KEY_SIZE];
    uint8_t mac[16];
    make_report(&self, 0, &report);
    memcpy(&self.attributes, report.body + 48, sizeof self.attributes);
    memcpy(self.mrenclave, probe.fields.mrenclave, 32);
    memcpy(self.config_id, probe.options.config_id, 64);
    make_report(&self, 2, &report);
    memcpy(request.key_id, report.key_id, 32);
    assert_int_equal(get_key(&request, key), 0);
    check_ok(cmac_aes128(key, span_of(report.body, sizeof report.body), mac, &err), &err);
    assert_memory_equal(mac, report.mac, sizeof mac);
}

/* The seal key under this policy, of this enclave with this CONFIGID. */
static void seal(uint16_t policy, uint8_t config, uint8_t out[SGX_KEY_SIZE])
{
    const struct sgx_keyrequest request = {.name = SGX_KEY_SEAL, .policy = policy};
    memset(probe.options.config_id, config, 64);
    probe_load(&probe);
    assert_int_equal(get_key(&request, out), 0);
}

static void seals_to_what_the_policy_says(void **state)
{
    (void)state;
    uint8_t keys[6][SGX_KEY_SIZE];
    seal(SGX_POLICY_MRENCLAVE, 1, keys[0]);
    seal(SGX_POLICY_MRENCLAVE, 2, keys[1]); /* CONFIGID does not matter */
    assert_memory_equal(keys[0], keys[1], SGX_KEY_SIZE);
    seal(SGX_POLICY_MRENCLAVE | SGX_POLICY_CONFIGID, 1, keys[1]);
    seal(SGX_POLICY_MRENCLAVE | SGX_POLICY_CONFIGID, 2, keys[2]);
    seal(SGX_POLICY_MRSIGNER, 2, keys[3]);
    seal(SGX_POLICY_MRSIGNER | SGX_POLICY_CONFIGID, 2, keys[4]);
    seal(SGX_POLICY_MRSIGNER | SGX_POLICY_NOPRODUCT, 2, keys[5]);
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(keys[i], keys[j], SGX_KEY_SIZE);
    }
    seal(SGX_POLICY_MRENCLAVE | SGX_POLICY_CONFIGID, 1, keys[3]); /* and is the same again */
    assert_memory_equal(keys[1], keys[3], SGX_KEY_SIZE);
}

static void refuses_keys_that_are_not_for_it(void **state)
{
    (void)state;
    static const struct {
        struct sgx_keyrequest request;
        uint64_t status;
    } cases[] = {
        {{.name = SGX_KEY_LAUNCH}, SGX_INVALID_ATTRIBUTE},
        {{.name = SGX_KEY_PROVISION}, SGX_INVALID_ATTRIBUTE},
        {{.name = SGX_KEY_PROVISION_SEAL}, SGX_INVALID_ATTRIBUTE},
        {{.name = 5}, SGX_INVALID_KEYNAME},
        {{.name = SGX_KEY_SEAL, .isv_svn = 10}, SGX_INVALID_ISVSVN},
        {{.name = SGX_KEY_SEAL, .config_svn = 5}, SGX_INVALID_ISVSVN},
        {{.name = SGX_KEY_SEAL, .cpu_svn = {[15] = MODEL_CPU_SVN + 1}}, SGX_INVALID_CPUSVN},
    };
    uint8_t key[SGX_KEY_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(get_key(&cases[i].request, key), cases[i].status);
        assert_true(span_is_zero(span_of(key, sizeof key)));
    }
}

static int set_up(void **state)
{
    (void)state;
    probe_load(&probe);
    return 0;
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enters_and_comes_back),
        cmocka_unit_test(begins_with_zeros_whatever_the_host_put_there),
        cmocka_unit_test(asks_the_host),
        cmocka_unit_test(runs_two_threads_at_once),
        cmocka_unit_test(takes_exceptions_back_inside),
        cmocka_unit_test(gives_up_a_thread_whose_exception_nobody_takes),
        cmocka_unit_test(shows_the_host_nothing_of_an_exception),
        cmocka_unit_test(begins_with_clean_registers_whatever_the_host_has),
        cmocka_unit_test(leaves_nothing_in_vector_registers),
        cmocka_unit_test(does_nothing_that_nobody_asked_for),
        cmocka_unit_test(waits_for_its_answer_whatever_else_comes),
        cmocka_unit_test(refuses_a_busy_tcs_and_a_full_ssa),
        cmocka_unit_test(refuses_other_leaves_and_runs),
        cmocka_unit_test(goes_on_after_signals_and_is_busy_meanwhile),
        cmocka_unit_test(signals_find_leaves_done_or_not_begun),
        cmocka_unit_test(does_not_lose_signals_while_entering),
        cmocka_unit_test(signals_find_a_thread_inside_or_outside),
        cmocka_unit_test(leaves_by_a_jump),
        cmocka_unit_test(refuses_signals_that_are_exceptions),
        cmocka_unit_test(reports_what_it_is),
        cmocka_unit_test(reports_are_for_one_target_and_unchanged),
        cmocka_unit_test(gives_the_key_of_reports_for_itself),
        cmocka_unit_test(seals_to_what_the_policy_says),
        cmocka_unit_test(refuses_keys_that_are_not_for_it),
    };
    assert_int_equal(argc, 2);
    model_set_fuse(fuse);
    probe_init(&probe, argv[1]);
    int failed = cmocka_run_group_tests(tests, set_up, NULL);
    probe_fini(&probe);
    return failed;
}
