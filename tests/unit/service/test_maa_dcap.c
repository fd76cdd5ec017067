/* Quotes of enclaves and trust domains: their claims are those of the quote, and one thing changed
 * refuses them. The platform is one that never was; where the shared vectors are, a real enclave's
 * quote too. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../evidence/dcap_fake.h"
#include "../remove_tree.h"
#include "../vectors.h"
#include "base/base64.h"
#include "base/hex.h"
#include "base/text.h"
#include "os/output.h"
#include "service/maa_claims.h"

static struct error err;
static struct dcap_fake fake;
static char folder[256];
static struct maa_result result;
static unsigned accepted; /* of the platform's statuses */

static int start(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/caisson-dcap-XXXXXX", base ? base : "/tmp");
    dcap_fake_init(&fake);
    return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    dcap_fake_fini(&fake);
    return remove_tree(folder);
}

static int drop_result(void **state)
{
    if (state)
        accepted = 1U << TCB_UP_TO_DATE | 1U << TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED;
    json_decref(result.claims);
    json_decref(result.older);
    result = (struct maa_result){0};
    return 0;
}

/* As a client sends it. */
struct sent {
    enum maa_kind kind;
    struct span evidence;
    const char *runtime; /* NULL: none */
    bool is_json;
    const char *init;
};

static const char runtime_text[] = "{\"keys\":[]}";

static int verify_by(struct collaterals *collaterals, const struct sent *sent, int64_t time)
{
    MAA_REQUEST_AUTO request = {.kind = sent->kind,
                                .evidence = BUF_WITH_LIMIT(1 << 20),
                                .runtime = {.bytes = BUF_WITH_LIMIT(1 << 20)},
                                .init = {.bytes = BUF_WITH_LIMIT(1 << 20)}};
    struct maa_trust trust = {.time = time, .collaterals = collaterals, .tcb_statuses = accepted};
    (void)drop_result(NULL);
    check_ok(buf_append(&request.evidence, sent->evidence, &err), &err);
    if (sent->runtime) {
        request.runtime.is_there = true;
        request.runtime.is_json = sent->is_json;
        check_ok(buf_append_text(&request.runtime.bytes, sent->runtime, &err), &err);
    }
    if (sent->init) {
        request.init.is_there = true;
        check_ok(buf_append_text(&request.init.bytes, sent->init, &err), &err);
    }
    return maa_verify_dcap(&request, &trust, &result, &err);
}

/* By the fake platform's collateral alone, which lies in the folder. */
static int verify(const struct sent *sent, int64_t time)
{
    BUF_AUTO text = BUF_WITH_LIMIT(DCAP_COLLATERAL_SIZE_MAX);
    TEXT_AUTO path = text_format("%s/fake.json", folder);
    dcap_fake_collateral(&fake, &text);
    check_ok(output_write(path, buf_span(&text), 0600, &err), &err);
    struct collaterals *collaterals = collaterals_open(folder, &fake.root, 1, &err);
    if (!collaterals)
        fail_msg("%s", err.text);
    int outcome = verify_by(collaterals, sent, time);
    collaterals_close(collaterals);
    (void)unlink(path);
    return outcome;
}

/* REPORT_DATA holds the SHA-256 of the runtime data. */
static void reset(enum dcap_body body)
{
    dcap_fake_reset(&fake, body);
    uint8_t *data = dcap_fake_field(&fake, DCAP_REPORT_DATA);
    memset(data, 0, 64);
    sha256_digest(span_of_text(runtime_text), data);
}

static struct sent sent_of(enum maa_kind kind)
{
    return (struct sent){kind, buf_span(&fake.quote), runtime_text, true, NULL};
}

static const char *text_of(const json_t *claims, const char *name)
{
    const char *text = json_string_value(json_object_get(claims, name));
    if (!text)
        fail_msg("there is no %s", name);
    return text;
}

static void check_hex(const char *name, enum dcap_field field)
{
    char text[2 * DCAP_FIELD_SIZE_MAX + 1];
    hex_encode(span_of(dcap_fake_field(&fake, field), dcap_field_size(field)), text);
    assert_string_equal(text_of(result.claims, name), text);
}

static void an_enclave_has_the_claims_of_its_quote(void **state)
{
    (void)state;
    reset(DCAP_BODY_SGX);
    dcap_fake_field(&fake, DCAP_MRENCLAVE)[5] = 0xab;
    dcap_fake_field(&fake, DCAP_ISVSVN)[1] = 2;
    dcap_fake_make(&fake);
    struct sent sent = sent_of(MAA_SGX);
    check_ok(verify(&sent, FAKE_NOW), &err);
    check_hex("x-ms-sgx-mrenclave", DCAP_MRENCLAVE);
    check_hex("x-ms-sgx-mrsigner", DCAP_MRSIGNER);
    check_hex("x-ms-sgx-report-data", DCAP_REPORT_DATA);
    assert_string_equal(text_of(result.claims, "x-ms-attestation-type"), "sgx");
    assert_string_equal(text_of(result.claims, "attester_tcb_status"), "UpToDate");
    assert_true(json_is_false(json_object_get(result.claims, "x-ms-sgx-is-debuggable")));
    assert_int_equal(json_integer_value(json_object_get(result.claims, "x-ms-sgx-svn")),
                     dcap_fake_field(&fake, DCAP_ISVSVN)[0] + 0x200);
    assert_null(json_object_get(result.claims, "x-ms-sgx-ehd"));
    assert_null(json_object_get(result.claims, "x-ms-sgx-config-id"));
    assert_string_equal(text_of(result.older, "sgx-mrenclave"),
                        text_of(result.claims, "x-ms-sgx-mrenclave"));
    assert_string_equal(text_of(result.older, "tee"), "sgx");
}

static void the_collateral_is_named_by_its_hashes(void **state)
{
    (void)state;
    static const char *const names[] = {"qeidcertshash", "qeidcrlhash",      "qeidhash",
                                        "quotehash",     "tcbinfocertshash", "tcbinfocrlhash",
                                        "tcbinfohash"};
    char hex[2 * SHA256_SIZE + 1];
    uint8_t digest[SHA256_SIZE];
    reset(DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    struct sent sent = sent_of(MAA_SGX);
    check_ok(verify(&sent, FAKE_NOW), &err);
    const json_t *hashes = json_object_get(result.claims, "x-ms-sgx-collateral");
    assert_int_equal(json_object_size(hashes), sizeof names / sizeof names[0]);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(strlen(text_of(hashes, names[i])), 64);
    sha256_digest(buf_span(&fake.quote), digest);
    hex_encode(span_of(digest, sizeof digest), hex);
    assert_string_equal(text_of(hashes, "quotehash"), hex);
    sha256_digest(span_of_text(fake.tcb_info), digest);
    hex_encode(span_of(digest, sizeof digest), hex);
    assert_string_equal(text_of(hashes, "tcbinfohash"), hex);
    assert_ptr_equal(hashes, json_object_get(result.older, "maa-attestationcollateral"));
}

static void bytes_are_shown_as_held_data_and_shared_keys_as_configuration(void **state)
{
    (void)state;
    static const char init[] = "policy";
    reset(DCAP_BODY_SGX);
    dcap_fake_field(&fake, DCAP_ATTRIBUTES)[0] |= 0x80;
    dcap_fake_field(&fake, DCAP_CONFIGSVN)[0] = 7;
    sha256_digest(span_of_text(init), dcap_fake_field(&fake, DCAP_CONFIGID));
    dcap_fake_make(&fake);
    struct sent sent = sent_of(MAA_SGX);
    sent.is_json = false;
    sent.init = init;
    check_ok(verify(&sent, FAKE_NOW), &err);
    assert_string_equal(text_of(result.claims, "x-ms-sgx-ehd"), "eyJrZXlzIjpbXX0");
    assert_string_equal(text_of(result.older, "maa-ehd"), "eyJrZXlzIjpbXX0");
    check_hex("x-ms-sgx-config-id", DCAP_CONFIGID);
    assert_int_equal(json_integer_value(json_object_get(result.claims, "x-ms-sgx-config-svn")), 7);
}

static void a_trust_domain_has_the_claims_of_its_quote(void **state)
{
    (void)state;
    static const enum dcap_body bodies[] = {DCAP_BODY_TD10, DCAP_BODY_TD15};
    for (size_t i = 0; i < 2; i++) {
        reset(bodies[i]);
        dcap_fake_field(&fake, DCAP_RTMR2)[3] = 0xcd;
        dcap_fake_make(&fake);
        struct sent sent = sent_of(MAA_TDX);
        check_ok(verify(&sent, FAKE_NOW), &err);
        check_hex("tdx_rtmr2", DCAP_RTMR2);
        check_hex("tdx_mrtd", DCAP_MRTD);
        check_hex("tdx_td_attributes", DCAP_TDATTRIBUTES);
        assert_string_equal(text_of(result.claims, "x-ms-attestation-type"), "tdxvm");
        assert_string_equal(text_of(result.claims, "dbgstat"), "disabled");
        assert_true(
            json_is_true(json_object_get(result.claims, "tdx_td_attributes_septve_disable")));
        assert_true(json_is_false(json_object_get(result.claims, "tdx_td_attributes_debug")));
        assert_true(json_is_integer(json_object_get(result.claims, "tdx_seamsvn")));
    }
}

static void debugging_is_a_claim_and_no_refusal(void **state)
{
    (void)state;
    reset(DCAP_BODY_SGX);
    dcap_fake_field(&fake, DCAP_ATTRIBUTES)[0] |= 2;
    dcap_fake_make(&fake);
    struct sent sent = sent_of(MAA_SGX);
    check_ok(verify(&sent, FAKE_NOW), &err);
    assert_true(json_is_true(json_object_get(result.claims, "x-ms-sgx-is-debuggable")));
    reset(DCAP_BODY_TD15);
    dcap_fake_field(&fake, DCAP_TDATTRIBUTES)[0] |= 1;
    dcap_fake_make(&fake);
    sent = sent_of(MAA_TDX);
    check_ok(verify(&sent, FAKE_NOW), &err);
    assert_string_equal(text_of(result.claims, "dbgstat"), "enabled");
}

static void open_enclaves_frame_holds_the_quote(void **state)
{
    (void)state;
    reset(DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    BUF_AUTO report = BUF_WITH_LIMIT(1 << 20);
    check_ok(buf_append_le32(&report, 1, &err), &err);
    check_ok(buf_append_le32(&report, 2, &err), &err);
    check_ok(buf_append_le64(&report, fake.quote.size, &err), &err);
    check_ok(buf_append(&report, buf_span(&fake.quote), &err), &err);
    struct sent sent = sent_of(MAA_OPEN_ENCLAVE);
    sent.evidence = buf_span(&report);
    check_ok(verify(&sent, FAKE_NOW), &err);
    check_hex("x-ms-sgx-mrenclave", DCAP_MRENCLAVE);
    static const size_t places[] = {0, 4, 8, 15}; /* version, type, size */
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        report.data[places[i]] ^= 1;
        check_error(verify(&sent, FAKE_NOW), &err, ERROR_INVALID);
        report.data[places[i]] ^= 1;
    }
    for (size_t size = 0; size < 16; size++) {
        sent.evidence = span_of(report.data, size);
        check_error(verify(&sent, FAKE_NOW), &err, ERROR_INVALID);
    }
}

static void refuses_data_that_the_quote_does_not_bind(void **state)
{
    (void)state;
    static const enum maa_kind kinds[] = {MAA_SGX, MAA_TDX};
    for (size_t i = 0; i < 2; i++) {
        reset(kinds[i] == MAA_TDX ? DCAP_BODY_TD15 : DCAP_BODY_SGX);
        dcap_fake_make(&fake);
        struct sent sent = sent_of(kinds[i]);
        sent.runtime = "{\"keys\":[1]}";
        check_refused(verify(&sent, FAKE_NOW), &err, "report_data");
        sent = sent_of(kinds[i]);
        sent.init = "policy";
        check_refused(verify(&sent, FAKE_NOW), &err, "initTimeData");
        assert_null(result.claims);
        reset(kinds[i] == MAA_TDX ? DCAP_BODY_TD15 : DCAP_BODY_SGX);
        dcap_fake_field(&fake, DCAP_REPORT_DATA)[40] = 1; /* what follows the hash is zero */
        dcap_fake_make(&fake);
        sent = sent_of(kinds[i]);
        check_refused(verify(&sent, FAKE_NOW), &err, "report_data");
    }
}

static void refuses_one_kind_of_quote_for_the_other(void **state)
{
    (void)state;
    reset(DCAP_BODY_TD15);
    dcap_fake_make(&fake);
    struct sent sent = sent_of(MAA_SGX);
    check_error(verify(&sent, FAKE_NOW), &err, ERROR_INVALID);
    reset(DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    sent = sent_of(MAA_TDX);
    check_error(verify(&sent, FAKE_NOW), &err, ERROR_INVALID);
}

static void refuses_platforms_that_are_old_or_revoked(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        reset(DCAP_BODY_SGX);
        if (i == 0)
            memset(fake.pck.components, 3, sizeof fake.pck.components);
        else
            fake.pck_crl_serial = FAKE_SERIAL_PCK;
        dcap_fake_make(&fake);
        struct sent sent = sent_of(MAA_SGX);
        check_error(verify(&sent, FAKE_NOW), &err, ERROR_REFUSED);
        assert_null(result.claims);
    }
}

/* An appraisal passes a current platform always: here it must be among those that are named. */
static void refuses_a_current_platform_that_is_not_among_those_accepted(void **state)
{
    (void)state;
    static const enum maa_kind kinds[] = {MAA_SGX, MAA_TDX};
    for (int i = 0; i < 2; i++) {
        reset(i == 0 ? DCAP_BODY_SGX : DCAP_BODY_TD10);
        dcap_fake_make(&fake);
        struct sent sent = sent_of(kinds[i]);
        accepted = 1U << TCB_UP_TO_DATE;
        check_ok(verify(&sent, FAKE_NOW), &err);
        accepted = 1U << TCB_SW_HARDENING_NEEDED;
        check_error(verify(&sent, FAKE_NOW), &err, ERROR_REFUSED);
        assert_non_null(strstr(err.text, "the platform is UpToDate, which is not accepted here"));
        assert_null(result.claims);
    }
}

static void refuses_a_changed_quote(void **state)
{
    (void)state;
    reset(DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    fake.quote.data[48 + 64] ^= 1; /* MRENCLAVE */
    struct sent sent = sent_of(MAA_SGX);
    check_error(verify(&sent, FAKE_NOW), &err, ERROR_REFUSED);
    for (size_t size = 0; size < fake.quote.size; size += 97) {
        sent.evidence = span_of(fake.quote.data, size);
        assert_int_equal(verify(&sent, FAKE_NOW), -1);
        assert_null(result.claims);
    }
}

static void without_collateral_that_is_current_no_quote_is_judged(void **state)
{
    (void)state;
    reset(DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    struct sent sent = sent_of(MAA_SGX);
    check_error(verify(&sent, FAKE_NOW + 1000 * FAKE_DAY), &err, ERROR_UNAVAILABLE);
    struct collaterals *none = collaterals_open(NULL, &fake.root, 1, &err);
    check_error(verify_by(none, &sent, FAKE_NOW), &err, ERROR_UNAVAILABLE);
    collaterals_close(none);
    reset(DCAP_BODY_SGX);
    fake.pck.fmspc[0] ^= 1;
    dcap_fake_make(&fake);
    sent = sent_of(MAA_SGX);
    check_error(verify(&sent, FAKE_NOW), &err, ERROR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "FMSPC"));
    assert_null(collaterals_open("/nonexistent/folder", NULL, 0, &err));
}

static void refuses_a_root_that_nobody_named(void **state)
{
    (void)state;
    reset(DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    memset(&fake.root, 0, sizeof fake.root);
    struct sent sent = sent_of(MAA_SGX);
    check_error(verify(&sent, FAKE_NOW), &err, ERROR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "collateral_root"));
}

/* A time at which its collateral holds: 2025-07-01. */
#define THEN INT64_C(1751328000)

static void a_real_enclaves_quote_is_accepted(void **state)
{
    (void)state;
    vectors_need("attest/dcap/sgx-v3.quote.bin");
    BUF_AUTO quote = BUF_WITH_LIMIT(1 << 20);
    BUF_AUTO text = BUF_WITH_LIMIT(DCAP_COLLATERAL_SIZE_MAX);
    TEXT_AUTO path = text_format("%s/real.json", folder);
    vectors_read("attest/dcap/sgx-v3.quote.bin", &quote);
    vectors_read("attest/dcap/sgx-v3.collateral.json", &text);
    check_ok(output_write(path, buf_span(&text), 0600, &err), &err);
    struct collaterals *collaterals = collaterals_open(folder, NULL, 0, &err);
    if (!collaterals)
        fail_msg("%s", err.text);
    struct sent sent = {MAA_SGX, buf_span(&quote), NULL, false, NULL};
    int outcome = verify_by(collaterals, &sent, THEN);
    collaterals_close(collaterals);
    (void)unlink(path);
    check_ok(outcome, &err);
    assert_string_equal(text_of(result.claims, "attester_tcb_status"),
                        "ConfigurationAndSWHardeningNeeded");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, drop_result, drop_result)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_enclave_has_the_claims_of_its_quote),
        TEST(the_collateral_is_named_by_its_hashes),
        TEST(bytes_are_shown_as_held_data_and_shared_keys_as_configuration),
        TEST(a_trust_domain_has_the_claims_of_its_quote),
        TEST(debugging_is_a_claim_and_no_refusal),
        TEST(open_enclaves_frame_holds_the_quote),
        TEST(refuses_data_that_the_quote_does_not_bind),
        TEST(refuses_one_kind_of_quote_for_the_other),
        TEST(refuses_platforms_that_are_old_or_revoked),
        TEST(refuses_a_current_platform_that_is_not_among_those_accepted),
        TEST(refuses_a_changed_quote),
        TEST(without_collateral_that_is_current_no_quote_is_judged),
        TEST(refuses_a_root_that_nobody_named),
        TEST(a_real_enclaves_quote_is_accepted),
    };
    return cmocka_run_group_tests(tests, start, end);
}
