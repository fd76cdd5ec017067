/* The file of a relying party's wishes for SGX and TDX quotes. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hex.h"
#include "evidence/dcap_appraise.h"

static struct error err;
static struct dcap_appraisal appraisal;

#define HEAD "{\"dcap_appraisal\": 1, "

static int parse(const char *text)
{
    return dcap_appraisal_parse(span_of_text(text), &appraisal, &err);
}

static void asks_nothing_when_empty(void **state)
{
    (void)state;
    static const struct dcap_appraisal strict;
    check_ok(parse("{\"dcap_appraisal\": 1}"), &err);
    assert_memory_equal(&appraisal, &strict, sizeof strict);
}

static void reads_every_option(void **state)
{
    (void)state;
    check_ok(parse(HEAD "\"accepted_statuses\": [\"UpToDate\", \"SWHardeningNeeded\","
                        "\"OutOfDateConfigurationNeeded\"], \"out_of_date_grace_days\": 3650,"
                        "\"minimum_tcb_evaluation_data_number\": 4294967295,"
                        "\"minimum_isvsvn\": 65535, \"allow_debug\": true,"
                        "\"allow_sept_ve\": true, \"allow_migration\": true,"
                        "\"allow_trailing_bytes\": true}"),
             &err);
    assert_int_equal(appraisal.accepted_statuses, 1U << TCB_UP_TO_DATE |
                                                      1U << TCB_SW_HARDENING_NEEDED |
                                                      1U << TCB_OUT_OF_DATE_CONFIGURATION_NEEDED);
    assert_int_equal(appraisal.out_of_date_grace_days, 3650);
    assert_int_equal(appraisal.minimum_evaluation, 4294967295);
    assert_int_equal(appraisal.minimum_isvsvn, 65535);
    assert_true(appraisal.allow_debug && appraisal.allow_sept_ve && appraisal.allow_migration &&
                appraisal.allow_trailing_bytes);
}

static void reads_which_tee_is_wanted(void **state)
{
    (void)state;
    check_ok(parse(HEAD "\"tee\": \"sgx\"}"), &err);
    assert_int_equal(appraisal.tee, DCAP_SGX);
    check_ok(parse(HEAD "\"tee\": \"tdx\"}"), &err);
    assert_int_equal(appraisal.tee, DCAP_TDX);
    check_refused(parse(HEAD "\"tee\": \"SGX\"}"), &err, "\"SGX\" is neither sgx nor tdx");
    check_refused(parse(HEAD "\"tee\": \"\"}"), &err, "tee");
    check_refused(parse(HEAD "\"tee\": 1}"), &err, "tee");
}

static bool is_number(unsigned field)
{
    return field == DCAP_ISVPRODID || field == DCAP_ISVSVN || field == DCAP_CONFIGSVN;
}

/* {"dcap_appraisal": 1, name: [value × count]}, the value with `more` bytes than the field. */
static int parse_field(unsigned field, size_t count, int more)
{
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    uint8_t bytes[DCAP_FIELD_SIZE_MAX + 1];
    char hex[2 * sizeof bytes + 1];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i + 1);
    size_t size = dcap_field_size(field) + (size_t)more;
    hex_encode(span_of(bytes, size), hex);
    check_ok(buf_printf(&text, &err, HEAD "\"%s\": [", dcap_field_name(field)), &err);
    for (size_t i = 0; i < count; i++) {
        const char *comma = i > 0 ? "," : "";
        if (is_number(field))
            check_ok(buf_printf(&text, &err, "%s%d", comma, more ? 65536 : 0x0201), &err);
        else
            check_ok(buf_printf(&text, &err, "%s\"%s\"", comma, hex), &err);
    }
    check_ok(buf_append_text(&text, "]}", &err), &err);
    return dcap_appraisal_parse(buf_span(&text), &appraisal, &err);
}

static void reads_every_field(void **state)
{
    (void)state;
    for (unsigned field = 0; field < DCAP_FIELD_COUNT; field++) {
        const struct dcap_wanted *wanted = &appraisal.wanted[field];
        check_ok(parse_field(field, DCAP_ALTERNATIVES_MAX, 0), &err);
        assert_int_equal(wanted->count, DCAP_ALTERNATIVES_MAX);
        for (size_t i = 0; i < dcap_field_size(field); i++)
            assert_int_equal(wanted->values[DCAP_ALTERNATIVES_MAX - 1][i], i + 1);
        check_refused(parse_field(field, 0, 0), &err, dcap_field_name(field));
        check_refused(parse_field(field, DCAP_ALTERNATIVES_MAX + 1, 0), &err,
                      dcap_field_name(field));
        check_refused(parse_field(field, 1, 1), &err, dcap_field_name(field));
    }
}

static void reads_one_value_without_an_array(void **state)
{
    (void)state;
    check_ok(parse(HEAD "\"isvprodid\": 7, \"mrsigner\": "
                        "\"00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff\"}"),
             &err);
    assert_int_equal(appraisal.wanted[DCAP_ISVPRODID].count, 1);
    assert_int_equal(appraisal.wanted[DCAP_ISVPRODID].values[0][0], 7);
    assert_int_equal(appraisal.wanted[DCAP_MRSIGNER].count, 1);
    assert_int_equal(appraisal.wanted[DCAP_MRSIGNER].values[0][31], 0xFF);
}

static void refuses_what_it_does_not_understand(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"", ""},
        {"[]", ""},
        {"{}", "dcap_appraisal"},
        {"{\"dcap_appraisal\": 2}", "dcap_appraisal"},
        {"{\"dcap_appraisal\": \"1\"}", "dcap_appraisal"},
        {HEAD "\"dcap_appraisal\": 1}", "dcap_appraisal"},
        {HEAD "\"more\": 1}", "more"},
        {HEAD "\"MRTD\": 1}", "MRTD"},
        {HEAD "\"accepted_statuses\": \"OutOfDate\"}", "accepted_statuses"},
        {HEAD "\"accepted_statuses\": [1]}", "accepted_statuses"},
        {HEAD "\"accepted_statuses\": [\"Revoked\"]}", "Revoked"},
        {HEAD "\"accepted_statuses\": [\"NotSupported\"]}", "NotSupported"},
        {HEAD "\"accepted_statuses\": [\"outofdate\"]}", "outofdate"},
        {HEAD "\"out_of_date_grace_days\": 3651}", "out_of_date_grace_days"},
        {HEAD "\"out_of_date_grace_days\": -1}", "out_of_date_grace_days"},
        {HEAD "\"minimum_tcb_evaluation_data_number\": 4294967296}",
         "minimum_tcb_evaluation_data_number"},
        {HEAD "\"minimum_isvsvn\": 65536}", "minimum_isvsvn"},
        {HEAD "\"minimum_isvsvn\": true}", "minimum_isvsvn"},
        {HEAD "\"allow_debug\": 1}", "allow_debug"},
        {HEAD "\"allow_sept_ve\": \"true\"}", "allow_sept_ve"},
        {HEAD "\"allow_migration\": null}", "allow_migration"},
        {HEAD "\"allow_trailing_bytes\": []}", "allow_trailing_bytes"},
        {HEAD "\"isvprodid\": -1}", "isvprodid"},
        {HEAD "\"isvprodid\": \"0700\"}", "isvprodid"},
        {HEAD "\"isvsvn\": 1.5}", "isvsvn"},
        {HEAD "\"mrenclave\": \"\"}", "mrenclave"},
        {HEAD "\"mrenclave\": null}", "mrenclave"},
        {HEAD "\"mrenclave\": [[\"00\"]]}", ""},
        {HEAD "\"mrtd\": \"zz\"}", "mrtd"},
        {HEAD "\"allow_debug\": true} x", ""},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_refused(parse(texts[i][0]), &err, texts[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_nothing_when_empty),
        cmocka_unit_test(reads_every_option),
        cmocka_unit_test(reads_which_tee_is_wanted),
        cmocka_unit_test(reads_every_field),
        cmocka_unit_test(reads_one_value_without_an_array),
        cmocka_unit_test(refuses_what_it_does_not_understand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
