#include "../check.h"

#include "evidence/evidence_kind.h"

static uint8_t bytes[2048];

static void check_kind(const void *start, size_t start_size, size_t size,
                       enum evidence_kind expected)
{
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, start, start_size);
    assert_int_equal(evidence_kind_of(span_of(bytes, size)), expected);
    assert_true(evidence_kind_name(expected)[0] != '\0');
}

static void tells_each_kind(void **state)
{
    (void)state;
    check_kind("{}", 2, 2, EVIDENCE_BUNDLE);
    check_kind(" \r\n\t{", 5, 5, EVIDENCE_BUNDLE);
    for (uint8_t version = 2; version <= 5; version++)
        check_kind(&version, 1, 1184, EVIDENCE_SNP_REPORT);
    check_kind("\x03\0\x02\0\0\0\0\0", 8, 600, EVIDENCE_SGX_QUOTE);
    check_kind("\x04\0\x02\0\x81\0\0\0", 8, 1184, EVIDENCE_TDX_QUOTE);
    check_kind("\x05\0\x02\0\x81\0\0\0", 8, 700, EVIDENCE_TDX_QUOTE);
    check_kind("HCLA\x02", 5, 2048, EVIDENCE_HCL_REPORT);
    check_kind("\xd2\x84\x43", 3, 100, EVIDENCE_COSE);
    check_kind("-----BEGIN CERTIFICATE-----\n", 28, 100, EVIDENCE_CERTIFICATES);
    check_kind("\x30\x82\x05", 3, 100, EVIDENCE_CERTIFICATES);
}

static void takes_nothing_else_for_evidence(void **state)
{
    (void)state;
    check_kind("", 0, 0, EVIDENCE_UNKNOWN);
    check_kind("\x02", 1, 1183, EVIDENCE_UNKNOWN); /* cut */
    check_kind("\x02", 1, 1185, EVIDENCE_UNKNOWN);
    check_kind("\x01", 1, 1184, EVIDENCE_UNKNOWN);
    check_kind("\x06", 1, 1184, EVIDENCE_UNKNOWN);
    check_kind("\x03\x01", 2, 1184, EVIDENCE_UNKNOWN);
    check_kind("\x03\0\x02\0\0\0\0\0", 8, 48, EVIDENCE_UNKNOWN); /* a header and nothing more */
    check_kind("\x03\0\x02\0\x01\0\0\0", 8, 600, EVIDENCE_UNKNOWN);
    check_kind("\x06\0\x02\0\0\0\0\0", 8, 600, EVIDENCE_UNKNOWN);
    check_kind("HCL", 3, 600, EVIDENCE_UNKNOWN);
    check_kind("\xd2\x83", 2, 600, EVIDENCE_UNKNOWN);
    check_kind("  [", 3, 3, EVIDENCE_UNKNOWN);
    check_kind(" \t\r\n", 4, 4, EVIDENCE_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_each_kind),
        cmocka_unit_test(takes_nothing_else_for_evidence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
