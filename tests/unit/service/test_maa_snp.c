/* A real container group's evidence: its claims are those that the report, its chain and its
 * endorsement say, and one thing changed refuses it. */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "../vectors.h"
#include "base/base64.h"
#include "service/maa_claims.h"

#define SKIP_WITHOUT_VECTORS() vectors_need("aci/attest_test_data/snp_report.bin")

#define OTHER_ISSUER                                                                               \
    "did:x509:0:sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA::subject:CN:other"

/* A time at which the group ran: 2023-06-01. */
#define THEN INT64_C(1685577600)

/* Kept from test to test, as a service keeps it. */
static struct snp_chains *chains;

/* What a client sends, piece by piece; NULL leaves a piece out. */
struct pieces {
    struct buf report, chain, uvm, runtime, init;
};

static void read_pieces(struct pieces *pieces)
{
    static const char *const names[] = {"snp_report.bin", "uvm_host_amd_certificate.pem",
                                        "body.uvm_reference_info.bin", "runtimedata.json",
                                        "uvm_security_policy.base64"};
    struct buf *const at[] = {&pieces->report, &pieces->chain, &pieces->uvm, &pieces->runtime,
                              &pieces->init};
    BUF_AUTO policy = BUF_WITH_LIMIT(1 << 20);
    for (size_t i = 0; i < 5; i++) {
        char path[200];
        (void)snprintf(path, sizeof path, "aci/attest_test_data/%s", names[i]);
        buf_init(at[i], 1 << 20);
        vectors_read(path, i == 4 ? &policy : at[i]);
    }
    while (policy.size > 0 && policy.data[policy.size - 1] == '\n')
        buf_truncate(&policy, policy.size - 1);
    assert_int_equal(base64_decode(buf_span(&policy), &pieces->init, NULL), 0);
}

static void free_pieces(struct pieces *pieces)
{
    buf_fini(&pieces->report);
    buf_fini(&pieces->chain);
    buf_fini(&pieces->uvm);
    buf_fini(&pieces->runtime);
    buf_fini(&pieces->init);
}

static void append_base64(struct buf *out, const struct buf *bytes)
{
    assert_int_equal(base64url_encode(buf_span(bytes), out, NULL), 0);
}

/* The body of an attest request. */
static void write_body(const struct pieces *pieces, struct buf *out)
{
    BUF_AUTO report = BUF_WITH_LIMIT(1 << 20);
    BUF_AUTO endorsements = BUF_WITH_LIMIT(1 << 20);
    assert_int_equal(buf_append_text(&report, "{\"SnpReport\":\"", NULL), 0);
    append_base64(&report, &pieces->report);
    assert_int_equal(buf_append_text(&report, "\",\"VcekCertChain\":\"", NULL), 0);
    append_base64(&report, &pieces->chain);
    if (pieces->uvm.size > 0) {
        assert_int_equal(buf_append_text(&endorsements, "{\"Uvm\":[\"", NULL), 0);
        append_base64(&endorsements, &pieces->uvm);
        assert_int_equal(buf_append_text(&endorsements, "\"]}", NULL), 0);
        assert_int_equal(buf_append_text(&report, "\",\"Endorsements\":\"", NULL), 0);
        append_base64(&report, &endorsements);
    }
    assert_int_equal(buf_append_text(&report, "\"}", NULL), 0);
    assert_int_equal(buf_append_text(out, "{\"report\":\"", NULL), 0);
    append_base64(out, &report);
    assert_int_equal(
        buf_append_text(out, "\",\"runtimeData\":{\"dataType\":\"Binary\",\"data\":\"", NULL), 0);
    append_base64(out, &pieces->runtime);
    assert_int_equal(buf_append_text(out, "\"},\"initTimeData\":{\"data\":\"", NULL), 0);
    append_base64(out, &pieces->init);
    assert_int_equal(buf_append_text(out, "\"}}", NULL), 0);
}

static int verify_by(const struct pieces *pieces, const struct maa_trust *trust,
                     struct maa_result *result, struct error *err)
{
    BUF_AUTO body = BUF_WITH_LIMIT(1 << 20);
    MAA_REQUEST_AUTO request;
    write_body(pieces, &body);
    check_ok(maa_request_read(MAA_SEV_SNP, buf_span(&body), &request, err), err);
    return maa_verify_snp(&request, trust, result, err);
}

static int verify(const struct pieces *pieces, int64_t time, struct maa_result *result,
                  struct error *err)
{
    const struct maa_trust trust = {.time = time, .chains = chains};
    return verify_by(pieces, &trust, result, err);
}

static const char *text_of(const struct maa_result *result, const char *name)
{
    const char *text = json_string_value(json_object_get(result->claims, name));
    if (!text)
        fail_msg("there is no %s", name);
    return text;
}

static void a_real_group_has_the_claims_of_its_report(void **state)
{
    (void)state;
    SKIP_WITHOUT_VECTORS();
    struct error err = {0};
    struct pieces pieces;
    struct maa_result result = {0};
    read_pieces(&pieces);
    check_ok(verify(&pieces, THEN, &result, &err), &err);
    assert_false(result.simulated);
    assert_string_equal(text_of(&result, "x-ms-attestation-type"), "sevsnpvm");
    assert_string_equal(text_of(&result, "x-ms-compliance-status"), "azure-compliant-uvm");
    assert_string_equal(text_of(&result, "x-ms-sevsnpvm-familyId"),
                        "01000000000000000000000000000000");
    assert_int_equal(strlen(text_of(&result, "x-ms-sevsnpvm-reportdata")), 128);
    assert_int_equal(strlen(text_of(&result, "x-ms-sevsnpvm-launchmeasurement")), 96);
    json_t *uvm = json_object_get(result.claims, "x-ms-sevsnpvm-uvm-endorsement");
    assert_string_equal(json_string_value(json_object_get(uvm, "x-ms-sevsnpvm-launchmeasurement")),
                        text_of(&result, "x-ms-sevsnpvm-launchmeasurement"));
    assert_true(json_is_string(json_object_get(uvm, "x-ms-sevsnpvm-guestsvn")));
    static const char *const numbers[] = {"bootloader-svn", "guestsvn", "microcode-svn",
                                          "snpfw-svn",      "tee-svn",  "vmpl"};
    static const char *const flags[] = {"is-debuggable", "migration-allowed", "smt-allowed"};
    for (size_t i = 0; i < 6; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "x-ms-sevsnpvm-%s", numbers[i]);
        assert_true(json_is_integer(json_object_get(result.claims, name)));
    }
    for (size_t i = 0; i < 3; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "x-ms-sevsnpvm-%s", flags[i]);
        assert_true(json_is_boolean(json_object_get(result.claims, name)));
    }
    json_decref(result.claims);
    free_pieces(&pieces);
}

static void without_an_endorsement_nothing_is_compliant(void **state)
{
    (void)state;
    SKIP_WITHOUT_VECTORS();
    struct error err = {0};
    struct pieces pieces;
    struct maa_result result = {0};
    read_pieces(&pieces);
    buf_truncate(&pieces.uvm, 0);
    check_ok(verify(&pieces, THEN, &result, &err), &err);
    assert_null(json_object_get(result.claims, "x-ms-compliance-status"));
    assert_null(json_object_get(result.claims, "x-ms-sevsnpvm-uvm-endorsement"));
    json_decref(result.claims);
    free_pieces(&pieces);
}

/* Who may endorse a guest, which kind of guest, and from which version on: the configuration's. */
static void an_endorsement_is_of_whom_and_what_the_configuration_names(void **state)
{
    (void)state;
    SKIP_WITHOUT_VECTORS();
    static const struct {
        struct maa_endorser endorser;
        const char *said; /* NULL: it is taken */
    } cases[] = {{{NULL, NULL, 0}, NULL},
                 {{UVM_ISSUER, UVM_FEED, 1}, NULL},
                 {{NULL, NULL, 1000000}, "uvm_svn"},
                 {{OTHER_ISSUER, NULL, 0}, "uvm_identity"},
                 {{NULL, "other-feed", 0}, "uvm_feed"}};
    struct pieces pieces;
    read_pieces(&pieces);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        struct maa_result result = {0};
        const struct maa_trust trust = {
            .time = THEN, .chains = chains, .endorser = cases[i].endorser};
        int outcome = verify_by(&pieces, &trust, &result, &err);
        if ((outcome == 0) != !cases[i].said || !result.claims != !!cases[i].said)
            fail_msg("%zu: %d, %s", i, outcome, err.text);
        if (cases[i].said && !strstr(err.text, cases[i].said))
            fail_msg("%zu: \"%s\" does not name %s", i, err.text, cases[i].said);
        json_decref(result.claims);
    }
    free_pieces(&pieces);
}

/* Each piece with a bit changed somewhere is refused, and the reason names the check. */
static void one_bit_refuses(void **state)
{
    (void)state;
    SKIP_WITHOUT_VECTORS();
    static const struct {
        size_t piece, at;
        const char *said;
    } cases[] = {
        {0, 0x60, "signature"}, {0, 0x90, "signature"}, {0, 0x2a0, "signature"}, {1, 900, ""},
        {2, 10860, ""},         {3, 3, "report_data"},  {4, 100, "host_data"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        struct pieces pieces;
        struct maa_result result = {0};
        read_pieces(&pieces);
        struct buf *const at[] = {&pieces.report, &pieces.chain, &pieces.uvm, &pieces.runtime,
                                  &pieces.init};
        at[cases[i].piece]->data[cases[i].at] ^= 1;
        if (verify(&pieces, THEN, &result, &err) == 0 || result.claims)
            fail_msg("%zu is accepted", i);
        if (!strstr(err.text, cases[i].said))
            fail_msg("%zu: \"%s\" does not name %s", i, err.text, cases[i].said);
        free_pieces(&pieces);
    }
}

static void refuses_a_time_at_which_the_chain_is_not_valid(void **state)
{
    (void)state;
    SKIP_WITHOUT_VECTORS();
    struct error err = {0};
    struct pieces pieces;
    struct maa_result result = {0};
    read_pieces(&pieces);
    check_error(verify(&pieces, INT64_C(4102444800), &result, &err), &err, ERROR_REFUSED);
    assert_null(result.claims);
    free_pieces(&pieces);
}

static void refuses_what_is_no_evidence(void **state)
{
    (void)state;
    static const char *const reports[] = {"",
                                          "[]",
                                          "{}",
                                          "{\"SnpReport\":\"YQ\"}",
                                          "{\"SnpReport\":\"YQ\",\"VcekCertChain\":\"YQ\"}",
                                          "{\"SnpReport\":1,\"VcekCertChain\":\"YQ\"}"};
    for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++) {
        struct error err = {0};
        struct maa_result result = {0};
        struct maa_trust trust = {.time = THEN, .chains = chains};
        struct maa_request request = {.kind = MAA_SEV_SNP, .evidence = BUF_WITH_LIMIT(1000)};
        check_ok(buf_append_text(&request.evidence, reports[i], &err), &err);
        check_error(maa_verify_snp(&request, &trust, &result, &err), &err, ERROR_INVALID);
        assert_null(result.claims);
        buf_fini(&request.evidence);
    }
}

static int start(void **state)
{
    (void)state;
    chains = snp_chains_new(NULL, 0, NULL);
    return chains ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    snp_chains_free(chains);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_real_group_has_the_claims_of_its_report),
        cmocka_unit_test(without_an_endorsement_nothing_is_compliant),
        cmocka_unit_test(an_endorsement_is_of_whom_and_what_the_configuration_names),
        cmocka_unit_test(one_bit_refuses),
        cmocka_unit_test(refuses_a_time_at_which_the_chain_is_not_valid),
        cmocka_unit_test(refuses_what_is_no_evidence),
    };
    return cmocka_run_group_tests(tests, start, end);
}
