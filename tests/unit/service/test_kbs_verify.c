/* Quotes of trust domains and of enclaves at the key broker: accepted where it binds nonce, key and
 * init-data, and refused with any other thing in its place. The platform is one that never was. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../evidence/dcap_fake.h"
#include "../remove_tree.h"
#include "base/base64.h"
#include "base/hex.h"
#include "base/text.h"
#include "os/output.h"
#include "service/kbs_verify.h"

static struct error err;
static struct dcap_fake fake;
static char folder[256];
static struct collaterals *collaterals;
static struct maa_result result;
static json_t *evidence;
static struct kbs_attestation given;
static enum dcap_tee tee; /* of the running test */

static int start(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/caisson-kbs-XXXXXX", base ? base : "/tmp");
    dcap_fake_init(&fake);
    return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    dcap_fake_fini(&fake);
    return remove_tree(folder);
}

/* One in which nothing is wrong: its REPORT_DATA is as long as the longest hash. */
static int begin(void **state)
{
    (void)state;
    bool is_td = tee == DCAP_TDX;
    given = (struct kbs_attestation){.has_init_data = true};
    memset(given.report_data, 0x5a, sizeof given.report_data);
    memset(given.host_data, 0x1d, sizeof given.host_data);
    dcap_fake_reset(&fake, is_td ? DCAP_BODY_TD15 : DCAP_BODY_SGX);
    memcpy(dcap_fake_field(&fake, DCAP_REPORT_DATA), given.report_data, sizeof given.report_data);
    memcpy(dcap_fake_field(&fake, is_td ? DCAP_MRCONFIGID : DCAP_CONFIGID), given.host_data,
           sizeof given.host_data);
    return 0;
}

static int begin_domain(void **state)
{
    tee = DCAP_TDX;
    return begin(state);
}

static int begin_enclave(void **state)
{
    tee = DCAP_SGX;
    return begin(state);
}

static int drop(void **state)
{
    (void)state;
    json_decref(result.claims);
    json_decref(result.older);
    json_decref(evidence);
    result = (struct maa_result){0};
    evidence = NULL;
    collaterals_close(collaterals);
    collaterals = NULL;
    return 0;
}

/* As the client sends it, and the collateral to judge it by. */
static void send_quote(void)
{
    BUF_AUTO collateral = BUF_WITH_LIMIT(DCAP_COLLATERAL_SIZE_MAX);
    BUF_AUTO text = BUF_WITH_LIMIT(2 * DCAP_QUOTE_SIZE_MAX);
    TEXT_AUTO path = text_format("%s/fake.json", folder);
    (void)drop(NULL);
    dcap_fake_make(&fake);
    dcap_fake_collateral(&fake, &collateral);
    check_ok(output_write(path, buf_span(&collateral), 0600, &err), &err);
    collaterals = collaterals_open(folder, &fake.root, 1, &err);
    assert_non_null(collaterals);
    check_ok(base64_encode(buf_span(&fake.quote), &text, &err), &err);
    evidence = json_pack("{s:s, s:n}", "quote", buf_text(&text), "cc_eventlog");
    assert_non_null(evidence);
}

static int verify(void)
{
    struct maa_trust trust = {
        .time = FAKE_NOW, .collaterals = collaterals, .tcb_statuses = 1U << TCB_UP_TO_DATE};
    given.evidence = evidence;
    json_decref(result.claims);
    json_decref(result.older);
    result = (struct maa_result){0};
    return tee == DCAP_TDX ? kbs_verify_tdx(&given, &trust, &result, &err)
                           : kbs_verify_sgx(&given, &trust, &result, &err);
}

static void a_domain_has_the_claims_of_its_quote(void **state)
{
    (void)state;
    char bound[2 * SHA512_SIZE + 1];
    send_quote();
    check_ok(verify(), &err);
    hex_encode(span_of(given.report_data, sizeof given.report_data), bound);
    assert_string_equal(json_string_value(json_object_get(result.claims, "tdx_report_data")),
                        bound);
    assert_string_equal(json_string_value(json_object_get(result.claims, "x-ms-attestation-type")),
                        "tdxvm");
    assert_string_equal(json_string_value(json_object_get(result.claims, "attester_tcb_status")),
                        "UpToDate");
}

static void an_enclave_has_the_claims_of_its_quote(void **state)
{
    static const char config[] = "1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d";
    (void)state;
    char bound[2 * SHA512_SIZE + 1];
    memset(dcap_fake_field(&fake, DCAP_ATTRIBUTES), 0x85, 1); /* INIT, MODE64BIT, KSS */
    send_quote();
    check_ok(verify(), &err);
    hex_encode(span_of(given.report_data, sizeof given.report_data), bound);
    assert_string_equal(json_string_value(json_object_get(result.claims, "x-ms-sgx-report-data")),
                        bound);
    assert_string_equal(json_string_value(json_object_get(result.claims, "x-ms-attestation-type")),
                        "sgx");
    assert_true(json_is_false(json_object_get(result.claims, "x-ms-sgx-is-debuggable")));
    assert_memory_equal(json_string_value(json_object_get(result.claims, "x-ms-sgx-config-id")),
                        config, sizeof config - 1);
    assert_non_null(json_object_get(result.claims, "x-ms-sgx-mrenclave"));
    assert_null(json_object_get(result.claims, "x-ms-sgx-ehd"));
}

static void refuses_a_quote_for_another_nonce_or_key(void **state)
{
    (void)state;
    static const size_t places[] = {0, 31, 32, 63};
    send_quote();
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        given.report_data[places[i]] ^= 1;
        check_refused(verify(), &err, "report_data");
        assert_null(result.claims);
        given.report_data[places[i]] ^= 1;
    }
    check_ok(verify(), &err);
}

static void refuses_init_data_that_is_not_bound(void **state)
{
    (void)state;
    send_quote();
    given.host_data[31] ^= 1;
    check_refused(verify(), &err, "init-data");
    assert_int_equal(err.code, ERROR_REFUSED);
    given.has_init_data = false;
    check_ok(verify(), &err);
}

static void refuses_a_quote_of_the_other_kind(void **state)
{
    (void)state;
    dcap_fake_reset(&fake, tee == DCAP_TDX ? DCAP_BODY_SGX : DCAP_BODY_TD15);
    send_quote();
    check_error(verify(), &err, ERROR_INVALID);
}

static void refuses_a_changed_quote_and_an_old_platform(void **state)
{
    (void)state;
    memset(fake.pck.components, 3, sizeof fake.pck.components);
    send_quote();
    check_error(verify(), &err, ERROR_REFUSED);
    (void)begin(NULL);
    send_quote();
    BUF_AUTO text = BUF_WITH_LIMIT(2 * DCAP_QUOTE_SIZE_MAX);
    fake.quote.data[48 + 200] ^= 1;
    check_ok(base64_encode(buf_span(&fake.quote), &text, &err), &err);
    assert_int_equal(json_object_set_new(evidence, "quote", json_string(buf_text(&text))), 0);
    check_error(verify(), &err, ERROR_REFUSED);
    assert_null(result.claims);
}

static void refuses_what_is_no_such_evidence(void **state)
{
    (void)state;
    static const char *const wrong[] = {"[]",
                                        "null",
                                        "\"quote\"",
                                        "{}",
                                        "{\"quote\":7}",
                                        "{\"quote\":null}",
                                        "{\"quote\":\"\"}",
                                        "{\"quote\":\"A-_=\"}",
                                        "{\"quote\":\"AAAA\"}"};
    send_quote();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        json_decref(evidence);
        evidence = json_loads(wrong[i], JSON_DECODE_ANY, NULL);
        assert_non_null(evidence);
        assert_int_equal(verify(), -1);
        if (err.code != ERROR_INVALID)
            fail_msg("%s: %s", wrong[i], err.text);
        assert_null(result.claims);
    }
}

static void without_collateral_no_quote_is_judged(void **state)
{
    (void)state;
    send_quote();
    collaterals_close(collaterals);
    collaterals = collaterals_open(NULL, &fake.root, 1, &err);
    check_error(verify(), &err, ERROR_UNAVAILABLE);
}

#define DOMAIN(name)                                                                               \
    {                                                                                              \
#name " (domain)", name, begin_domain, drop, NULL                                          \
    }
#define ENCLAVE(name)                                                                              \
    {                                                                                              \
#name " (enclave)", name, begin_enclave, drop, NULL                                        \
    }
#define BOTH(name) DOMAIN(name), ENCLAVE(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOMAIN(a_domain_has_the_claims_of_its_quote),
        ENCLAVE(an_enclave_has_the_claims_of_its_quote),
        BOTH(refuses_a_quote_for_another_nonce_or_key),
        BOTH(refuses_init_data_that_is_not_bound),
        BOTH(refuses_a_quote_of_the_other_kind),
        BOTH(refuses_a_changed_quote_and_an_old_platform),
        BOTH(refuses_what_is_no_such_evidence),
        BOTH(without_collateral_no_quote_is_judged),
    };
    return cmocka_run_group_tests(tests, start, end);
}
