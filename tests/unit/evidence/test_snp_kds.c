#include "../check.h"

#include "evidence/snp_kds.h"

static struct error err;

static struct snp_report make(uint32_t version, uint8_t family, uint8_t model)
{
    struct snp_report report = {.version = version, .cpuid_family = family, .cpuid_model = model};
    memset(report.chip_id, 0xAB, sizeof report.chip_id);
    memcpy(report.current_tcb, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8);
    memcpy(report.reported_tcb, "\x04\x01\x02\x03\x05\x06\x18\xDB", 8);
    return report;
}

#define AB16 "abababababababababababababababab"

static void writes_the_paths_of_each_product(void **state)
{
    (void)state;
    static const struct {
        uint8_t family;
        uint8_t model;
        const char *leaf;
        const char *chain;
        const char *crl;
    } expected[] = {
        {0x19, 0x01,
         "/vcek/v1/Milan/" AB16 AB16 AB16 AB16 "?blSPL=04&teeSPL=01&snpSPL=24&ucodeSPL=219",
         "/vcek/v1/Milan/cert_chain", "/vcek/v1/Milan/crl"},
        {0x19, 0xA0,
         "/vcek/v1/Genoa/" AB16 AB16 AB16 AB16 "?blSPL=04&teeSPL=01&snpSPL=24&ucodeSPL=219",
         "/vcek/v1/Genoa/cert_chain", "/vcek/v1/Genoa/crl"},
        {0x1A, 0x02,
         "/vcek/v1/Turin/abababababababab?fmcSPL=04&blSPL=01&teeSPL=02&snpSPL=03&ucodeSPL=219",
         "/vcek/v1/Turin/cert_chain", "/vcek/v1/Turin/crl"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const struct snp_report report = make(3, expected[i].family, expected[i].model);
        BUF_AUTO leaf = BUF_WITH_LIMIT(SNP_KDS_PATH_MAX);
        BUF_AUTO chain = BUF_WITH_LIMIT(SNP_KDS_PATH_MAX);
        BUF_AUTO crl = BUF_WITH_LIMIT(SNP_KDS_PATH_MAX);
        const struct snp_product *product = snp_kds_product(&report, &err);
        assert_non_null(product);
        check_ok(snp_kds_leaf(&report, product, &leaf, &err), &err);
        check_ok(snp_kds_chain(product, false, &chain, &err), &err);
        check_ok(snp_kds_crl(product, false, &crl, &err), &err);
        assert_string_equal(buf_text(&leaf), expected[i].leaf);
        assert_string_equal(buf_text(&chain), expected[i].chain);
        assert_string_equal(buf_text(&crl), expected[i].crl);
    }
    BUF_AUTO vlek = BUF_WITH_LIMIT(SNP_KDS_PATH_MAX);
    check_ok(snp_kds_chain(snp_product_by_name(span_of_text("Genoa")), true, &vlek, &err), &err);
    assert_string_equal(buf_text(&vlek), "/vlek/v1/Genoa/cert_chain");
}

static void names_no_product_that_the_report_does_not(void **state)
{
    (void)state;
    struct snp_report report = make(2, 0, 0);
    assert_null(snp_kds_product(&report, &err));
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    memset(report.chip_id + 8, 0, sizeof report.chip_id - 8);
    assert_string_equal(snp_kds_product(&report, &err)->name, "Turin");
    memset(report.chip_id, 0, 8); /* masked: it could be any */
    assert_null(snp_kds_product(&report, &err));
    report = make(5, 0x1A, 0x90);
    assert_null(snp_kds_product(&report, &err));
    assert_int_equal(err.code, ERROR_INVALID);
    assert_non_null(strstr(err.text, "Venice"));
    report = make(5, 0x17, 0x01);
    assert_null(snp_kds_product(&report, &err));
    assert_int_equal(err.code, ERROR_INVALID);
}

static void refuses_what_the_service_does_not_have(void **state)
{
    (void)state;
    struct snp_report report = make(3, 0x19, 1);
    const struct snp_product *product = snp_kds_product(&report, &err);
    BUF_AUTO path = BUF_WITH_LIMIT(SNP_KDS_PATH_MAX);
    for (uint32_t key = 1; key < 8; key++) {
        report.key_info = key << 2;
        check_error(snp_kds_leaf(&report, product, &path, &err), &err, ERROR_INVALID);
    }
    report.key_info = 0;
    memset(report.chip_id, 0, sizeof report.chip_id);
    check_refused(snp_kds_leaf(&report, product, &path, &err), &err, "masks CHIP_ID");
    assert_int_equal(path.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_paths_of_each_product),
        cmocka_unit_test(names_no_product_that_the_report_does_not),
        cmocka_unit_test(refuses_what_the_service_does_not_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
