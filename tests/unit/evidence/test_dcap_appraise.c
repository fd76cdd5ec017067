/* What a relying party wants of a report, for reports that this test writes. */
#include "../check.h"

#include <stdio.h>

#include "evidence/dcap_appraise.h"

static uint8_t report[DCAP_TD15_SIZE];
static struct dcap_quote quote;
static struct dcap_appraisal appraisal;
static struct checks checks;

static uint8_t *field_of(enum dcap_field field)
{
    struct span bytes = dcap_quote_get(&quote, field);
    assert_true(bytes.size > 0);
    return report + (bytes.data - report);
}

static void start(enum dcap_body body)
{
    memset(report, 0, sizeof report);
    memset(&appraisal, 0, sizeof appraisal);
    quote = (struct dcap_quote){.body = body, .report = span_of(report, dcap_body_size(body))};
    if (body == DCAP_BODY_SGX) {
        field_of(DCAP_ATTRIBUTES)[0] = 0x05;
    } else {
        field_of(DCAP_TDATTRIBUTES)[3] = 0x10;
        field_of(DCAP_XFAM)[0] = 0xE7;
    }
}

static bool passes(void)
{
    checks_init(&checks);
    dcap_appraise(&quote, &appraisal, &checks);
    return !checks_first_failure(&checks);
}

static void expect_refused(const char *name)
{
    assert_false(passes());
    assert_string_equal(checks_first_failure(&checks)->rule->name, name);
}

static const enum dcap_body bodies[] = {DCAP_BODY_SGX, DCAP_BODY_TD10, DCAP_BODY_TD15};

static void asks_little_when_nothing_is_wanted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        start(bodies[i]);
        assert_true(passes());
        assert_int_equal(checks.count, bodies[i] == DCAP_BODY_SGX ? 2 : 5);
    }
}

/* Names that are those of other checks have "wanted_" before them. */
static const char *check_name(enum dcap_field field)
{
    static char name[64];
    bool taken = field == DCAP_ATTRIBUTES || field == DCAP_TDATTRIBUTES || field == DCAP_XFAM;
    (void)snprintf(name, sizeof name, "%s%s", taken ? "wanted_" : "", dcap_field_name(field));
    return name;
}

static void check_field(enum dcap_field field)
{
    struct dcap_wanted *wanted = &appraisal.wanted[field];
    const char *name = check_name(field);
    wanted->count = 2;
    memset(wanted->values[0], 0xEE, DCAP_FIELD_SIZE_MAX);
    memcpy(wanted->values[1], field_of(field), dcap_field_size(field));
    assert_true(passes());
    assert_non_null(checks_find(&checks, name));
    wanted->values[1][dcap_field_size(field) - 1] ^= 1;
    expect_refused(name);
    wanted->count = 1;
    memcpy(wanted->values[0], field_of(field), dcap_field_size(field));
    assert_true(passes());
    wanted->values[0][0] ^= 0x80;
    expect_refused(name);
}

static void wants_each_field_to_be_one_of_some(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        for (unsigned field = 0; field < DCAP_FIELD_COUNT; field++) {
            start(bodies[i]);
            if (dcap_body_has(bodies[i], field)) {
                check_field(field);
                continue;
            }
            appraisal.wanted[field].count = 1; /* zeros, which an absent field is not */
            expect_refused(check_name(field));
        }
    }
}

static void a_value_must_be_equal_to_its_last_byte(void **state)
{
    (void)state;
    start(DCAP_BODY_SGX);
    memset(field_of(DCAP_MRENCLAVE), 0x11, 32);
    appraisal.wanted[DCAP_MRENCLAVE].count = 1;
    memset(appraisal.wanted[DCAP_MRENCLAVE].values[0], 0x11, DCAP_FIELD_SIZE_MAX);
    assert_true(passes());
    for (size_t i = 0; i < 32; i++) {
        field_of(DCAP_MRENCLAVE)[i] ^= 1;
        expect_refused("mrenclave");
        field_of(DCAP_MRENCLAVE)[i] ^= 1;
    }
}

static void a_debug_enclave_or_domain_needs_to_be_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        bool is_td = dcap_body_is_td(bodies[i]);
        start(bodies[i]);
        field_of(is_td ? DCAP_TDATTRIBUTES : DCAP_ATTRIBUTES)[0] |= is_td ? 0x01 : 0x02;
        expect_refused("debug");
        appraisal.allow_debug = true;
        assert_true(passes());
    }
}

/* The known ones beside those that have a check of their own. */
static void knows_each_attribute(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        bool sgx = bit == 0 || bit == 2 || bit == 4 || bit == 5 || bit == 6 || bit == 7 ||
                   bit == 10;
        bool td = bit == 16 || bit == 27 || bit == 28 || bit == 30 || bit == 31 || bit >= 62;
        bool xfam = bit <= 2 || (bit >= 5 && bit <= 9) || bit == 11 || bit == 12 || bit == 14 ||
                    bit == 15 || (bit >= 17 && bit <= 19);
        start(DCAP_BODY_SGX);
        field_of(DCAP_ATTRIBUTES)[bit / 8] |= (uint8_t)(1U << (bit % 8));
        if (sgx)
            assert_true(passes());
        else
            expect_refused(bit == 1 ? "debug" : "attributes");
        start(DCAP_BODY_TD10);
        field_of(DCAP_TDATTRIBUTES)[bit / 8] |= (uint8_t)(1U << (bit % 8));
        if (td)
            assert_true(passes());
        else
            expect_refused(bit < 4 ? "debug" : bit == 29 ? "migration" : "tdattributes");
        start(DCAP_BODY_TD15);
        field_of(DCAP_XFAM)[bit / 8] |= (uint8_t)(1U << (bit % 8));
        if (xfam)
            assert_true(passes());
        else
            expect_refused("xfam");
    }
}

static void what_must_be_set_is_set(void **state)
{
    (void)state;
    start(DCAP_BODY_SGX);
    field_of(DCAP_ATTRIBUTES)[0] = 0x04; /* no INIT */
    expect_refused("attributes");
    start(DCAP_BODY_TD10);
    field_of(DCAP_TDATTRIBUTES)[3] = 0;
    expect_refused("sept_ve_disable");
    appraisal.allow_sept_ve = true;
    assert_true(passes());
    field_of(DCAP_XFAM)[0] = 0xE5; /* no SSE */
    expect_refused("xfam");
    field_of(DCAP_XFAM)[0] = 0xE6; /* no x87 */
    expect_refused("xfam");
}

static void migration_needs_to_be_allowed(void **state)
{
    (void)state;
    start(DCAP_BODY_TD15);
    field_of(DCAP_TDATTRIBUTES)[3] |= 0x20;
    expect_refused("migration");
    appraisal.allow_migration = true;
    assert_true(passes());
}

static void a_minimum_isvsvn_is_of_enclaves(void **state)
{
    (void)state;
    start(DCAP_BODY_SGX);
    field_of(DCAP_ISVSVN)[1] = 1; /* 256 */
    appraisal.minimum_isvsvn = 256;
    assert_true(passes());
    appraisal.minimum_isvsvn = 257;
    expect_refused("minimum_isvsvn");
    start(DCAP_BODY_TD10);
    appraisal.minimum_isvsvn = 1;
    expect_refused("minimum_isvsvn");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_little_when_nothing_is_wanted),
        cmocka_unit_test(wants_each_field_to_be_one_of_some),
        cmocka_unit_test(a_value_must_be_equal_to_its_last_byte),
        cmocka_unit_test(a_debug_enclave_or_domain_needs_to_be_allowed),
        cmocka_unit_test(knows_each_attribute),
        cmocka_unit_test(what_must_be_set_is_set),
        cmocka_unit_test(migration_needs_to_be_allowed),
        cmocka_unit_test(a_minimum_isvsvn_is_of_enclaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
