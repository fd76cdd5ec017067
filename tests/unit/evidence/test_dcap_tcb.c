/* The status of a platform, by quotes and collateral that this test makes. */
#include "../check.h"

#include <stdlib.h>

#include "dcap_fake.h"
#include "evidence/dcap_verify.h"

static struct dcap_fake fake;
static struct dcap_result result;
static struct dcap_appraisal appraisal;

static enum verdict verify(void)
{
    return dcap_verify(buf_span(&fake.quote), &fake.parts, &fake.options, &appraisal, &result);
}

static void start(enum dcap_body body)
{
    memset(&appraisal, 0, sizeof appraisal);
    dcap_fake_reset(&fake, body);
}

static void expect_accepted(void)
{
    if (verify() == VERDICT_ACCEPTED)
        return;
    const struct check *failure = checks_first_failure(&result.checks);
    fail_msg("refused by %s: %s", failure ? failure->rule->name : "nothing",
             failure ? failure->found : "");
}

static void expect_refused(const char *name)
{
    assert_int_equal(verify(), VERDICT_REFUSED);
    assert_non_null(checks_first_failure(&result.checks));
    assert_string_equal(checks_first_failure(&result.checks)->rule->name, name);
}

static const enum tcb_status judged[] = {
    TCB_UP_TO_DATE,           TCB_SW_HARDENING_NEEDED,
    TCB_CONFIGURATION_NEEDED, TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
    TCB_OUT_OF_DATE,          TCB_OUT_OF_DATE_CONFIGURATION_NEEDED};
#define JUDGED_COUNT (sizeof judged / sizeof *judged)

/* The first level of an enclave's platform, to be of this status. */
static void make_sgx(enum tcb_status status)
{
    char text[64];
    start(DCAP_BODY_SGX);
    (void)snprintf(text, sizeof text, "\"tcbStatus\":\"%s\"", tcb_status_name(status));
    dcap_fake_replace(fake.tcb_info, "\"tcbStatus\":\"UpToDate\"", text);
}

static void up_to_date_alone_is_accepted_unless_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < JUDGED_COUNT; i++) {
        make_sgx(judged[i]);
        dcap_fake_make(&fake);
        if (judged[i] == TCB_UP_TO_DATE)
            expect_accepted();
        else
            expect_refused("tcb_status");
        assert_int_equal(result.claims.status, judged[i]);
        assert_int_equal(result.claims.platform_status, judged[i]);
        assert_int_equal(result.claims.qe_status, TCB_UP_TO_DATE);
        assert_false(result.claims.has_module);
        for (size_t k = 0; k < JUDGED_COUNT; k++) {
            appraisal.accepted_statuses = 1U << judged[k];
            bool accepted = judged[i] == TCB_UP_TO_DATE || i == k;
            assert_int_equal(verify(), accepted ? VERDICT_ACCEPTED : VERDICT_REFUSED);
        }
    }
}

static void revoked_and_unknown_are_never_accepted(void **state)
{
    (void)state;
    static const char *const changes[][2] = {{"platform_tcb", "Revoked"}, {"tcb_info", "Fine"}};
    for (size_t i = 0; i < 2; i++) {
        char text[64];
        start(DCAP_BODY_SGX);
        (void)snprintf(text, sizeof text, "\"tcbStatus\":\"%s\"", changes[i][1]);
        dcap_fake_replace(fake.tcb_info, "\"tcbStatus\":\"UpToDate\"", text);
        dcap_fake_make(&fake);
        appraisal.accepted_statuses = ~0U;
        appraisal.out_of_date_grace_days = DCAP_GRACE_DAYS_MAX;
        expect_refused(changes[i][0]);
    }
    start(DCAP_BODY_SGX);
    fake.pck.components[3] = 0; /* below all levels */
    dcap_fake_make(&fake);
    appraisal.accepted_statuses = ~0U;
    appraisal.out_of_date_grace_days = DCAP_GRACE_DAYS_MAX;
    expect_refused("platform_tcb");
    assert_int_equal(checks_find(&result.checks, "tcb_status")->result, CHECK_FAILED);
    assert_int_equal(result.claims.status, TCB_UNKNOWN);
}

static void a_revoked_quoting_enclave_or_module_is_never_accepted(void **state)
{
    (void)state;
    start(DCAP_BODY_TD10);
    dcap_fake_replace(fake.qe_identity, "\"UpToDate\"", "\"Revoked\"");
    dcap_fake_make(&fake);
    appraisal.accepted_statuses = ~0U;
    expect_refused("qe_tcb");
    assert_int_equal(result.claims.status, TCB_REVOKED);
    start(DCAP_BODY_TD10);
    dcap_fake_replace(fake.tcb_info, "\"UpToDate\"", "\"Revoked\""); /* the module's comes first */
    dcap_fake_make(&fake);
    appraisal.accepted_statuses = ~0U;
    expect_refused("tdx_module_tcb");
    assert_int_equal(result.claims.status, TCB_REVOKED);
}

/* With a quoting enclave that is out of date. */
static void an_old_quoting_enclave_makes_all_out_of_date(void **state)
{
    (void)state;
    for (size_t i = 0; i < JUDGED_COUNT; i++) {
        bool configuration = judged[i] == TCB_CONFIGURATION_NEEDED ||
                             judged[i] == TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED ||
                             judged[i] == TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
        enum tcb_status merged = configuration ? TCB_OUT_OF_DATE_CONFIGURATION_NEEDED
                                               : TCB_OUT_OF_DATE;
        make_sgx(judged[i]);
        fake.qe_report[258] = 7;
        dcap_fake_make(&fake);
        expect_refused("tcb_status");
        assert_int_equal(result.claims.status, merged);
        assert_int_equal(result.claims.qe_status, TCB_OUT_OF_DATE);
        appraisal.accepted_statuses = 1U << judged[i];
        assert_int_equal(verify(), judged[i] == merged ? VERDICT_ACCEPTED : VERDICT_REFUSED);
        appraisal.accepted_statuses = 1U << merged;
        expect_accepted();
    }
}

static void advisories_are_told_once_and_the_oldest_date(void **state)
{
    (void)state;
    static const char *const expected[] = {"INTEL-SA-00001", "INTEL-SA-00002", "INTEL-SA-00003"};
    start(DCAP_BODY_TD15);
    fake.pck.components[0] = 4;
    fake.qe_report[258] = 7;
    dcap_fake_field(&fake, DCAP_TEE_TCB_SVN)[0] = 4;
    dcap_fake_make(&fake);
    expect_refused("tcb_status");
    assert_int_equal(result.claims.module_status, TCB_OUT_OF_DATE);
    assert_true(result.claims.has_module);
    assert_int_equal(result.claims.advisory_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(result.claims.advisories[i], expected[i]);
    assert_int_equal(result.claims.tcb_date, INT64_C(1735689600)); /* 2025-01-01 */
}

/* The level is of 2025-01-01, 516 days before. */
static void a_grace_period_forgives_age_alone(void **state)
{
    (void)state;
    start(DCAP_BODY_SGX);
    fake.pck.pcesvn = 4;
    dcap_fake_make(&fake);
    expect_refused("tcb_status");
    appraisal.out_of_date_grace_days = 515;
    expect_refused("tcb_status");
    appraisal.out_of_date_grace_days = 516;
    expect_accepted();
    assert_int_equal(result.claims.status, TCB_OUT_OF_DATE);
    assert_non_null(strstr(checks_find(&result.checks, "tcb_status")->found, "grace"));
    fake.options.time++;
    expect_refused("tcb_status");

    start(DCAP_BODY_SGX);
    dcap_fake_replace(fake.tcb_info, "\"OutOfDate\"", "\"OutOfDateConfigurationNeeded\"");
    fake.pck.pcesvn = 4;
    dcap_fake_make(&fake);
    appraisal.out_of_date_grace_days = DCAP_GRACE_DAYS_MAX;
    expect_refused("tcb_status");
    appraisal.accepted_statuses = 1U << TCB_CONFIGURATION_NEEDED;
    expect_accepted();
    appraisal.out_of_date_grace_days = 0;
    expect_refused("tcb_status");
}

/* The module's level is of 2025-02-01, the quoting enclave's of 2025-03-01. */
static void each_part_has_its_own_grace_period(void **state)
{
    (void)state;
    start(DCAP_BODY_TD10);
    dcap_fake_field(&fake, DCAP_TEE_TCB_SVN)[0] = 4;
    fake.qe_report[258] = 7;
    dcap_fake_make(&fake);
    appraisal.out_of_date_grace_days = 457; /* enough for the quoting enclave */
    expect_refused("tcb_status");
    appraisal.out_of_date_grace_days = 485;
    expect_accepted();
}

static void collateral_of_an_older_evaluation_is_refused_on_demand(void **state)
{
    (void)state;
    start(DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    appraisal.minimum_evaluation = 17;
    expect_accepted();
    assert_int_equal(result.claims.tcb_evaluation, 17);
    appraisal.minimum_evaluation = 18;
    expect_refused("tcb_evaluation");
    start(DCAP_BODY_SGX);
    dcap_fake_replace(fake.qe_identity, "\"tcbEvaluationDataNumber\":17",
                      "\"tcbEvaluationDataNumber\":16");
    dcap_fake_make(&fake);
    expect_accepted();
    appraisal.minimum_evaluation = 17;
    expect_refused("tcb_evaluation");
    assert_int_equal(result.claims.qe_evaluation, 16);
}

/* Byte 1 of TEE_TCB_SVN names the identity; then bytes 0 and 1 are no components. */
static void a_module_is_judged_by_its_own_identity(void **state)
{
    (void)state;
    start(DCAP_BODY_TD15);
    dcap_fake_replace(fake.tcb_info, "\"tdxModule\":{\"mrsigner\":\"00",
                      "\"tdxModule\":{\"mrsigner\":\"01");
    dcap_fake_make(&fake);
    expect_accepted();
    start(DCAP_BODY_TD15);
    dcap_fake_replace(fake.tcb_info, "\"TDX_01\",\"mrsigner\":\"00",
                      "\"TDX_01\",\"mrsigner\":\"01");
    dcap_fake_make(&fake);
    expect_refused("tdx_module");
    dcap_fake_field(&fake, DCAP_MRSIGNERSEAM)[0] = 1;
    dcap_fake_make(&fake);
    expect_accepted();
}

static void a_mask_says_which_attributes_count(void **state)
{
    (void)state;
    start(DCAP_BODY_TD10);
    dcap_fake_field(&fake, DCAP_SEAMATTRIBUTES)[0] = 1;
    dcap_fake_make(&fake);
    expect_refused("tdx_module");
    dcap_fake_replace(strstr(fake.tcb_info, "TDX_01"), "\"attributesMask\":\"FF",
                      "\"attributesMask\":\"00");
    dcap_fake_make(&fake);
    expect_accepted();
    fake.qe_report[48] = 0x11; /* without MODE64BIT, which the identity's mask leaves out */
    dcap_fake_make(&fake);
    expect_accepted();
}

/* Version 0: bytes 0 and 1 are components like the others, and "tdxModule" has signer and
 * attributes. */
static void the_first_modules_are_judged_as_components(void **state)
{
    (void)state;
    start(DCAP_BODY_TD10);
    dcap_fake_replace(fake.tcb_info, "\"tdxtcbcomponents\":[{\"svn\":5},{\"svn\":5}",
                      "\"tdxtcbcomponents\":[{\"svn\":5},{\"svn\":0}");
    dcap_fake_field(&fake, DCAP_TEE_TCB_SVN)[1] = 0;
    dcap_fake_make(&fake);
    expect_accepted();
    assert_false(result.claims.has_module);
    assert_null(checks_find(&result.checks, "tdx_module_tcb"));
    dcap_fake_field(&fake, DCAP_TEE_TCB_SVN)[0] = 4;
    dcap_fake_make(&fake);
    expect_refused("platform_tcb");
    dcap_fake_field(&fake, DCAP_TEE_TCB_SVN)[0] = 5;
    dcap_fake_replace(fake.tcb_info, "\"tdxModule\":{\"mrsigner\":\"00",
                      "\"tdxModule\":{\"mrsigner\":\"01");
    dcap_fake_make(&fake);
    expect_refused("tdx_module");
}

/* What the platform booted with decides; the module that runs now is for the appraisal. */
static void the_second_svn_decides_nothing(void **state)
{
    (void)state;
    start(DCAP_BODY_TD15);
    memset(dcap_fake_field(&fake, DCAP_TEE_TCB_SVN2), 0xFF, 16);
    dcap_fake_make(&fake);
    expect_accepted();
    fake.pck.components[0] = 4;
    dcap_fake_make(&fake);
    expect_refused("tcb_status");
}

static int make_keys(void **state)
{
    (void)state;
    dcap_fake_init(&fake);
    return 0;
}

static int drop_keys(void **state)
{
    (void)state;
    dcap_fake_fini(&fake);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(up_to_date_alone_is_accepted_unless_told),
        cmocka_unit_test(revoked_and_unknown_are_never_accepted),
        cmocka_unit_test(a_revoked_quoting_enclave_or_module_is_never_accepted),
        cmocka_unit_test(an_old_quoting_enclave_makes_all_out_of_date),
        cmocka_unit_test(advisories_are_told_once_and_the_oldest_date),
        cmocka_unit_test(a_grace_period_forgives_age_alone),
        cmocka_unit_test(each_part_has_its_own_grace_period),
        cmocka_unit_test(collateral_of_an_older_evaluation_is_refused_on_demand),
        cmocka_unit_test(a_module_is_judged_by_its_own_identity),
        cmocka_unit_test(a_mask_says_which_attributes_count),
        cmocka_unit_test(the_first_modules_are_judged_as_components),
        cmocka_unit_test(the_second_svn_decides_nothing),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
