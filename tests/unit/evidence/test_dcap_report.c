#include "../check.h"

#include <stdio.h>

#include "evidence/dcap_report.h"

static struct error err;

static const enum dcap_body bodies[] = {DCAP_BODY_SGX, DCAP_BODY_TD10, DCAP_BODY_TD15};
#define BODY_COUNT (sizeof bodies / sizeof *bodies)

struct place {
    enum dcap_field field;
    const char *name;
    size_t at;
    size_t size;
};

/* Intel SDM volume 3D, "Layout of REPORT". */
static const struct place sgx[] = {
    {DCAP_CPUSVN, "cpusvn", 0, 16},
    {DCAP_MISCSELECT, "miscselect", 16, 4},
    {DCAP_ISVEXTPRODID, "isvextprodid", 32, 16},
    {DCAP_ATTRIBUTES, "attributes", 48, 16},
    {DCAP_MRENCLAVE, "mrenclave", 64, 32},
    {DCAP_MRSIGNER, "mrsigner", 128, 32},
    {DCAP_CONFIGID, "configid", 192, 64},
    {DCAP_ISVPRODID, "isvprodid", 256, 2},
    {DCAP_ISVSVN, "isvsvn", 258, 2},
    {DCAP_CONFIGSVN, "configsvn", 260, 2},
    {DCAP_ISVFAMILYID, "isvfamilyid", 304, 16},
    {DCAP_REPORT_DATA, "report_data", 320, 64},
};
/* Appendix A.3 of Intel's library; the first 15 are those of TDX 1.0. */
static const struct place td[] = {
    {DCAP_TEE_TCB_SVN, "tee_tcb_svn", 0, 16},
    {DCAP_MRSEAM, "mrseam", 16, 48},
    {DCAP_MRSIGNERSEAM, "mrsignerseam", 64, 48},
    {DCAP_SEAMATTRIBUTES, "seamattributes", 112, 8},
    {DCAP_TDATTRIBUTES, "tdattributes", 120, 8},
    {DCAP_XFAM, "xfam", 128, 8},
    {DCAP_MRTD, "mrtd", 136, 48},
    {DCAP_MRCONFIGID, "mrconfigid", 184, 48},
    {DCAP_MROWNER, "mrowner", 232, 48},
    {DCAP_MROWNERCONFIG, "mrownerconfig", 280, 48},
    {DCAP_RTMR0, "rtmr0", 328, 48},
    {DCAP_RTMR1, "rtmr1", 376, 48},
    {DCAP_RTMR2, "rtmr2", 424, 48},
    {DCAP_RTMR3, "rtmr3", 472, 48},
    {DCAP_REPORT_DATA, "report_data", 520, 64},
    {DCAP_TEE_TCB_SVN2, "tee_tcb_svn2", 584, 16},
    {DCAP_MRSERVICETD, "mrservicetd", 600, 48},
};

static const struct place *places_of(enum dcap_body body, size_t *count)
{
    *count = body == DCAP_BODY_SGX    ? sizeof sgx / sizeof *sgx
             : body == DCAP_BODY_TD10 ? 15
                                      : sizeof td / sizeof *td;
    return body == DCAP_BODY_SGX ? sgx : td;
}

static const struct place *find(enum dcap_body body, enum dcap_field field)
{
    size_t count;
    const struct place *places = places_of(body, &count);
    for (size_t i = 0; i < count; i++) {
        if (places[i].field == field)
            return &places[i];
    }
    return NULL;
}

static void knows_three_bodies(void **state)
{
    (void)state;
    assert_int_equal(dcap_body_size(DCAP_BODY_SGX), 384);
    assert_int_equal(dcap_body_size(DCAP_BODY_TD10), 584);
    assert_int_equal(dcap_body_size(DCAP_BODY_TD15), 648);
    assert_false(dcap_body_is_td(DCAP_BODY_SGX));
    assert_true(dcap_body_is_td(DCAP_BODY_TD10));
    assert_true(dcap_body_is_td(DCAP_BODY_TD15));
    static const unsigned unknown[] = {0, 4, 5, 0xFFFF, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_int_equal(dcap_body_size(unknown[i]), 0);
}

static void finds_each_field_where_the_specification_has_it(void **state)
{
    (void)state;
    static const uint8_t bytes[DCAP_TD15_SIZE];
    for (size_t i = 0; i < BODY_COUNT; i++) {
        struct span report = span_of(bytes, dcap_body_size(bodies[i]));
        for (unsigned field = 0; field < DCAP_FIELD_COUNT; field++) {
            const struct place *place = find(bodies[i], field);
            struct span got = dcap_report_get(bodies[i], report, field);
            assert_int_equal(dcap_body_has(bodies[i], field), place != NULL);
            assert_int_equal(got.size, place ? place->size : 0);
            if (!place)
                continue;
            assert_int_equal(got.data - bytes, place->at);
            assert_string_equal(dcap_field_name(field), place->name);
            assert_int_equal(dcap_field_size(field), place->size);
            assert_true(place->size <= DCAP_FIELD_SIZE_MAX);
        }
    }
}

static void reads_numbers_as_little_endian(void **state)
{
    (void)state;
    uint8_t bytes[DCAP_SGX_SIZE] = {[256] = 0x01, [257] = 0x02, [258] = 0x03, [261] = 0x04};
    struct span report = span_of(bytes, sizeof bytes);
    assert_int_equal(dcap_report_get_u16(DCAP_BODY_SGX, report, DCAP_ISVPRODID), 0x0201);
    assert_int_equal(dcap_report_get_u16(DCAP_BODY_SGX, report, DCAP_ISVSVN), 0x0003);
    assert_int_equal(dcap_report_get_u16(DCAP_BODY_SGX, report, DCAP_CONFIGSVN), 0x0400);
}

static void gives_nothing_for_a_field_of_the_other_kind(void **state)
{
    (void)state;
    uint8_t bytes[DCAP_TD10_SIZE];
    memset(bytes, 0xFF, sizeof bytes);
    struct span report = span_of(bytes, sizeof bytes);
    assert_int_equal(dcap_report_get_u16(DCAP_BODY_TD10, report, DCAP_ISVSVN), 0);
    assert_int_equal(dcap_report_get(DCAP_BODY_TD10, report, DCAP_MRENCLAVE).size, 0);
    assert_int_equal(dcap_report_get(DCAP_BODY_TD10, report, DCAP_MRSERVICETD).size, 0);
}

static void refuses_a_report_of_another_size(void **state)
{
    (void)state;
    static const uint8_t bytes[DCAP_TD15_SIZE + 1];
    for (size_t i = 0; i < BODY_COUNT; i++) {
        for (size_t size = 0; size <= sizeof bytes; size++) {
            if (size == dcap_body_size(bodies[i]))
                continue;
            struct span report = span_of(bytes, size);
            assert_int_equal(dcap_report_get(bodies[i], report, DCAP_REPORT_DATA).size, 0);
            check_error(dcap_report_check_reserved(bodies[i], report, &err), &err, ERROR_INVALID);
        }
    }
}

static bool is_reserved(enum dcap_body body, size_t at)
{
    size_t count;
    const struct place *places = places_of(body, &count);
    for (size_t i = 0; i < count; i++) {
        if (places[i].at <= at && at < places[i].at + places[i].size)
            return false;
    }
    return true;
}

/* Every byte of no field must be zero, and every other may be anything. */
static size_t count_refused(enum dcap_body body)
{
    uint8_t bytes[DCAP_TD15_SIZE] = {0};
    struct span report = span_of(bytes, dcap_body_size(body));
    size_t refused = 0;
    check_ok(dcap_report_check_reserved(body, report, &err), &err);
    for (size_t at = 0; at < report.size; at++) {
        char words[64];
        (void)snprintf(words, sizeof words, "byte %zu of the report", at);
        bytes[at] = 0x80;
        if (is_reserved(body, at)) {
            check_refused(dcap_report_check_reserved(body, report, &err), &err, words);
            refused++;
        } else {
            check_ok(dcap_report_check_reserved(body, report, &err), &err);
        }
        bytes[at] = 0;
    }
    return refused;
}

static void refuses_content_in_reserved_bytes(void **state)
{
    (void)state;
    assert_int_equal(count_refused(DCAP_BODY_SGX), 12 + 32 + 32 + 42);
    assert_int_equal(count_refused(DCAP_BODY_TD10), 0);
    assert_int_equal(count_refused(DCAP_BODY_TD15), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_three_bodies),
        cmocka_unit_test(finds_each_field_where_the_specification_has_it),
        cmocka_unit_test(reads_numbers_as_little_endian),
        cmocka_unit_test(gives_nothing_for_a_field_of_the_other_kind),
        cmocka_unit_test(refuses_a_report_of_another_size),
        cmocka_unit_test(refuses_content_in_reserved_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
