/* What real quotes, PCK certificates and TCB infos say, as other tools show it. */
#include "../check.h"
#include "../vectors.h"

#include "crypto/certificate.h"
#include "evidence/dcap_quote.h"
#include "evidence/tcb_info.h"
#include "mutate.h"

static struct error err;

static void check_hex(const struct dcap_quote *quote, enum dcap_field field, const char *expected)
{
    char text[2 * DCAP_FIELD_SIZE_MAX + 1] = "";
    struct span got = dcap_quote_get(quote, field);
    for (size_t i = 0; i < got.size; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", got.data[i]);
    assert_string_equal(text, expected);
}

static void read_quote(const char *name, struct buf *bytes, struct dcap_quote *quote)
{
    vectors_read(name, bytes);
    check_ok(dcap_quote_parse(buf_span(bytes), quote, &err), &err);
    check_ok(dcap_report_check_reserved(quote->body, quote->report, &err), &err);
    check_ok(dcap_report_check_reserved(DCAP_BODY_SGX, quote->qe_report, &err), &err);
    assert_int_equal(quote->qe_auth_data.size, 32);
    assert_int_equal(quote->certification_type, DCAP_CERTIFICATION_PCK_CHAIN);
    assert_true(quote->certification_data.size > 27);
    assert_memory_equal(quote->certification_data.data, "-----BEGIN CERTIFICATE-----", 27);
}

static void reads_real_quotes_of_enclaves(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned qe_svn;
        unsigned pce_svn;
        size_t certification;
        const char *mrenclave;
        const char *mrsigner;
        const char *attributes;
    } vectors[] = {
        {"attest/dcap/sgx-v3.quote.bin", 10, 15, 3548,
         "33d8736db756ed4997e04ba358d27833188f1932ff7b1d156904d3f560452fbb",
         "815f42f11cf64430c30bab7816ba596a1da0130c3b028b673133a66cf9a3e0e6",
         "0500000000000000e700000000000000"},
        {"attest/dcap/occlum-sgx-v3.quote.bin", 8, 13, 3681,
         "8f173e4613ff05c52aaf04162d234edae8c9977eae47eb2299ae16a553011c68",
         "83d719e77deaca1470f6baf62a4d774303c899db69020f9c70ee1dfc08c7ce9e",
         "0700000000000000e700000000000000"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        BUF_AUTO bytes = BUF_WITH_LIMIT(DCAP_QUOTE_SIZE_MAX);
        struct dcap_quote quote;
        vectors_need(vectors[i].name);
        read_quote(vectors[i].name, &bytes, &quote);
        assert_int_equal(quote.version, 3);
        assert_int_equal(quote.body, DCAP_BODY_SGX);
        assert_int_equal(quote.qe_svn, vectors[i].qe_svn);
        assert_int_equal(quote.pce_svn, vectors[i].pce_svn);
        assert_int_equal(quote.certification_data.size, vectors[i].certification);
        assert_int_equal(quote.trailing.size, 0);
        check_hex(&quote, DCAP_MRENCLAVE, vectors[i].mrenclave);
        check_hex(&quote, DCAP_MRSIGNER, vectors[i].mrsigner);
        check_hex(&quote, DCAP_ATTRIBUTES, vectors[i].attributes);
        assert_int_equal(dcap_report_get_u16(quote.body, quote.report, DCAP_ISVPRODID), 0);
    }
}

static void reads_real_quotes_of_trust_domains(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned version;
        enum dcap_body body;
        size_t trailing;
        const char *mrtd;
    } vectors[] = {
        {"attest/dcap/tdx-v4-spr.quote.bin", 4, DCAP_BODY_TD10, 39,
         "6363b8043668a3ad953278e10389574d326c6749fb78aa810ecd9336923db86f22fc00b8dcd404bc10d5e119d"
         "7215cbb"},
        {"attest/dcap/tdx-v5-sample.quote.bin", 5, DCAP_BODY_TD15, 0,
         "7348651a34b2d2d3462822e3a750ec6110125f36757c78480bbfc69cc0d21fb001a1ced3ee19747dda8f750c3"
         "bc8f876"},
        {"attest/dcap/trustee-tdx-v4.quote.bin", 4, DCAP_BODY_TD10, 0,
         "705ee9381b8633a9fbe532b52345e8433343d2868959f57889d84ca377c395b689cac1599ccea1b7d420483a9"
         "ce5f031"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        BUF_AUTO bytes = BUF_WITH_LIMIT(DCAP_QUOTE_SIZE_MAX);
        struct dcap_quote quote;
        vectors_need(vectors[i].name);
        read_quote(vectors[i].name, &bytes, &quote);
        assert_int_equal(quote.version, vectors[i].version);
        assert_int_equal(quote.tee_type, DCAP_TEE_TDX);
        assert_int_equal(quote.body, vectors[i].body);
        assert_int_equal(quote.trailing.size, vectors[i].trailing);
        check_hex(&quote, DCAP_MRTD, vectors[i].mrtd);
        assert_int_equal(dcap_quote_get(&quote, DCAP_MRENCLAVE).size, 0);
    }
}

/* The SGX extension of the first certificate that comes with this quote. */
static void read_pck(const char *name, struct pck *pck)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(DCAP_QUOTE_SIZE_MAX);
    BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    struct dcap_quote quote;
    struct span extension;
    vectors_read(name, &bytes);
    check_ok(dcap_quote_parse(buf_span(&bytes), &quote, &err), &err);
    struct span pem = quote.certification_data;
    check_ok(certificate_pem_next(&pem, &der, &err), &err);
    CERTIFICATE_AUTO *certificate = certificate_from_der(buf_span(&der), &err);
    assert_non_null(certificate);
    assert_string_equal(certificate_name(certificate), "Intel SGX PCK Certificate");
    assert_true(certificate_extension(certificate, PCK_EXTENSION_OID, &extension));
    check_ok(pck_parse(extension, pck, &err), &err);
}

/* The expected values are what `openssl asn1parse` shows. */
static void reads_a_real_certificate_of_the_processor_ca(void **state)
{
    (void)state;
    static const uint8_t svn[16] = {0x0B, 0x0B, 0x02, 0x02, 0xFF, 0x01};
    static const uint8_t fmspc[] = {0x00, 0xA0, 0x67, 0x11, 0x00, 0x00};
    struct pck pck;
    vectors_need("attest/dcap/sgx-v3.quote.bin");
    read_pck("attest/dcap/sgx-v3.quote.bin", &pck);
    assert_memory_equal(pck.components, svn, sizeof svn);
    assert_memory_equal(pck.cpusvn, svn, sizeof svn);
    assert_int_equal(pck.pcesvn, 13);
    assert_memory_equal(pck.pceid, "\0\0", 2);
    assert_memory_equal(pck.fmspc, fmspc, sizeof fmspc);
    assert_int_equal(pck.ppid[0], 0xD0);
    assert_int_equal(pck.ppid[15], 0xDF);
    assert_int_equal(pck.type, PCK_STANDARD);
    assert_false(pck.has_instance);
    assert_int_equal(pck.smt, PCK_UNSAID);
}

static void reads_a_real_certificate_of_the_platform_ca(void **state)
{
    (void)state;
    static const uint8_t svn[16] = {3, 3, 2, 2, 2, 1, 0, 2};
    static const uint8_t fmspc[] = {0x50, 0x80, 0x6F, 0x00, 0x00, 0x00};
    struct pck pck;
    vectors_need("attest/dcap/tdx-v4-spr.quote.bin");
    read_pck("attest/dcap/tdx-v4-spr.quote.bin", &pck);
    assert_memory_equal(pck.components, svn, sizeof svn);
    assert_memory_equal(pck.cpusvn, svn, sizeof svn);
    assert_int_equal(pck.pcesvn, 11);
    assert_memory_equal(pck.fmspc, fmspc, sizeof fmspc);
    assert_int_equal(pck.type, PCK_SCALABLE);
    assert_true(pck.has_instance);
    assert_int_equal(pck.instance[0], 0x8C);
    assert_int_equal(pck.instance[15], 0xF7);
    assert_int_equal(pck.dynamic_platform, PCK_YES);
    assert_int_equal(pck.cached_keys, PCK_NO);
    assert_int_equal(pck.smt, PCK_YES);
}

static struct pck platform(uint8_t svn, uint16_t pcesvn)
{
    struct pck pck = {.pcesvn = pcesvn};
    for (size_t i = 0; i < TCB_COMPONENT_COUNT; i++)
        pck.components[i] = svn;
    return pck;
}

/* Reads the signed bytes of a vector as the service answers it. */
static void read_info(const char *name, struct tcb_info *info)
{
    BUF_AUTO file = BUF_WITH_LIMIT(TCB_INFO_SIZE_MAX);
    BUF_AUTO inner = BUF_WITH_LIMIT(TCB_INFO_SIZE_MAX);
    vectors_read(name, &file);
    mutate_between(buf_span(&file), "{\"tcbInfo\":", ",\"signature\"", &inner);
    check_error(tcb_info_parse(buf_span(&file), info, &err), &err,
                ERROR_INVALID); /* the whole answer */
    tcb_info_fini(info);
    check_ok(tcb_info_parse(buf_span(&inner), info, &err), &err);
}

static void reads_a_tcb_info_of_tdx_without_modules(void **state)
{
    (void)state;
    vectors_need("attest/dcap/spr.tcbinfo.json");
    struct tcb_info got;
    read_info("attest/dcap/spr.tcbinfo.json", &got);
    assert_true(got.is_tdx && got.module_count == 0 && got.level_count == 2);
    assert_memory_equal(got.fmspc, "\x50\x80\x6F\x00\x00\x00", 6);
    assert_true(span_is_zero(span_of(got.module.mrsigner, sizeof got.module.mrsigner)));
    assert_int_equal(got.module.attributes_mask[7], 0xFF);
    assert_memory_equal(got.levels[0].sgx, "\5\5\2\2\3\1\0\3\0\0\0\0\0\0\0\0", 16);
    assert_memory_equal(got.levels[0].tdx, "\3\0\5\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_true(got.levels[0].pcesvn == 11 && got.levels[1].pcesvn == 5);
    assert_int_equal(json_array_size(got.levels[1].verdict.advisories), 13);
    tcb_info_fini(&got);
}

static void reads_a_tcb_info_of_tdx_with_modules(void **state)
{
    (void)state;
    vectors_need("attest/dcap/v5.tcbinfo.json");
    struct tcb_info got;
    read_info("attest/dcap/v5.tcbinfo.json", &got);
    assert_true(got.is_tdx && got.module_count == 2 && got.level_count == 3);
    assert_int_equal(got.evaluation_number, 18);
    assert_int_equal(tcb_info_find_module(&got, 3)->levels.count, 1);
    const struct tdx_module_identity *one = tcb_info_find_module(&got, 1);
    assert_int_equal(one->levels.count, 3);
    assert_int_equal(isvsvn_levels_find(&one->levels, 5)->status, TCB_OUT_OF_DATE);
    assert_null(tcb_info_find_module(&got, 2));
    struct pck pck = platform(255, 13);
    const uint8_t tdx[TCB_COMPONENT_COUNT] = {6, 1, 2};
    assert_ptr_equal(tcb_info_find_level(&got, &pck, tdx), &got.levels[1]);
    tcb_info_fini(&got);
}

static void reads_a_tcb_info_of_sgx(void **state)
{
    (void)state;
    static const struct json_limits limits = {.size = 65536, .depth = 4};
    vectors_need("attest/dcap/sgx-v3.collateral.json");
    BUF_AUTO file = BUF_WITH_LIMIT(65536);
    struct tcb_info got;
    const char *text;
    vectors_read("attest/dcap/sgx-v3.collateral.json", &file);
    json_auto_t *collateral = json_parse_object(buf_span(&file), &limits, &err);
    assert_non_null(collateral);
    check_ok(json_get_text(collateral, "tcb_info", &text, &err), &err);
    check_ok(tcb_info_parse(span_of_text(text), &got, &err), &err);
    assert_true(!got.is_tdx && got.version == 3);
    assert_memory_equal(got.levels[0].sgx, "\13\13\2\2\377\1\14\0\0\0\0\0\0\0\0\0", 16);
    assert_int_equal(got.levels[0].verdict.status, TCB_SW_HARDENING_NEEDED);
    const struct pck pck = platform(255, 13);
    assert_ptr_equal(tcb_info_find_level(&got, &pck, NULL), &got.levels[0]);
    tcb_info_fini(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_real_quotes_of_enclaves),
        cmocka_unit_test(reads_real_quotes_of_trust_domains),
        cmocka_unit_test(reads_a_real_certificate_of_the_processor_ca),
        cmocka_unit_test(reads_a_real_certificate_of_the_platform_ca),
        cmocka_unit_test(reads_a_tcb_info_of_tdx_without_modules),
        cmocka_unit_test(reads_a_tcb_info_of_tdx_with_modules),
        cmocka_unit_test(reads_a_tcb_info_of_sgx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
