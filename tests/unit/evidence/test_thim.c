#include "../check.h"
#include "../made.h"
#include "../vectors.h"

#include "crypto/certificate.h"
#include "evidence/thim.h"
#include "format/json.h"

static struct error err;
static struct made_chain chain;
static struct buf pems[MADE_CHAIN_LENGTH];

static int make(void **state)
{
    (void)state;
    made_chain_init(&chain);
    made_chain_issue(&chain);
    for (int i = 0; i < MADE_CHAIN_LENGTH; i++) {
        buf_init(&pems[i], 65536);
        if (certificate_der_to_pem(buf_span(&chain.ders[i]), &pems[i], &err) < 0)
            return -1;
    }
    return 0;
}

static int finish(void **state)
{
    (void)state;
    made_chain_fini(&chain);
    for (int i = 0; i < MADE_CHAIN_LENGTH; i++)
        buf_fini(&pems[i]);
    return 0;
}

/* A member that is NULL is left out. */
static void write_thim(const char *leaf, const char *authorities, const char *tcb, struct buf *out)
{
    json_auto_t *document = json_object();
    if (leaf)
        (void)json_object_set_new(document, "vcekCert", json_string(leaf));
    if (authorities)
        (void)json_object_set_new(document, "certificateChain", json_string(authorities));
    if (tcb)
        (void)json_object_set_new(document, "tcbm", json_string(tcb));
    (void)json_object_set_new(document, "cacheControl", json_string("86400"));
    check_ok(json_append(document, out, &err), &err);
}

static void join(struct buf *out, int first, int last)
{
    for (int i = first; i <= last; i++)
        check_ok(buf_append(out, buf_span(&pems[i]), &err), &err);
}

static void reads_certificates_and_tcb(void **state)
{
    (void)state;
    BUF_AUTO authorities = BUF_WITH_LIMIT(65536);
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    THIM_AUTO thim;
    thim_init(&thim);
    join(&authorities, 1, 2);
    write_thim(buf_text(&pems[0]), buf_text(&authorities), "DB18000000000004", &text);
    check_ok(thim_parse(buf_span(&text), &thim, &err), &err);
    for (int i = 0; i < MADE_CHAIN_LENGTH; i++)
        assert_true(span_equal(buf_span(&thim.certificates[i]), buf_span(&chain.ders[i])));
    static const uint8_t tcb[8] = {4, 0, 0, 0, 0, 0, 0x18, 0xdb};
    assert_true(thim.has_tcb);
    assert_memory_equal(thim.tcb, tcb, sizeof tcb);
    for (size_t size = 0; size < text.size; size++) {
        THIM_AUTO cut;
        thim_init(&cut);
        check_error(thim_parse(span_of(text.data, size), &cut, &err), &err, ERROR_INVALID);
    }
}

static void the_tcb_may_be_absent(void **state)
{
    (void)state;
    BUF_AUTO authorities = BUF_WITH_LIMIT(65536);
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    THIM_AUTO thim;
    thim_init(&thim);
    join(&authorities, 1, 2);
    write_thim(buf_text(&pems[0]), buf_text(&authorities), NULL, &text);
    check_ok(thim_parse(buf_span(&text), &thim, &err), &err);
    assert_false(thim.has_tcb);
}

static void refuses_what_is_missing_or_too_much(void **state)
{
    (void)state;
    BUF_AUTO two = BUF_WITH_LIMIT(65536);
    BUF_AUTO three = BUF_WITH_LIMIT(65536);
    join(&two, 1, 2);
    join(&three, 0, 2);
    const char *leaf = buf_text(&pems[0]);
    const struct {
        const char *leaf;
        const char *authorities;
        const char *tcb;
        const char *words;
    } refused[] = {{NULL, buf_text(&two), NULL, "vcekCert"},
                   {"", buf_text(&two), NULL, "vcekCert"},
                   {"x", buf_text(&two), NULL, "vcekCert"},
                   {buf_text(&two), buf_text(&two), NULL, "more than 1 certificate"},
                   {leaf, NULL, NULL, "certificateChain"},
                   {leaf, leaf, NULL, "certificateChain"},
                   {leaf, buf_text(&three), NULL, "more than 2 certificates"},
                   {leaf, buf_text(&two), "", "tcbm"},
                   {leaf, buf_text(&two), "DB1800000000000", "tcbm"},
                   {leaf, buf_text(&two), "DB180000000000040", "tcbm"},
                   {leaf, buf_text(&two), "DB1800000000000g", "tcbm"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        BUF_AUTO text = BUF_WITH_LIMIT(65536);
        THIM_AUTO thim;
        thim_init(&thim);
        write_thim(refused[i].leaf, refused[i].authorities, refused[i].tcb, &text);
        check_refused(thim_parse(buf_span(&text), &thim, &err), &err, refused[i].words);
    }
}

static void refuses_text_that_is_another(void **state)
{
    (void)state;
    static const char *const refused[] = {"", "[]", "{}", "{\"vcekCert\": 1}",
                                          "{\"vcekCert\": \"\", \"vcekCert\": \"\"}"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        THIM_AUTO thim;
        thim_init(&thim);
        check_error(thim_parse(span_of_text(refused[i]), &thim, &err), &err, ERROR_INVALID);
    }
    static const uint8_t large[THIM_SIZE_MAX + 1];
    THIM_AUTO thim;
    thim_init(&thim);
    check_error(thim_parse(span_of(large, sizeof large), &thim, &err), &err, ERROR_LIMIT);
}

static void reads_a_real_one(void **state)
{
    (void)state;
    vectors_need("aci/attest_test_data/uvm_host_amd_certificate.json");
    BUF_AUTO text = BUF_WITH_LIMIT(THIM_SIZE_MAX);
    THIM_AUTO thim;
    thim_init(&thim);
    vectors_read("aci/attest_test_data/uvm_host_amd_certificate.json", &text);
    check_ok(thim_parse(buf_span(&text), &thim, &err), &err);
    static const uint8_t tcb[8] = {3, 0, 0, 0, 0, 0, 8, 0x73};
    assert_memory_equal(thim.tcb, tcb, sizeof tcb);
    static const char *const names[] = {"SEV-VCEK", "SEV-Milan", "ARK-Milan"};
    for (int i = 0; i < THIM_CERTIFICATES; i++) {
        CERTIFICATE_AUTO *certificate = certificate_from_der(buf_span(&thim.certificates[i]), &err);
        assert_non_null(certificate);
        assert_string_equal(certificate_name(certificate), names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_certificates_and_tcb),
        cmocka_unit_test(the_tcb_may_be_absent),
        cmocka_unit_test(refuses_what_is_missing_or_too_much),
        cmocka_unit_test(refuses_text_that_is_another),
        cmocka_unit_test(reads_a_real_one),
    };
    return cmocka_run_group_tests(tests, make, finish);
}
