#include "../check.h"

#include <stdio.h>

#include "evidence/bundle.h"

static struct error err;

/* The parser does not look into certificates: any bytes will do. */
#define PEM    "-----BEGIN CERTIFICATE-----\\nAAEC\\n-----END CERTIFICATE-----\\n"
#define DIGEST "0101010101010101010101010101010101010101010101010101010101010101"
#define HEAD   "{\"caisson_evidence\":1,\"tee\":\"simulated\",\"report\":\"AQID\","
#define CERTS  "\"certificates\":[\"" PEM "\",\"" PEM "\"],"
#define DATA   "\"runtime_data\":\"BAU=\",\"policy\":\"Bg==\","
#define GUEST                                                                                      \
    "\"guest\":{\"kernel\":\"" DIGEST "\",\"initrd\":\"" DIGEST                                    \
    "\",\"cmdline\":\"a \\\"b\\\"\",\"vcpus\":2}}"

static int parse(const char *text, struct bundle *bundle)
{
    bundle_init(bundle);
    return bundle_parse(span_of_text(text), bundle, &err);
}

static void reads_every_part(void **state)
{
    (void)state;
    BUNDLE_AUTO bundle;
    check_ok(parse(HEAD CERTS DATA GUEST, &bundle), &err);
    assert_int_equal(bundle.tee, BUNDLE_TEE_SIMULATED);
    assert_memory_equal(bundle.report.data, "\1\2\3", 3);
    assert_int_equal(bundle.certificate_count, 2);
    assert_memory_equal(bundle.certificates[1].data, "\0\1\2", 3);
    assert_int_equal(bundle.runtime_data.size, 2);
    assert_int_equal(bundle.policy.size, 1);
    assert_string_equal(bundle.cmdline, "a \"b\"");
    assert_int_equal(bundle.vcpus, 2);
    assert_int_equal(bundle.kernel[31], 1);
}

static void writes_what_it_reads(void **state)
{
    (void)state;
    BUNDLE_AUTO bundle;
    BUNDLE_AUTO again;
    BUF_AUTO text = BUF_WITH_LIMIT(BUNDLE_SIZE_MAX);
    BUF_AUTO twice = BUF_WITH_LIMIT(BUNDLE_SIZE_MAX);
    check_ok(parse(HEAD CERTS DATA GUEST, &bundle), &err);
    check_ok(bundle_write(&bundle, &text, &err), &err);
    check_ok(parse(buf_text(&text), &again), &err);
    check_ok(bundle_write(&again, &twice, &err), &err);
    assert_true(span_equal(buf_span(&text), buf_span(&twice)));
}

static void refuses(const char *text, const char *words)
{
    BUNDLE_AUTO bundle;
    check_refused(parse(text, &bundle), &err, words);
}

static void refuses_other_keys_and_missing_ones(void **state)
{
    (void)state;
    refuses(HEAD "\"extra\":1," CERTS DATA GUEST, "extra");
    refuses(HEAD DATA GUEST, "certificates");
    refuses(HEAD CERTS "\"policy\":\"Bg==\"," GUEST, "runtime_data");
    refuses(HEAD CERTS "\"runtime_data\":\"BAU=\"," GUEST, "policy");
    refuses(HEAD CERTS DATA "\"guest\":{}}", "kernel");
    refuses(HEAD CERTS DATA "\"guest\":null}", "guest");
    refuses(HEAD HEAD, "");
    refuses("{\"caisson_evidence\":1,\"caisson_evidence\":1}", "duplicate");
    refuses("[]", "an object");
    refuses("", "");
}

static void refuses_other_formats_and_kinds(void **state)
{
    (void)state;
    refuses("{\"caisson_evidence\":2}", "caisson_evidence is 2");
    refuses("{\"caisson_evidence\":\"1\"}", "caisson_evidence");
    refuses("{\"caisson_evidence\":1,\"tee\":\"SIMULATED\",\"report\":\"AQID\"," CERTS DATA GUEST,
            "tee");
    refuses("{\"caisson_evidence\":1,\"tee\":1,\"report\":\"AQID\"," CERTS DATA GUEST, "tee");
}

static void refuses_bytes_that_are_not_canonical_base64(void **state)
{
    (void)state;
    static const char *const refused[] = {"AQI", "AQJ=", "AQ ID", "AQ-_", "AQID\\n", "===="};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char text[2048];
        (void)snprintf(
            text, sizeof text,
            "{\"caisson_evidence\":1,\"tee\":\"simulated\",\"report\":\"%s\"," CERTS DATA GUEST,
            refused[i]);
        refuses(text, "report");
    }
}

static void refuses_certificates_that_are_not_one_pem_block_each(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "\"\"",
        "1",
        "\"AAEC\"",
        "\"" PEM PEM "\"",
        "\"" PEM "x\"",
        "\"x" PEM "\"",
        "\"-----BEGIN CERTIFICATE-----\\nAAEC\\n\"",
        "\"-----BEGIN CERTIFICATE-----\\nA*EC\\n-----END CERTIFICATE-----\\n\"",
        "\"-----BEGIN PRIVATE KEY-----\\nAAEC\\n-----END PRIVATE KEY-----\\n\"",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char text[2048];
        (void)snprintf(text, sizeof text, HEAD "\"certificates\":[%s]," DATA GUEST, refused[i]);
        refuses(text, "certificate");
    }
}

static void refuses_more_certificates_than_any_chain_has(void **state)
{
    (void)state;
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    check_ok(buf_append_text(&text, HEAD "\"certificates\":[\"" PEM "\"", &err), &err);
    for (int i = 0; i < BUNDLE_CERTIFICATES_MAX; i++)
        check_ok(buf_append_text(&text, ",\"" PEM "\"", &err), &err);
    check_ok(buf_append_text(&text, "]," DATA GUEST, &err), &err);
    refuses(buf_text(&text), "more than 8");
}

static void refuses_a_guest_that_can_not_be(void **state)
{
    (void)state;
    static const struct {
        const char *guest;
        const char *words;
    } cases[] = {
        {"{\"kernel\":\"01\",\"initrd\":\"" DIGEST "\",\"cmdline\":\"\",\"vcpus\":2}", "kernel"},
        {"{\"kernel\":\"" DIGEST "\",\"initrd\":\"" DIGEST "\",\"cmdline\":\"\",\"vcpus\":0}",
         "vcpus"},
        {"{\"kernel\":\"" DIGEST "\",\"initrd\":\"" DIGEST "\",\"cmdline\":\"\",\"vcpus\":513}",
         "vcpus"},
        {"{\"kernel\":\"" DIGEST "\",\"initrd\":\"" DIGEST "\",\"cmdline\":\"\",\"vcpus\":-1}",
         "vcpus"},
        {"{\"kernel\":\"" DIGEST "\",\"initrd\":\"" DIGEST
         "\",\"cmdline\":\"\",\"vcpus\":1,\"more\":1}",
         "more"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[2048];
        (void)snprintf(text, sizeof text, HEAD CERTS DATA "\"guest\":%s}", cases[i].guest);
        refuses(text, cases[i].words);
    }
}

static void refuses_a_command_line_too_long(void **state)
{
    (void)state;
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    check_ok(buf_append_text(&text,
                             HEAD CERTS DATA "\"guest\":{\"kernel\":\"" DIGEST
                                             "\",\"initrd\":\"" DIGEST "\",\"cmdline\":\"",
                             &err),
             &err);
    for (int i = 0; i < BUNDLE_CMDLINE_SIZE; i++)
        check_ok(buf_append_byte(&text, 'x', &err), &err);
    check_ok(buf_append_text(&text, "\",\"vcpus\":1}}", &err), &err);
    refuses(buf_text(&text), "cmdline has 2048 bytes");
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    static const char whole[] = HEAD CERTS DATA GUEST;
    for (size_t size = 0; size < sizeof whole - 1; size++) {
        BUNDLE_AUTO bundle;
        bundle_init(&bundle);
        check_error(bundle_parse(span_of(whole, size), &bundle, &err), &err, ERROR_INVALID);
    }
}

static void refuses_a_file_that_is_too_large(void **state)
{
    (void)state;
    static char large[BUNDLE_SIZE_MAX + 1];
    memset(large, ' ', sizeof large);
    BUNDLE_AUTO bundle;
    bundle_init(&bundle);
    check_error(bundle_parse(span_of(large, sizeof large), &bundle, &err), &err, ERROR_LIMIT);
}

/* An enclave's has a quote, and neither certificates nor a guest beside it. */
static void an_enclave_s_has_no_machine_in_it(void **state)
{
    (void)state;
    static const char *const kinds[] = {"sgx-simulated", "sgx"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char head[128];
        char whole[1024];
        BUNDLE_AUTO bundle;
        BUF_AUTO text = BUF_WITH_LIMIT(BUNDLE_SIZE_MAX);
        (void)snprintf(head, sizeof head,
                       "{\"caisson_evidence\":1,\"tee\":\"%s\",\"report\":\"AQID\",", kinds[i]);
        (void)snprintf(whole, sizeof whole, "%s\"runtime_data\":\"BAU=\",\"policy\":\"Bg==\"}",
                       head);
        check_ok(parse(whole, &bundle), &err);
        assert_true(bundle_is_of_enclave(&bundle));
        check_ok(bundle_write(&bundle, &text, &err), &err);
        assert_null(strstr(buf_text(&text), "guest"));
        assert_null(strstr(buf_text(&text), "certificates"));
        (void)snprintf(whole, sizeof whole, "%s%s%s", head, DATA, GUEST);
        refuses(whole, "guest");
        (void)snprintf(whole, sizeof whole, "%s%s\"runtime_data\":\"BAU=\",\"policy\":\"Bg==\"}",
                       head, CERTS);
        refuses(whole, "certificates");
    }
    refuses("{\"caisson_evidence\":1,\"tee\":\"simulated\",\"report\":\"AQID\","
            "\"runtime_data\":\"BAU=\",\"policy\":\"Bg==\"}",
            "certificates");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_part),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(refuses_other_keys_and_missing_ones),
        cmocka_unit_test(refuses_other_formats_and_kinds),
        cmocka_unit_test(refuses_bytes_that_are_not_canonical_base64),
        cmocka_unit_test(refuses_certificates_that_are_not_one_pem_block_each),
        cmocka_unit_test(refuses_more_certificates_than_any_chain_has),
        cmocka_unit_test(refuses_a_guest_that_can_not_be),
        cmocka_unit_test(refuses_a_command_line_too_long),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(refuses_a_file_that_is_too_large),
        cmocka_unit_test(an_enclave_s_has_no_machine_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
