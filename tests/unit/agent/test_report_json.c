/* A report as a key broker takes it. That the service makes the same bytes of it again is shown
 * where both meet: tests/scenario/test_secrets. */
#include "../check.h"

#include "agent/report_json.h"
#include "evidence/snp_report.h"
#include "format/json.h"

static const struct json_limits limits = {.size = REPORT_JSON_MAX, .depth = 8};

static json_t *write(uint32_t version, uint8_t family, struct span table)
{
    uint8_t bytes[SNP_REPORT_SIZE];
    struct snp_report report = {.version = version,
                                .cpuid_family = family,
                                .policy = 0x30000,
                                .signature_algorithm = 1,
                                .current_tcb = {1, 2, 3, 4, 5, 6, 7, 8},
                                .current = {21, 55, 1}};
    struct error err = {0};
    BUF_AUTO text = BUF_WITH_LIMIT(REPORT_JSON_MAX);
    report.report_data[63] = 9;
    report.signature_s[71] = 200;
    snp_report_write(&report, bytes);
    check_ok(report_json_append(span_of(bytes, sizeof bytes), table, &text, &err), &err);
    json_t *object = json_parse_object(buf_span(&text), &limits, &err);
    assert_non_null(object);
    return object;
}

static json_int_t number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static json_int_t byte_at(const json_t *object, const char *key, size_t size, size_t at)
{
    const json_t *array = json_object_get(object, key);
    assert_int_equal(json_array_size(array), size);
    return json_integer_value(json_array_get(array, at));
}

static void has_each_field_by_its_name(void **state)
{
    (void)state;
    json_auto_t *object = write(3, 0x19, span_of(NULL, 0));
    const json_t *report = json_object_get(object, "attestation_report");
    assert_true(json_is_null(json_object_get(object, "cert_chain")));
    assert_int_equal(number(report, "version"), 3);
    assert_int_equal(number(report, "policy"), 0x30000);
    assert_int_equal(number(report, "cpuid_fam_id"), 0x19);
    assert_int_equal(byte_at(report, "report_data", 64, 63), 9);
    assert_int_equal(byte_at(json_object_get(report, "signature"), "s", 72, 71), 200);
    assert_int_equal(number(json_object_get(report, "current"), "minor"), 55);
    const json_t *tcb = json_object_get(report, "current_tcb");
    assert_true(json_is_null(json_object_get(tcb, "fmc")));
    assert_int_equal(number(tcb, "bootloader"), 1);
    assert_int_equal(number(tcb, "microcode"), 8);
}

static void knows_turins_order_of_a_tcb_and_older_reports(void **state)
{
    (void)state;
    json_auto_t *turin = write(3, 0x1A, span_of(NULL, 0));
    const json_t *tcb = json_object_get(json_object_get(turin, "attestation_report"),
                                        "current_tcb");
    assert_int_equal(number(tcb, "fmc"), 1);
    assert_int_equal(number(tcb, "bootloader"), 2);
    json_auto_t *old = write(2, 0, span_of(NULL, 0));
    assert_null(json_object_get(json_object_get(old, "attestation_report"), "cpuid_fam_id"));
}

static void refuses_what_is_no_report_or_no_table(void **state)
{
    (void)state;
    static const uint8_t zeros[SNP_REPORT_SIZE];
    uint8_t bytes[SNP_REPORT_SIZE];
    struct snp_report report = {.version = 3};
    struct error err = {0};
    BUF_AUTO text = BUF_WITH_LIMIT(REPORT_JSON_MAX);
    snp_report_write(&report, bytes);
    check_error(report_json_append(span_of(zeros, sizeof zeros), span_of(NULL, 0), &text, &err),
                &err, ERROR_INVALID);
    check_error(report_json_append(span_of(bytes, sizeof bytes - 1), span_of(NULL, 0), &text, &err),
                &err, ERROR_INVALID);
    check_error(
        report_json_append(span_of(bytes, sizeof bytes), span_of_text("no table"), &text, &err),
        &err, ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_each_field_by_its_name),
        cmocka_unit_test(knows_turins_order_of_a_tcb_and_older_reports),
        cmocka_unit_test(refuses_what_is_no_report_or_no_table),
    };
    return cmocka_run_group_tests_name("agent/report_json", tests, NULL, NULL);
}
