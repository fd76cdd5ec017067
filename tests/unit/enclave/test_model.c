/* The model before anything runs: ECREATE, EADD, EINIT, and what each refuses. */
#include "../check.h"

#include "probe_enclave.h"

static struct probe_enclave probe;
static struct error err;

#define SIZE 0x10000

static struct sgx_secs good_secs(void)
{
    return (struct sgx_secs){
        .size = SIZE, .ssa_frame_size = 1, .attributes = {SGX_MODE64, SGX_XFRM_LEGACY}};
}

static struct enclave *create(const struct sgx_secs *secs)
{
    struct enclave *enclave = driver_model.create(secs, 0, &err);
    if (!enclave)
        fail_msg("%s", err.text);
    return enclave;
}

static void makes_nothing_without_a_fuse_key(void **state)
{
    (void)state;
    static const uint8_t fuse[MODEL_FUSE_SIZE] = {1};
    const struct sgx_secs secs = good_secs();
    err = (struct error){0};
    assert_null(driver_model.create(&secs, 0, &err));
    assert_non_null(strstr(err.text, "no fuse key"));
    model_set_fuse(fuse);
}

static void refuses_a_secs_that_the_processor_would(void **state)
{
    (void)state;
    const struct {
        size_t at;
        uint64_t value;
        const char *words;
    } cases[] = {
        {0, 0x1000, "power of two"},
        {0, 0x18000, "power of two"},
        {0, UINT64_C(1) << 37, "power"},
        {8, 0x10000, "base is chosen"},
        {16, 0, "SSA frame"},
        {16, 1 | UINT64_C(2) << 32, "MISCSELECT"},
        {24, 1, "reserved"},
        {48, 0, "MODE64BIT"},
        {48, 0x5, "MODE64BIT"},
        {48, 0x14, "MODE64BIT"},
        {48, 0x24, "MODE64BIT"},
        {48, 0x404, "MODE64BIT"},
        {56, 1, "XFRM"},
        {56, 0x20003, "XFRM"},
        {56, 0x27, "XFRM"},
        {56, 0xB, "XFRM"},
        {96, 1, "reserved"},
        {160, 1, "reserved"},
        {192, 1, "CONFIGID"},
        {256, UINT64_C(1) << 32, "CONFIGID"},
        {264, 1, "reserved"},
        {4088, 1, "reserved"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sgx_secs secs = good_secs();
        memcpy((uint8_t *)&secs + cases[i].at, &cases[i].value, 8);
        struct enclave *enclave = driver_model.create(&secs, 0, &err);
        assert_null(enclave);
        if (!strstr(err.text, cases[i].words))
            fail_msg("case %zu: %s", i, err.text);
    }
    const struct sgx_secs secs = good_secs();
    struct enclave *enclave = create(&secs);
    assert_int_equal(enclave->base % SIZE, 0);
    driver_model.free(enclave);
}

static void refuses_pages_that_the_processor_would(void **state)
{
    (void)state;
    static const uint8_t bytes[2 * SGX_PAGE_SIZE];
    const struct span page = span_of(bytes, SGX_PAGE_SIZE);
    const struct span none = span_of(NULL, 0);
    const struct enclave_pages cases[] = {
        {1, SGX_PAGE_SIZE, 0x203, page, false},
        {0x1000, 1, 0x203, none, false},
        {0x1000, 0, 0x203, none, false},
        {SIZE, SGX_PAGE_SIZE, 0x203, page, false},
        {SIZE - SGX_PAGE_SIZE, 2 * SGX_PAGE_SIZE, 0x203, span_of(bytes, sizeof bytes), false},
        {UINT64_MAX - 0xFFF, SGX_PAGE_SIZE, 0x203, page, false},
        {0, SGX_PAGE_SIZE, 0x203, page, false}, /* there already */
        {0x1000, SGX_PAGE_SIZE, 0x202, page, false},
        {0x1000, SGX_PAGE_SIZE, 0x206, page, false},
        {0x1000, SGX_PAGE_SIZE, 0x20B, page, false},
        {0x1000, SGX_PAGE_SIZE, 0x213, page, false},
        {0x1000, SGX_PAGE_SIZE, 0x3, page, false},
        {0x1000, SGX_PAGE_SIZE, 0x403, page, false},
        {0x1000, SGX_PAGE_SIZE, 0x103, page, false},
        {0x1000, SGX_PAGE_SIZE, 0x100, page, false}, /* a TCS without an SSA frame */
        {0x1000, SGX_PAGE_SIZE, 0x100, none, false},
        {0x1000, 2 * SGX_PAGE_SIZE, 0x203, page, false},
        {0x1000, SGX_PAGE_SIZE, 0x203, none, true},
    };
    const struct sgx_secs secs = good_secs();
    const struct enclave_pages first = {0, SGX_PAGE_SIZE, 0x203, page, true};
    struct enclave *enclave = create(&secs);
    check_ok(driver_model.add(enclave, &first, &err), &err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_error(driver_model.add(enclave, &cases[i], &err), &err, ERROR_INVALID);
    driver_model.free(enclave);
}

static void refuses_a_tcs_with_fields_that_may_not_be_so(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint64_t value;
    } cases[] = {
        {0, 1},
        {8, 2},
        {16, 1},
        {16, SIZE},
        {24, 1 | 2ULL << 32},
        {24, 0},
        {32, SIZE},
        {40, 1},
        {48, 8},
        {48, SIZE},
        {56, 0x1001},
        {56, SIZE},
        {72, 1},
        {4088, 1ULL << 63},
    };
    const struct sgx_secs secs = good_secs();
    struct enclave *enclave = create(&secs);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sgx_tcs tcs = {.ssa = 0x2000, .ssa_count = 2, .entry = 0x10};
        memcpy((uint8_t *)&tcs + cases[i].at, &cases[i].value, 8);
        const struct enclave_pages pages = {0x1000, SGX_PAGE_SIZE, SGX_TCS, {0}, true};
        struct enclave_pages with = pages;
        with.bytes = span_of(&tcs, sizeof tcs);
        check_error(driver_model.add(enclave, &with, &err), &err, ERROR_INVALID);
    }
    driver_model.free(enclave);
}

static int init_again(void)
{
    return driver_model.init(probe.enclave, probe.sigstruct, &err);
}

static void initialises_once_and_then_takes_no_page(void **state)
{
    (void)state;
    static const uint8_t bytes[SGX_PAGE_SIZE];
    const struct enclave_pages pages = {probe.image.size - SGX_PAGE_SIZE, SGX_PAGE_SIZE, 0x203,
                                        span_of(bytes, sizeof bytes), false};
    probe_load(&probe);
    check_refused(init_again(), &err, "already");
    check_refused(driver_model.add(probe.enclave, &pages, &err), &err, "initialised");
    assert_int_equal(probe_ask(&probe, 0, PROBE_ADD, 1, 2, 0), 3);
}

static void cannot_be_entered_or_changed_before(void **state)
{
    (void)state;
    struct sgx_secs secs = good_secs();
    secs.size = probe.image.size;
    struct enclave *enclave = create(&secs);
    struct enclave_registers registers = {0};
    check_ok(enclave_image_add(&probe.image, driver_model.add, enclave, &err), &err);
    struct enclave_run run = {.tcs = enclave->base + probe_tcs(&probe, 0)};
    assert_int_equal(driver_model.enter(enclave, &registers, SGX_EENTER, &run), 0);
    assert_int_equal(run.leaf, SGX_EENTER);
    assert_int_equal(run.exception_vector, 13);
    check_refused(driver_model.grow(enclave, probe.image.size - 0x1000, 0x1000, &err), &err,
                  "initialised");
    driver_model.free(enclave);
}

/* An enclave that is whole but for EINIT. */
static struct enclave *built(void)
{
    struct sgx_secs secs = good_secs();
    secs.size = probe.image.size;
    secs.attributes.flags |= SGX_KSS;
    struct enclave *enclave = create(&secs);
    check_ok(enclave_image_add(&probe.image, driver_model.add, enclave, &err), &err);
    return enclave;
}

static void refuses_every_bit_of_a_signature_that_is_another(void **state)
{
    (void)state;
    struct enclave *enclave = built();
    for (size_t bit = 0; bit < (size_t)SIGSTRUCT_SIZE * 8; bit++) {
        probe.sigstruct[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (driver_model.init(enclave, probe.sigstruct, NULL) == 0)
            fail_msg("bit %zu of byte %zu may be flipped", bit % 8, bit / 8);
        probe.sigstruct[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    check_ok(driver_model.init(enclave, probe.sigstruct, &err), &err);
    driver_model.free(enclave);
}

static void refuses_what_was_signed_for_another_enclave(void **state)
{
    (void)state;
    const struct sigstruct good = probe.fields;
    struct enclave *enclave = built();
    probe.fields.mrenclave[0] ^= 1;
    probe_sign(&probe);
    check_refused(driver_model.init(enclave, probe.sigstruct, &err), &err, "INVALID_MEASUREMENT");
    probe.fields = good;
    probe.fields.attributes[0] = SGX_MODE64;
    probe_sign(&probe);
    check_refused(driver_model.init(enclave, probe.sigstruct, &err), &err, "INVALID_ATTRIBUTE");
    for (unsigned key = SGX_PROVISION_KEY; key <= SGX_TOKEN_KEY; key <<= 1) {
        probe.fields = good;
        probe.fields.attributes[0] |= (uint8_t)key; /* which no enclave of the model is made with */
        probe_sign(&probe);
        check_refused(driver_model.init(enclave, probe.sigstruct, &err), &err, "INVALID_ATTRIBUTE");
    }
    probe.fields = good;
    probe.fields.attributes[8] = 7; /* AVX, which this enclave has not */
    probe.fields.attributes_mask[8] = 7;
    probe_sign(&probe);
    check_refused(driver_model.init(enclave, probe.sigstruct, &err), &err, "INVALID_ATTRIBUTE");
    probe.fields = good;
    probe.fields.miscselect = 1;
    probe.fields.miscselect_mask = 1;
    probe_sign(&probe);
    check_refused(driver_model.init(enclave, probe.sigstruct, &err), &err, "MISCSELECT");
    probe.fields = good;
    probe_sign(&probe);
    check_ok(driver_model.init(enclave, probe.sigstruct, &err), &err);
    driver_model.free(enclave);
}

static void admits_debug_only_where_it_was_signed(void **state)
{
    (void)state;
    const struct sigstruct good = probe.fields;
    probe.options.is_debug = true;
    assert_null(enclave_load(&driver_model, &probe.image, probe.sigstruct, &probe.options, &err));
    assert_non_null(strstr(err.text, "INVALID_ATTRIBUTE"));
    assert_non_null(strstr(err.text, "SIMULATED"));
    probe.fields.attributes_mask[0] &= (uint8_t)~SGX_DEBUG;
    probe_sign(&probe);
    probe_load(&probe);
    probe.options.is_debug = false;
    probe.fields = good;
    probe_sign(&probe);
}

static void refuses_family_and_product_without_kss(void **state)
{
    (void)state;
    const struct sigstruct good = probe.fields;
    struct sgx_secs secs = good_secs();
    secs.size = probe.image.size;
    struct enclave *enclave = create(&secs);
    check_ok(enclave_image_add(&probe.image, driver_model.add, enclave, &err), &err);
    probe.fields.attributes[0] = SGX_MODE64;
    probe_sign(&probe);
    check_refused(driver_model.init(enclave, probe.sigstruct, &err), &err, "KSS");
    memset(probe.fields.isv_family_id, 0, 16);
    memset(probe.fields.isv_ext_prod_id, 0, 16);
    probe_sign(&probe);
    check_ok(driver_model.init(enclave, probe.sigstruct, &err), &err);
    driver_model.free(enclave);
    probe.fields = good;
    probe_sign(&probe);
}

/* A byte or an access other than what was measured is another MRENCLAVE. */
static int add_changed(void *context, const struct enclave_pages *pages, struct error *error)
{
    struct enclave_pages changed = *pages;
    if (pages->flags == 0x201 && pages->offset == 0)
        changed.flags = 0x203;
    return driver_model.add(context, &changed, error);
}

static void measures_access_and_order(void **state)
{
    (void)state;
    struct sgx_secs secs = good_secs();
    secs.size = probe.image.size;
    secs.attributes.flags |= SGX_KSS;
    struct enclave *enclave = create(&secs);
    check_ok(enclave_image_add(&probe.image, add_changed, enclave, &err), &err);
    check_refused(driver_model.init(enclave, probe.sigstruct, &err), &err, "INVALID_MEASUREMENT");
    driver_model.free(enclave);
}

/* One at address 0 where nothing lies in the way, the next elsewhere. */
static void begins_at_zero_where_room_is_left_out(void **state)
{
    (void)state;
    struct sgx_secs secs = good_secs();
    secs.size = 0x200000;
    struct enclave *first = driver_model.create(&secs, DRIVER_LOWEST, &err);
    struct enclave *second = driver_model.create(&secs, DRIVER_LOWEST, &err);
    struct enclave *other = driver_model.create(&secs, DRIVER_LOWEST - 0x1000, &err);
    assert_non_null(first);
    assert_non_null(second);
    assert_non_null(other);
    assert_int_equal(first->base, 0);
    assert_int_equal(first->size, secs.size);
    assert_int_not_equal(second->base, 0);
    assert_int_equal(second->base % secs.size, 0);
    assert_int_not_equal(other->base, 0);
    driver_model.free(first);
    struct enclave *again = driver_model.create(&secs, DRIVER_LOWEST, &err);
    assert_non_null(again);
    assert_int_equal(again->base, 0);
    driver_model.free(again);
    driver_model.free(second);
    driver_model.free(other);
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_nothing_without_a_fuse_key), /* the first: it sets one */
        cmocka_unit_test(begins_at_zero_where_room_is_left_out),
        cmocka_unit_test(refuses_a_secs_that_the_processor_would),
        cmocka_unit_test(refuses_pages_that_the_processor_would),
        cmocka_unit_test(refuses_a_tcs_with_fields_that_may_not_be_so),
        cmocka_unit_test(initialises_once_and_then_takes_no_page),
        cmocka_unit_test(cannot_be_entered_or_changed_before),
        cmocka_unit_test(refuses_every_bit_of_a_signature_that_is_another),
        cmocka_unit_test(refuses_what_was_signed_for_another_enclave),
        cmocka_unit_test(admits_debug_only_where_it_was_signed),
        cmocka_unit_test(refuses_family_and_product_without_kss),
        cmocka_unit_test(measures_access_and_order),
    };
    assert_int_equal(argc, 2);
    probe_init(&probe, argv[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    probe_fini(&probe);
    return failed;
}
