/* Certificates in every form and order, and what is not a chain. */
#include "synthetic.h"

#include "evidence/snp_certificates.h"
#include "format/json.h"

static struct error err;
static struct synthetic_issued milan; /* VCEK, ASK, ARK */
static struct synthetic_issued vlek;  /* VLEK, ASVK, the same ARK's name */

static int start(void **state)
{
    struct synthetic evidence;
    if (synthetic_start(state) < 0)
        return -1;
    synthetic_milan(&evidence);
    synthetic_issue(&evidence, &milan);
    evidence.leaf_name = "SEV-VLEK";
    evidence.middle_name = "SEV-VLEK-Milan";
    synthetic_drop(&evidence, SYNTHETIC_OID "4");
    synthetic_add(&evidence, SYNTHETIC_OID "5", "\x16\x01x", 3);
    synthetic_issue(&evidence, &vlek);
    return 0;
}

static int end(void **state)
{
    synthetic_fini(&milan);
    synthetic_fini(&vlek);
    return synthetic_end(state);
}

static void append_pem(struct buf *pem, struct span der)
{
    check_ok(certificate_der_to_pem(der, pem, &err), &err);
}

static void check_order(const struct snp_certificates *certificates,
                        const struct synthetic_issued *expected)
{
    struct span chain[SNP_CHAIN_LENGTH];
    check_ok(snp_certificates_order(certificates, chain, &err), &err);
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++)
        assert_true(span_equal(chain[i], expected->chain[i]));
}

static void puts_every_order_in_order(void **state)
{
    (void)state;
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int i = 0; i < 6; i++) {
        SNP_CERTIFICATES_AUTO in_der;
        SNP_CERTIFICATES_AUTO in_pem;
        BUF_AUTO pem = BUF_WITH_LIMIT(SNP_CERTIFICATES_SIZE_MAX);
        snp_certificates_init(&in_der);
        snp_certificates_init(&in_pem);
        for (int j = 0; j < 3; j++) {
            check_ok(snp_certificates_add(&in_der, milan.chain[orders[i][j]], &err), &err);
            append_pem(&pem, milan.chain[orders[i][j]]);
        }
        check_ok(snp_certificates_add(&in_pem, buf_span(&pem), &err), &err);
        check_order(&in_der, &milan);
        check_order(&in_pem, &milan);
    }
}

static void add_entry(struct buf *table, const uint8_t guid[16], size_t offset, struct span der)
{
    check_ok(buf_append(table, span_of(guid, 16), &err), &err);
    check_ok(buf_append_le32(table, (uint32_t)offset, &err), &err);
    check_ok(buf_append_le32(table, (uint32_t)der.size, &err), &err);
}

static void takes_a_hosts_table(void **state)
{
    (void)state;
    static const uint8_t vcek[16] = {0x8d, 0x75, 0xda, 0x63, 0x64, 0xe6, 0x64, 0x45,
                                     0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd};
    static const uint8_t ark[16] = {0xa4, 0x06, 0xb4, 0xc0, 0x03, 0xa8, 0x52, 0x49,
                                    0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0, 0xae};
    BUF_AUTO table = BUF_WITH_LIMIT(SNP_CERTIFICATES_SIZE_MAX);
    SNP_CERTIFICATES_AUTO certificates;
    snp_certificates_init(&certificates);
    add_entry(&table, ark, 72, milan.chain[2]);
    add_entry(&table, vcek, 72 + milan.chain[2].size, milan.chain[0]);
    check_ok(buf_append_zero(&table, 24, &err), &err);
    check_ok(buf_append(&table, milan.chain[2], &err), &err);
    check_ok(buf_append(&table, milan.chain[0], &err), &err);
    check_ok(snp_certificates_add(&certificates, buf_span(&table), &err), &err);
    assert_int_equal(certificates.count, 2);
    check_ok(snp_certificates_add(&certificates, milan.chain[1], &err), &err);
    check_order(&certificates, &milan);
}

static void takes_what_thim_says(void **state)
{
    (void)state;
    BUF_AUTO text = BUF_WITH_LIMIT(SNP_CERTIFICATES_SIZE_MAX);
    BUF_AUTO leaf = BUF_WITH_LIMIT(SNP_CERTIFICATES_SIZE_MAX);
    BUF_AUTO chain = BUF_WITH_LIMIT(SNP_CERTIFICATES_SIZE_MAX);
    SNP_CERTIFICATES_AUTO certificates;
    snp_certificates_init(&certificates);
    append_pem(&leaf, milan.chain[0]);
    append_pem(&chain, milan.chain[1]);
    append_pem(&chain, milan.chain[2]);
    json_auto_t *document = json_pack("{s:s, s:s, s:s}", "vcekCert", buf_text(&leaf), "tcbm",
                                      "DB18000000000004", "certificateChain", buf_text(&chain));
    assert_non_null(document);
    check_ok(json_append(document, &text, &err), &err);
    check_ok(snp_certificates_add(&certificates, buf_span(&text), &err), &err);
    assert_int_equal(certificates.count, 3);
    check_order(&certificates, &milan);
}

/* What fetching ASK and ASVK both leaves: the leaf says which is its own. */
static void picks_the_intermediate_that_the_leaf_names(void **state)
{
    (void)state;
    const struct synthetic_issued *const kinds[] = {&milan, &vlek};
    for (int i = 0; i < 2; i++) {
        SNP_CERTIFICATES_AUTO certificates;
        snp_certificates_init(&certificates);
        check_ok(snp_certificates_add(&certificates, milan.chain[1], &err), &err);
        check_ok(snp_certificates_add(&certificates, vlek.chain[1], &err), &err);
        check_ok(snp_certificates_add(&certificates, kinds[i]->chain[2], &err), &err);
        check_ok(snp_certificates_add(&certificates, kinds[i]->chain[0], &err), &err);
        check_order(&certificates, kinds[i]);
    }
}

static void leaves_out_what_is_there_twice(void **state)
{
    (void)state;
    SNP_CERTIFICATES_AUTO certificates;
    snp_certificates_init(&certificates);
    for (int i = 0; i < 3 * SNP_CERTIFICATES_MAX; i++)
        check_ok(snp_certificates_add(&certificates, milan.chain[i % 3], &err), &err);
    assert_int_equal(certificates.count, 3);
    check_order(&certificates, &milan);
}

static void says_which_certificate_is_missing(void **state)
{
    (void)state;
    static const char *const words[3] = {"SEV-VCEK or SEV-VLEK", "ASK or ASVK", "ARK"};
    for (int missing = 0; missing < 3; missing++) {
        struct span chain[SNP_CHAIN_LENGTH];
        SNP_CERTIFICATES_AUTO certificates;
        snp_certificates_init(&certificates);
        for (int i = 0; i < 3; i++) {
            if (i != missing)
                check_ok(snp_certificates_add(&certificates, milan.chain[i], &err), &err);
        }
        check_refused(snp_certificates_order(&certificates, chain, &err), &err, words[missing]);
    }
}

static void refuses_two_leaves(void **state)
{
    (void)state;
    struct span chain[SNP_CHAIN_LENGTH];
    SNP_CERTIFICATES_AUTO certificates;
    snp_certificates_init(&certificates);
    for (int i = 0; i < 3; i++)
        check_ok(snp_certificates_add(&certificates, milan.chain[i], &err), &err);
    check_ok(snp_certificates_add(&certificates, vlek.chain[0], &err), &err);
    check_refused(snp_certificates_order(&certificates, chain, &err), &err, "2 of the 4");
}

/* A name puts in order and makes nothing true: a chain of certificates that are called as AMD's is
 * refused by its root. */
static void believes_no_name(void **state)
{
    (void)state;
    struct span chain[SNP_CHAIN_LENGTH];
    struct snp_result result;
    SNP_CERTIFICATES_AUTO certificates;
    snp_certificates_init(&certificates);
    for (int i = 0; i < 3; i++)
        check_ok(snp_certificates_add(&certificates, milan.chain[i], &err), &err);
    check_ok(snp_certificates_order(&certificates, chain, &err), &err);
    const struct snp_evidence evidence = {span_of(milan.report, SNP_REPORT_SIZE), chain, 3};
    const struct snp_chain_options options = {.time = SYNTHETIC_NOW};
    const struct snp_appraisal strict = {0};
    assert_int_equal(snp_verify(&evidence, &options, &strict, &result), VERDICT_REFUSED);
    assert_string_equal(checks_first_failure(&result.checks)->rule->name, "root");
}

static void refuses_what_is_no_certificate(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\n\n",
        "-----BEGIN CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n",
        "{\"vcekCert\": \"\"}",
        "0\202",
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        SNP_CERTIFICATES_AUTO certificates;
        snp_certificates_init(&certificates);
        check_error(snp_certificates_add(&certificates, span_of_text(texts[i]), &err), &err,
                    ERROR_INVALID);
    }
    for (size_t size = 0; size < milan.chain[0].size; size += 17) {
        SNP_CERTIFICATES_AUTO certificates;
        snp_certificates_init(&certificates);
        check_error(snp_certificates_add(&certificates, span_of(milan.chain[0].data, size), &err),
                    &err, ERROR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_every_order_in_order),
        cmocka_unit_test(takes_a_hosts_table),
        cmocka_unit_test(takes_what_thim_says),
        cmocka_unit_test(picks_the_intermediate_that_the_leaf_names),
        cmocka_unit_test(leaves_out_what_is_there_twice),
        cmocka_unit_test(says_which_certificate_is_missing),
        cmocka_unit_test(refuses_two_leaves),
        cmocka_unit_test(believes_no_name),
        cmocka_unit_test(refuses_what_is_no_certificate),
    };
    return cmocka_run_group_tests(tests, start, end);
}
