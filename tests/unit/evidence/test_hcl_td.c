/* HCL reports around a TDREPORT, with a quote of a platform that never was. */
#include "../check.h"
#include "../made_azure.h"
#include "dcap_fake.h"

#include "evidence/hcl_verify.h"

static struct dcap_fake fake;
static struct buf claims;
static struct buf frame;
static uint8_t tdreport[HCL_TDREPORT_SIZE];
static struct dcap_appraisal appraisal;
static struct dcap_result td_result;
static struct hcl_result result;

static int make(void **state)
{
    (void)state;
    EVP_PKEY *key = made_key("RSA");
    dcap_fake_init(&fake);
    buf_init(&claims, 65536);
    buf_init(&frame, 65536);
    made_claims(key, &claims);
    EVP_PKEY_free(key);
    made_tdreport(buf_span(&claims), tdreport);
    made_hcl(HCL_TDX, span_of(tdreport, sizeof tdreport), buf_span(&claims), &frame);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    buf_fini(&claims);
    buf_fini(&frame);
    dcap_fake_fini(&fake);
    return 0;
}

/* A quote of the TDREPORT's trust domain, not signed yet. */
static void start(enum dcap_body body)
{
    appraisal = (struct dcap_appraisal){0};
    dcap_fake_reset(&fake, body);
    memcpy(dcap_fake_field(&fake, DCAP_REPORT_DATA), tdreport + 128, HCL_REPORT_DATA_SIZE);
    if (dcap_body_is_td(body))
        memcpy(dcap_fake_field(&fake, DCAP_MRTD), tdreport + 528, HCL_MRTD_SIZE);
}

static enum verdict verify(void)
{
    enum verdict verdict = dcap_verify(buf_span(&fake.quote), &fake.parts, &fake.options,
                                       &appraisal, &td_result);
    const struct hcl_td_quote td_quote = hcl_td_quote_of(&td_result, verdict);
    const struct hcl_evidence evidence = {.report = buf_span(&frame), .td_quote = &td_quote};
    static const struct hcl_expectation expectation;
    return hcl_verify(&evidence, &expectation, &result);
}

static void expect_refused(const char *first, const char *td_quote)
{
    assert_int_equal(verify(), VERDICT_REFUSED);
    const struct check *check = checks_first_failure(&result.snp.checks);
    assert_string_equal(check->rule->name, first);
    check = checks_find(&result.snp.checks, "td_quote");
    assert_int_equal(check->result, CHECK_FAILED);
    assert_string_equal(check->found, td_quote);
}

static void accepts_a_tdreport_with_its_quote(void **state)
{
    (void)state;
    static const enum dcap_body bodies[] = {DCAP_BODY_TD10, DCAP_BODY_TD15};
    for (size_t i = 0; i < 2; i++) {
        start(bodies[i]);
        dcap_fake_make(&fake);
        assert_int_equal(verify(), VERDICT_ACCEPTED);
        assert_false(result.snp.simulated);
        assert_int_equal(checks_find(&result.snp.checks, "td_quote")->result, CHECK_PASSED);
        assert_int_equal(checks_find(&result.snp.checks, "quote_signature")->result, CHECK_PASSED);
        assert_true(result.snp.checks.count > td_result.checks.count);
    }
}

static void refuses_quotes_of_other_trust_domains(void **state)
{
    (void)state;
    start(DCAP_BODY_TD10);
    dcap_fake_field(&fake, DCAP_MRTD)[47] ^= 1;
    dcap_fake_make(&fake);
    expect_refused("td_quote", "a quote with another MRTD");
    start(DCAP_BODY_TD15);
    dcap_fake_field(&fake, DCAP_REPORT_DATA)[0] ^= 1;
    dcap_fake_make(&fake);
    expect_refused("td_quote", "a quote with another REPORT_DATA");
}

static void refuses_what_the_quote_is_refused_for(void **state)
{
    (void)state;
    static const char refused[] = "a quote that was refused";
    start(DCAP_BODY_TD10);
    dcap_fake_field(&fake, DCAP_TDATTRIBUTES)[0] = 1;
    dcap_fake_make(&fake);
    expect_refused("debug", refused);
    start(DCAP_BODY_TD10);
    dcap_fake_make(&fake);
    fake.quote.data[48 + 200] ^= 1;
    expect_refused("quote_signature", "a quote that was refused");
    fake.quote.data[48 + 200] ^= 1;
    fake.options.root_count = 0;
    expect_refused("collateral_root", refused);
    fake.options.root_count = 1;
    appraisal.tee = DCAP_SGX;
    expect_refused("tee", refused);
    appraisal = (struct dcap_appraisal){.wanted[DCAP_RTMR3] = {.count = 1, .values = {{1}}}};
    expect_refused("rtmr3", refused);
    appraisal.wanted[DCAP_RTMR3].count = 0;
    fake.quote.size = 100;
    expect_refused("quote_format", refused);
}

/* An enclave can put any REPORT_DATA into its report, and has no MRTD. */
static void refuses_an_accepted_quote_of_an_enclave(void **state)
{
    (void)state;
    start(DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    expect_refused("td_quote", "a quote that was refused");
    assert_int_equal(checks_verdict(&td_result.checks), VERDICT_ACCEPTED);
}

static void a_simulated_root_is_told(void **state)
{
    (void)state;
    start(DCAP_BODY_TD10);
    fake.names[FAKE_ROOT] = "SIMULATED SGX Root CA";
    fake.names[FAKE_CA] = "SIMULATED SGX PCK Platform CA";
    fake.names[FAKE_PCK] = "SIMULATED SGX PCK Certificate";
    fake.names[FAKE_SIGNING] = "SIMULATED SGX TCB Signing";
    dcap_fake_make(&fake);
    assert_int_equal(verify(), VERDICT_ACCEPTED);
    assert_true(result.snp.simulated);
}

/* Whatever else is asked of it: there is room for all checks, and too many are refused. */
static void there_is_room_for_the_checks_of_both(void **state)
{
    (void)state;
    start(DCAP_BODY_TD15);
    dcap_fake_make(&fake);
    appraisal.minimum_evaluation = 1;
    for (unsigned field = 0; field < DCAP_FIELD_COUNT; field++) {
        if (!dcap_body_has(DCAP_BODY_TD15, field))
            continue;
        appraisal.wanted[field].count = 1;
        memcpy(appraisal.wanted[field].values[0], dcap_fake_field(&fake, field),
               dcap_field_size(field));
    }
    assert_int_equal(verify(), VERDICT_ACCEPTED);
    td_result.checks.overflow = true;
    const struct hcl_td_quote td_quote = hcl_td_quote_of(&td_result, VERDICT_ACCEPTED);
    const struct hcl_evidence evidence = {.report = buf_span(&frame), .td_quote = &td_quote};
    static const struct hcl_expectation expectation;
    assert_int_equal(hcl_verify(&evidence, &expectation, &result), VERDICT_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_a_tdreport_with_its_quote),
        cmocka_unit_test(refuses_quotes_of_other_trust_domains),
        cmocka_unit_test(refuses_what_the_quote_is_refused_for),
        cmocka_unit_test(refuses_an_accepted_quote_of_an_enclave),
        cmocka_unit_test(a_simulated_root_is_told),
        cmocka_unit_test(there_is_room_for_the_checks_of_both),
    };
    return cmocka_run_group_tests(tests, make, finish);
}
