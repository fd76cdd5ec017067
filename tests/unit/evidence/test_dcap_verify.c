/*
 * Quotes and collateral under a root of this test's own. Every refusal is one change to something
 * that is accepted, and must be told by the check that is meant for it.
 */
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

/* Refused, and first by this check. */
static void expect_refused(const char *name, const char *of)
{
    if (verify() != VERDICT_REFUSED)
        fail_msg("%s: accepted", of);
    const struct check *failure = checks_first_failure(&result.checks);
    if (!failure || strcmp(failure->rule->name, name) != 0)
        fail_msg("%s: refused by %s (%s) instead of %s", of, failure ? failure->rule->name : "none",
                 failure ? failure->found : "", name);
    assert_true(failure->found[0] != '\0' && failure->expected[0] != '\0');
}

static const enum dcap_body bodies[] = {DCAP_BODY_SGX, DCAP_BODY_TD10, DCAP_BODY_TD15};

static void accepts_what_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        start(bodies[i]);
        dcap_fake_make(&fake);
        expect_accepted();
        assert_int_equal(result.claims.status, TCB_UP_TO_DATE);
        assert_int_equal(result.claims.advisory_count, 0);
        assert_int_equal(result.pck.fmspc[1], 0xA0);
        assert_int_equal(result.pck.cached_keys, PCK_YES);
        assert_false(result.simulated);
        assert_int_equal(result.quote.body, bodies[i]);
    }
}

static void accepts_enclaves_in_the_newer_versions(void **state)
{
    (void)state;
    for (uint16_t version = 4; version <= 5; version++) {
        start(DCAP_BODY_SGX);
        fake.version = version;
        dcap_fake_make(&fake);
        expect_accepted();
    }
    start(DCAP_BODY_TD10);
    fake.version = 5;
    dcap_fake_make(&fake);
    expect_accepted();
}

static void accepts_both_of_intels_pck_authorities(void **state)
{
    (void)state;
    start(DCAP_BODY_SGX);
    fake.names[FAKE_CA] = "Intel SGX PCK Processor CA";
    fake.pck.has_instance = false; /* as that one's certificates are */
    fake.pck.smt = PCK_UNSAID;
    fake.pck.type = PCK_STANDARD;
    dcap_fake_make(&fake);
    expect_accepted();
    assert_false(result.pck.has_instance);
}

static void one_collateral_serves_many_quotes(void **state)
{
    (void)state;
    struct checks checks;
    start(DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    checks_init(&checks);
    DCAP_COLLATERAL_AUTO *collateral = dcap_collateral_new(&fake.parts, &fake.options, &checks);
    assert_non_null(collateral);
    assert_true(collateral->trusted);
    for (int i = 0; i < 3; i++)
        assert_int_equal(dcap_verify_quote(buf_span(&fake.quote), collateral, &appraisal, &result),
                         VERDICT_ACCEPTED);
    fake.quote.data[100] ^= 1;
    assert_int_equal(dcap_verify_quote(buf_span(&fake.quote), collateral, &appraisal, &result),
                     VERDICT_REFUSED);
    assert_string_equal(checks_first_failure(&result.checks)->rule->name, "quote_signature");
}

static void a_quote_is_refused_by_collateral_that_was(void **state)
{
    (void)state;
    struct checks checks;
    start(DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    checks_init(&checks);
    fake.options.time = FAKE_NOW + 50 * FAKE_DAY;
    DCAP_COLLATERAL_AUTO *collateral = dcap_collateral_new(&fake.parts, &fake.options, &checks);
    assert_non_null(collateral);
    assert_false(collateral->trusted);
    assert_int_equal(dcap_verify_quote(buf_span(&fake.quote), collateral, &appraisal, &result),
                     VERDICT_REFUSED);
    assert_string_equal(checks_first_failure(&result.checks)->rule->name, "collateral");
    assert_int_equal(checks_find(&result.checks, "quote_signature")->result, CHECK_PASSED);
}

static void a_simulated_root_counts_only_when_named_as_such(void **state)
{
    (void)state;
    start(DCAP_BODY_SGX);
    fake.names[FAKE_ROOT] = "SIMULATED SGX Root CA";
    fake.names[FAKE_CA] = "SIMULATED SGX PCK Platform CA";
    fake.names[FAKE_PCK] = "SIMULATED SGX PCK Certificate";
    fake.names[FAKE_SIGNING] = "SIMULATED SGX TCB Signing";
    dcap_fake_make(&fake);
    expect_accepted();
    assert_true(result.simulated);
    fake.root.simulated = false;
    expect_refused("collateral_root", "named as a real one");
    fake.options.root_count = 0;
    expect_refused("collateral_root", "not named");
    assert_false(result.simulated);
    start(DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    fake.root.simulated = true;
    expect_refused("collateral_root", "a real one named as simulated");
}

static void takes_the_chain_from_the_collateral(void **state)
{
    (void)state;
    start(DCAP_BODY_TD10);
    fake.certification_type = 2;
    dcap_fake_make(&fake);
    expect_refused("pck_certificates", "certification data of another type");
    fake.parts.pck_certificate_chain = buf_span(&fake.pck_chain);
    expect_accepted();
    fake.parts.pck_certificate_chain = buf_span(&fake.pck_ca_chain);
    expect_refused("pck_certificate_chain", "a chain too short");
}

/* One change before all is signed: what is wrong is wrong in earnest. */
struct change {
    const char *of;
    const char *check;
    enum dcap_body body;
    void (*apply)(void);
};

#define CHANGE(name, statement)                                                                    \
    static void name(void)                                                                         \
    {                                                                                              \
        statement;                                                                                 \
    }

CHANGE(pck_expired, fake.not_after[FAKE_PCK] = FAKE_NOW - 1)
CHANGE(pck_not_yet, fake.not_before[FAKE_PCK] = FAKE_NOW + 1)
CHANGE(pck_misnamed, fake.names[FAKE_PCK] = "Intel SGX TCB Signing")
CHANGE(pck_of_root, fake.issuers[FAKE_PCK] = FAKE_ROOT)
CHANGE(pck_revoked, fake.pck_crl_serial = FAKE_SERIAL_PCK)
CHANGE(identity_of_td, dcap_fake_replace(fake.qe_identity, "\"QE\"", "\"TD_QE\""))
CHANGE(no_extension, fake.has_extension = false)
CHANGE(no_such_type, fake.pck.type = 9)
CHANGE(vendor_other, fake.vendor[0] ^= 1)
CHANGE(reserved_used, fake.report[30] = 1)
CHANGE(reserved_last, fake.report[303] = 0x80)
CHANGE(qe_reserved_used, fake.qe_report[300] = 1)
CHANGE(fmspc_other, fake.pck.fmspc[5] = 1)
CHANGE(pceid_other, fake.pck.pceid[1] = 1)
CHANGE(qe_misc, fake.qe_report[16] = 1)
CHANGE(qe_debug, fake.qe_report[48] = 0x17)
CHANGE(qe_signer, fake.qe_report[128] ^= 1)
CHANGE(qe_product, fake.qe_report[256] = 9)
CHANGE(qe_data_tail, fake.qe_report[320 + 32] = 1)
CHANGE(qe_data_end, fake.qe_report[383] = 0x80)
CHANGE(qe_old, fake.qe_report[258] = 5)
CHANGE(component_low, fake.pck.components[15] = 0)
CHANGE(pce_low, fake.pck.pcesvn = 0)
CHANGE(platform_revoked, fake.pck.components[0] = 1)
CHANGE(pce_revoked, fake.pck.pcesvn = 2)
CHANGE(platform_old, fake.pck.components[7] = 4)
CHANGE(pce_old, fake.pck.pcesvn = 4)
CHANGE(qe_out_of_date, fake.qe_report[258] = 7)
CHANGE(no_init, dcap_fake_field(&fake, DCAP_ATTRIBUTES)[0] = 0x04)
CHANGE(sgx_reserved, dcap_fake_field(&fake, DCAP_ATTRIBUTES)[0] |= 0x08)
CHANGE(sgx_debug, dcap_fake_field(&fake, DCAP_ATTRIBUTES)[0] |= 0x02)
CHANGE(tdx_low, dcap_fake_field(&fake, DCAP_TEE_TCB_SVN)[15] = 0)
CHANGE(tdx_old, dcap_fake_field(&fake, DCAP_TEE_TCB_SVN)[2] = 4)
CHANGE(module_unknown, dcap_fake_field(&fake, DCAP_TEE_TCB_SVN)[1] = 2)
CHANGE(module_low, dcap_fake_field(&fake, DCAP_TEE_TCB_SVN)[0] = 2)
CHANGE(module_old, dcap_fake_field(&fake, DCAP_TEE_TCB_SVN)[0] = 4)
CHANGE(module_signer, dcap_fake_field(&fake, DCAP_MRSIGNERSEAM)[0] = 1)
CHANGE(module_attributes, dcap_fake_field(&fake, DCAP_SEAMATTRIBUTES)[7] = 1)
CHANGE(td_debug, dcap_fake_field(&fake, DCAP_TDATTRIBUTES)[0] = 0x01)
CHANGE(td_profiled, dcap_fake_field(&fake, DCAP_TDATTRIBUTES)[0] = 0x04)
CHANGE(td_reserved, dcap_fake_field(&fake, DCAP_TDATTRIBUTES)[4] = 0x01)
CHANGE(td_ve, dcap_fake_field(&fake, DCAP_TDATTRIBUTES)[3] = 0)
CHANGE(td_migratable, dcap_fake_field(&fake, DCAP_TDATTRIBUTES)[3] |= 0x20)
CHANGE(xfam_reserved, dcap_fake_field(&fake, DCAP_XFAM)[7] = 0x80)
CHANGE(xfam_no_sse, dcap_fake_field(&fake, DCAP_XFAM)[0] = 0xE5)
/* Major version 0: the module's own versions are compared as components. */
static void old_module_low(void)
{
    dcap_fake_field(&fake, DCAP_TEE_TCB_SVN)[1] = 0;
}

#define SGX  DCAP_BODY_SGX
#define TD10 DCAP_BODY_TD10
#define TD15 DCAP_BODY_TD15

static const struct change changes[] = {
    {"an expired PCK certificate", "pck_validity", SGX, pck_expired},
    {"a PCK certificate not yet valid", "pck_validity", TD15, pck_not_yet},
    {"a PCK certificate of another name", "pck_chain", SGX, pck_misnamed},
    {"a PCK certificate of the root", "pck_chain", SGX, pck_of_root},
    {"a revoked PCK certificate", "pck_revocation", SGX, pck_revoked},
    {"a PCK certificate without its extension", "pck_extension", SGX, no_extension},
    {"a PCK certificate of an unknown type", "pck_extension", TD10, no_such_type},
    {"TD_QE for an enclave", "collateral_kind", SGX, identity_of_td},
    {"another vendor", "qe_vendor", SGX, vendor_other},
    {"a reserved byte in use", "reserved_fields", SGX, reserved_used},
    {"the last reserved byte in use", "reserved_fields", SGX, reserved_last},
    {"a reserved byte of the QE in use", "reserved_fields", TD10, qe_reserved_used},
    {"another FMSPC", "fmspc", SGX, fmspc_other},
    {"another PCE", "pceid", TD10, pceid_other},
    {"a QE of another MISCSELECT", "qe_miscselect", SGX, qe_misc},
    {"a QE under debugging", "qe_attributes", SGX, qe_debug},
    {"a QE of another signer", "qe_mrsigner", TD10, qe_signer},
    {"another enclave than the QE", "qe_isvprodid", SGX, qe_product},
    {"REPORTDATA that goes on after the digest", "qe_report_data", SGX, qe_data_tail},
    {"REPORTDATA with a last bit", "qe_report_data", TD15, qe_data_end},
    {"a QE older than all levels", "qe_tcb", SGX, qe_old},
    {"a component below all levels", "platform_tcb", SGX, component_low},
    {"a PCE below all levels", "platform_tcb", SGX, pce_low},
    {"a revoked platform", "platform_tcb", SGX, platform_revoked},
    {"a revoked PCE", "platform_tcb", TD10, pce_revoked},
    {"an old component", "tcb_status", SGX, platform_old},
    {"an old PCE", "tcb_status", TD15, pce_old},
    {"an old QE", "tcb_status", SGX, qe_out_of_date},
    {"an enclave that was not initialised", "attributes", SGX, no_init},
    {"a reserved attribute", "attributes", SGX, sgx_reserved},
    {"a debug enclave", "debug", SGX, sgx_debug},
    {"a TDX component below all levels", "platform_tcb", TD10, tdx_low},
    {"an old TDX component", "tcb_status", TD10, tdx_old},
    {"a module of an unknown version", "tdx_module", TD10, module_unknown},
    {"a module older than all levels", "tdx_module_tcb", TD15, module_low},
    {"an old module", "tcb_status", TD10, module_old},
    {"a module of another signer", "tdx_module", TD15, module_signer},
    {"a module of other attributes", "tdx_module", TD10, module_attributes},
    {"a debug trust domain", "debug", TD10, td_debug},
    {"a profiled trust domain", "debug", TD15, td_profiled},
    {"a reserved TD attribute", "tdattributes", TD10, td_reserved},
    {"#VE by the host", "sept_ve_disable", TD10, td_ve},
    {"a trust domain that migrates", "migration", TD15, td_migratable},
    {"a reserved feature", "xfam", TD10, xfam_reserved},
    {"a trust domain without SSE", "xfam", TD10, xfam_no_sse},
    {"an old module without identity", "platform_tcb", TD10, old_module_low},
};

static void refuses_what_is_wrong_by_its_own_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        start(changes[i].body);
        changes[i].apply();
        dcap_fake_make(&fake);
        expect_refused(changes[i].check, changes[i].of);
    }
}

/* One change to what was signed. */
CHANGE(trailing, (void)buf_append_text(&fake.quote, "and more", NULL))
CHANGE(other_version, fake.quote.data[0] = 6)
CHANGE(older_version, fake.quote.data[0] = 2)
CHANGE(other_key_type, fake.quote.data[2] = 3)
CHANGE(other_tee, fake.quote.data[4] = 0x82)
CHANGE(other_body, fake.quote.data[48] = 4)
CHANGE(used_header, fake.quote.data[8] = 1)
CHANGE(flip_svn, fake.quote.data[8] ^= 1)
CHANGE(flip_report, fake.quote.data[48 + 64] ^= 1)
CHANGE(flip_signature, fake.quote.data[436 + 10] ^= 1)
CHANGE(flip_key, fake.quote.data[436 + 64] ^= 1)
CHANGE(flip_qe_report, fake.quote.data[436 + 128 + 70] ^= 1)
CHANGE(flip_qe_signature, fake.quote.data[436 + 128 + 384 + 1] ^= 1)
CHANGE(flip_auth_data, fake.quote.data[436 + 128 + 384 + 64 + 2] ^= 1)

static void refuses_what_was_tampered_with_by_its_own_check(void **state)
{
    (void)state;
    static const struct change tampers[] = {
        {"text after the quote", "trailing_bytes", SGX, trailing},
        {"a newer version", "quote_format", TD15, other_version},
        {"an older version", "quote_format", SGX, older_version},
        {"another kind of key", "quote_format", SGX, other_key_type},
        {"another TEE", "quote_format", TD10, other_tee},
        {"another body", "quote_format", TD15, other_body},
        {"a reserved byte of a newer header", "reserved_fields", TD10, used_header},
        {"the same byte of an older one, where it is a version", "quote_signature", SGX, flip_svn},
        {"another MRENCLAVE", "quote_signature", SGX, flip_report},
        {"another quote signature", "quote_signature", SGX, flip_signature},
        {"another attestation key", "qe_report_data", SGX, flip_key},
        {"another QE report", "qe_report_signature", SGX, flip_qe_report},
        {"another QE signature", "qe_report_signature", SGX, flip_qe_signature},
        {"other authentication data", "qe_report_data", SGX, flip_auth_data},
    };
    for (size_t i = 0; i < sizeof tampers / sizeof *tampers; i++) {
        start(tampers[i].body);
        dcap_fake_make(&fake);
        tampers[i].apply();
        expect_refused(tampers[i].check, tampers[i].of);
    }
}

static void collateral_of_the_other_tee_is_refused(void **state)
{
    (void)state;
    BUF_AUTO quote = BUF_WITH_LIMIT(DCAP_QUOTE_SIZE_MAX);
    start(DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    check_ok(buf_append(&quote, buf_span(&fake.quote), NULL), (&(struct error){0}));
    start(DCAP_BODY_TD10);
    dcap_fake_make(&fake);
    assert_int_equal(dcap_verify(buf_span(&quote), &fake.parts, &fake.options, &appraisal, &result),
                     VERDICT_REFUSED);
    assert_int_equal(checks_find(&result.checks, "collateral_kind")->result, CHECK_FAILED);
}

static void a_chain_under_another_root_is_refused(void **state)
{
    (void)state;
    struct dcap_fake *other = calloc(1, sizeof *other);
    assert_non_null(other);
    dcap_fake_init(other);
    dcap_fake_reset(other, DCAP_BODY_SGX);
    dcap_fake_make(other);
    start(DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    assert_int_equal(
        dcap_verify(buf_span(&other->quote), &fake.parts, &fake.options, &appraisal, &result),
        VERDICT_REFUSED);
    assert_string_equal(checks_first_failure(&result.checks)->rule->name, "pck_chain");
    assert_int_equal(checks_find(&result.checks, "pck_revocation")->result, CHECK_FAILED);
    dcap_fake_fini(other);
    free(other);
}

static void a_platforms_chain_is_judged_with_each_quote(void **state)
{
    (void)state;
    static const struct change revoked = {"a revoked one", "pck_revocation", SGX, pck_revoked};
    start(DCAP_BODY_SGX);
    fake.not_after[FAKE_PCK] = FAKE_NOW - 1;
    dcap_fake_make(&fake);
    fake.parts.pck_certificate_chain = buf_span(&fake.pck_chain);
    expect_refused("pck_validity", "an expired one");
    start(DCAP_BODY_SGX);
    revoked.apply();
    dcap_fake_make(&fake);
    fake.parts.pck_certificate_chain = buf_span(&fake.pck_chain);
    expect_refused(revoked.check, revoked.of);
    start(DCAP_BODY_SGX);
    fake.issuers[FAKE_PCK] = FAKE_ROOT;
    dcap_fake_make(&fake);
    fake.parts.pck_certificate_chain = buf_span(&fake.pck_chain);
    expect_refused("pck_chain", "one of another issuer");
}

/* All that can be asked of a quote at once: there is room for the checks. */
static void refuses_the_other_tee_where_one_is_asked_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        bool is_td = dcap_body_is_td(bodies[i]);
        start(bodies[i]);
        dcap_fake_make(&fake);
        appraisal.tee = is_td ? DCAP_TDX : DCAP_SGX;
        expect_accepted();
        appraisal.tee = is_td ? DCAP_SGX : DCAP_TDX;
        expect_refused("tee", is_td ? "a trust domain" : "an enclave");
    }
}

static void there_is_room_for_every_wish(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        start(bodies[i]);
        dcap_fake_make(&fake);
        appraisal.minimum_evaluation = 1;
        appraisal.minimum_isvsvn = bodies[i] == DCAP_BODY_SGX ? 1 : 0;
        for (unsigned field = 0; field < DCAP_FIELD_COUNT; field++) {
            if (!dcap_body_has(bodies[i], field))
                continue;
            appraisal.wanted[field].count = 1;
            memcpy(appraisal.wanted[field].values[0], dcap_fake_field(&fake, field),
                   dcap_field_size(field));
        }
        expect_accepted();
        for (unsigned field = 0; field < DCAP_FIELD_COUNT; field++)
            appraisal.wanted[field].count = 1;
        appraisal.minimum_isvsvn = 1;
        assert_int_equal(verify(), VERDICT_REFUSED);
        assert_false(result.checks.overflow);
    }
}

static void zeros_after_the_quote_are_padding(void **state)
{
    (void)state;
    start(DCAP_BODY_TD10);
    dcap_fake_make(&fake);
    check_ok(buf_append_zero(&fake.quote, 1000, NULL), (&(struct error){0}));
    expect_accepted();
    check_ok(buf_append_byte(&fake.quote, 1, NULL), (&(struct error){0}));
    expect_refused("trailing_bytes", "a byte after the zeros");
    appraisal.allow_trailing_bytes = true;
    expect_accepted();
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
        cmocka_unit_test(accepts_what_is_whole),
        cmocka_unit_test(accepts_enclaves_in_the_newer_versions),
        cmocka_unit_test(accepts_both_of_intels_pck_authorities),
        cmocka_unit_test(one_collateral_serves_many_quotes),
        cmocka_unit_test(a_quote_is_refused_by_collateral_that_was),
        cmocka_unit_test(a_simulated_root_counts_only_when_named_as_such),
        cmocka_unit_test(takes_the_chain_from_the_collateral),
        cmocka_unit_test(refuses_what_is_wrong_by_its_own_check),
        cmocka_unit_test(refuses_what_was_tampered_with_by_its_own_check),
        cmocka_unit_test(collateral_of_the_other_tee_is_refused),
        cmocka_unit_test(a_chain_under_another_root_is_refused),
        cmocka_unit_test(a_platforms_chain_is_judged_with_each_quote),
        cmocka_unit_test(refuses_the_other_tee_where_one_is_asked_for),
        cmocka_unit_test(there_is_room_for_every_wish),
        cmocka_unit_test(zeros_after_the_quote_are_padding),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
