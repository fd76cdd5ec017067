/* Real quotes of Intel's platforms, and Intel's own samples. */
#include "../check.h"
#include "../vectors.h"

#include "dcap_vectors.h"
#include "format/timestamp.h"

static struct dcap_result result;

static enum verdict verify(const struct dcap_loaded *loaded, const struct dcap_appraisal *appraisal)
{
    return dcap_verify(buf_span(&loaded->quote), &loaded->parts, &loaded->options, appraisal,
                       &result);
}

/* These checks failed, and no other; the names have a space around each. */
static void check_failures(const char *names)
{
    char found[512] = " ";
    size_t at = 1;
    for (size_t i = 0; i < result.checks.count; i++) {
        const struct check *check = &result.checks.items[i];
        if (check->result == CHECK_FAILED && at < sizeof found)
            at += (size_t)snprintf(found + at, sizeof found - at, "%s ", check->rule->name);
    }
    assert_string_equal(found, names);
}

static void check_passed(const char *name)
{
    const struct check *check = checks_find(&result.checks, name);
    assert_non_null(check);
    if (check->result != CHECK_PASSED)
        fail_msg("%s: %s", name, check->found);
}

/* Configuration and software hardening are needed, says Intel; so the caller must accept that. */
static void judges_an_enclave_of_2025(void **state)
{
    (void)state;
    vectors_need("attest/dcap");
    struct dcap_loaded loaded;
    struct dcap_appraisal appraisal = {0};
    dcap_vector_load(&dcap_vectors[VECTOR_SGX], &loaded);
    assert_int_equal(verify(&loaded, &appraisal), VERDICT_REFUSED);
    check_failures(" tcb_status ");
    assert_int_equal(result.claims.status, TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED);
    assert_int_equal(result.claims.qe_status, TCB_UP_TO_DATE);
    assert_int_equal(result.claims.advisory_count, 2);
    assert_string_equal(result.claims.advisories[0], "INTEL-SA-00289");
    assert_string_equal(result.claims.advisories[1], "INTEL-SA-00615");
    assert_int_equal(result.claims.tcb_evaluation, 17);
    appraisal.accepted_statuses = 1U << TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED;
    assert_int_equal(verify(&loaded, &appraisal), VERDICT_ACCEPTED);
    dcap_vector_unload(&loaded);
}

static void collateral_counts_in_its_time_alone(void **state)
{
    (void)state;
    vectors_need("attest/dcap");
    static const struct {
        const char *time;
        const char *check; /* NULL: accepted */
    } times[] = {
        {"2025-06-19T10:56:10Z", "tcb_info_dates"},
        {"2025-06-19T10:56:11Z", NULL},
        {"2025-07-19T10:01:18Z", NULL},
        {"2025-07-19T10:01:19Z", "qe_identity_dates"},
        {"2023-09-20T21:53:42Z", "collateral_validity"},
        {"2034-01-01T00:00:00Z", "collateral_validity"},
    };
    struct dcap_loaded loaded;
    const struct dcap_appraisal appraisal = {
        .accepted_statuses = 1U << TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED};
    dcap_vector_load(&dcap_vectors[VECTOR_SGX], &loaded);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        assert_true(timestamp_read(times[i].time, &loaded.options.time));
        enum verdict verdict = verify(&loaded, &appraisal);
        const struct check *failure = checks_first_failure(&result.checks);
        assert_int_equal(verdict, times[i].check ? VERDICT_REFUSED : VERDICT_ACCEPTED);
        if (times[i].check && strcmp(failure->rule->name, times[i].check) != 0)
            fail_msg("%s: refused by %s", times[i].time, failure->rule->name);
    }
    dcap_vector_unload(&loaded);
}

/* A machine of 2022 under the TCB info of 2023: below all of its levels. (So say the tests of
 * go-tdx-guest, whence it comes.) Its file has text after the quote. */
static void judges_a_trust_domain_of_2023(void **state)
{
    (void)state;
    vectors_need("attest/dcap");
    struct dcap_loaded loaded;
    struct dcap_appraisal appraisal = {0};
    dcap_vector_load(&dcap_vectors[VECTOR_TDX_OLD], &loaded);
    assert_int_equal(verify(&loaded, &appraisal), VERDICT_REFUSED);
    check_failures(" trailing_bytes platform_tcb tcb_status sept_ve_disable ");
    assert_int_equal(result.claims.status, TCB_UNKNOWN);
    appraisal = (struct dcap_appraisal){
        .accepted_statuses = ~0U, .allow_sept_ve = true, .allow_trailing_bytes = true};
    assert_int_equal(verify(&loaded, &appraisal), VERDICT_REFUSED);
    check_failures(" platform_tcb tcb_status ");
    dcap_vector_unload(&loaded);
}

/* These hold in every respect, and their enclave or trust domain is open to its host. */
static void judges_what_is_under_debugging(void **state)
{
    (void)state;
    vectors_need("attest/dcap");
    static const struct {
        int vector;
        enum tcb_status status;
    } debugged[] = {{VECTOR_SGX_DEBUG, TCB_OUT_OF_DATE}, {VECTOR_TDX_DEBUG, TCB_UP_TO_DATE}};
    for (size_t i = 0; i < sizeof debugged / sizeof *debugged; i++) {
        struct dcap_loaded loaded;
        struct dcap_appraisal appraisal = {.accepted_statuses = 1U << debugged[i].status};
        dcap_vector_load(&dcap_vectors[debugged[i].vector], &loaded);
        assert_int_equal(verify(&loaded, &appraisal), VERDICT_REFUSED);
        check_failures(" debug ");
        assert_int_equal(result.claims.status, debugged[i].status);
        appraisal.allow_debug = true;
        assert_int_equal(verify(&loaded, &appraisal), VERDICT_ACCEPTED);
        dcap_vector_unload(&loaded);
    }
}

/* Version 5, under the TCB info of its time, and lists and an identity of three years before. */
static void judges_a_trust_domain_of_2026(void **state)
{
    (void)state;
    vectors_need("attest/dcap");
    struct dcap_loaded loaded;
    const struct dcap_appraisal appraisal = {0};
    dcap_vector_load(&dcap_vectors[VECTOR_TDX_V5], &loaded);
    struct checks checks;
    checks_init(&checks);
    DCAP_COLLATERAL_AUTO *collateral = dcap_collateral_new(&loaded.parts, &loaded.options, &checks);
    assert_non_null(collateral);
    assert_int_equal(dcap_verify_quote(buf_span(&loaded.quote), collateral, &appraisal, &result),
                     VERDICT_REFUSED);
    check_failures(" collateral ");
    assert_int_equal(result.claims.status, TCB_UP_TO_DATE);
    assert_true(result.claims.has_module);
    assert_int_equal(verify(&loaded, &appraisal), VERDICT_REFUSED);
    check_failures(" root_ca_crl pck_crl qe_identity_dates collateral ");
    dcap_vector_unload(&loaded);
}

/* All holds but for ATTRIBUTES, which say nothing: not even that the enclave was initialised. */
static void judges_intels_sample_of_an_enclave(void **state)
{
    (void)state;
    vectors_need("sgx/intelqvl_quote.dat");
    struct dcap_loaded loaded;
    const struct dcap_appraisal appraisal = {0};
    dcap_vector_load(&dcap_vectors[VECTOR_INTEL_SGX], &loaded);
    assert_int_equal(verify(&loaded, &appraisal), VERDICT_REFUSED);
    check_failures(" attributes ");
    assert_int_equal(result.claims.status, TCB_UP_TO_DATE);
    loaded.options.root_count = 0;
    assert_int_equal(verify(&loaded, &appraisal), VERDICT_REFUSED);
    assert_string_equal(checks_first_failure(&result.checks)->rule->name, "collateral_root");
    dcap_vector_unload(&loaded);
}

/* Its security version numbers go up to 65527, where Intel's interface has 0 to 255. */
static void refuses_intels_sample_of_a_trust_domain(void **state)
{
    (void)state;
    vectors_need("attest/dcap");
    struct dcap_loaded loaded;
    const struct dcap_appraisal appraisal = {0};
    dcap_vector_load(&dcap_vectors[VECTOR_INTEL_TDX], &loaded);
    assert_int_equal(verify(&loaded, &appraisal), VERDICT_REFUSED);
    check_failures(" tcb_info ");
    assert_non_null(strstr(checks_find(&result.checks, "tcb_info")->found, "65473"));
    dcap_vector_unload(&loaded);
}

/* Quotes without collateral of theirs, by that of another platform: the quote itself holds. */
static void quotes_hold_by_themselves(void **state)
{
    (void)state;
    vectors_need("attest/dcap");
    static const struct {
        const char *quote;
        int vector;
        const char *time;
        const char *broken; /* the one signature that does not hold */
    } others[] = {
        {"attest/dcap/occlum-sgx-v3.quote.bin", VECTOR_SGX, "2025-06-25T00:00:00Z", ""},
        {"sgx/fortanix_pcs_quote.bin", VECTOR_SGX, "2025-06-25T00:00:00Z", ""},
        {"sgx/fortanix_quote_pck_cert_chain.bin", VECTOR_SGX, "2025-06-25T00:00:00Z", ""},
        {"sgx/fortanix_quote_pck_cert_chain_corrupted.bin", VECTOR_SGX, "2025-06-25T00:00:00Z",
         "quote_signature"},
    };
    static const char *const names[] = {
        "quote_format",        "qe_vendor",      "reserved_fields", "collateral_kind",
        "pck_certificates",    "pck_chain",      "pck_validity",    "pck_extension",
        "qe_report_signature", "qe_report_data", "quote_signature", "qe_mrsigner",
        "qe_isvprodid"};
    const struct dcap_appraisal appraisal = {0};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct dcap_loaded loaded;
        struct checks checks;
        BUF_AUTO quote = BUF_WITH_LIMIT(DCAP_QUOTE_SIZE_MAX);
        dcap_vector_load(&dcap_vectors[others[i].vector], &loaded);
        assert_true(timestamp_read(others[i].time, &loaded.options.time));
        checks_init(&checks);
        DCAP_COLLATERAL_AUTO *collateral = dcap_collateral_new(&loaded.parts, &loaded.options,
                                                               &checks);
        assert_non_null(collateral);
        vectors_read(others[i].quote, &quote);
        assert_int_equal(dcap_verify_quote(buf_span(&quote), collateral, &appraisal, &result),
                         VERDICT_REFUSED);
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            if (strcmp(names[k], others[i].broken) != 0)
                check_passed(names[k]);
            else
                assert_int_equal(checks_find(&result.checks, names[k])->result, CHECK_FAILED);
        }
        assert_int_equal(checks_find(&result.checks, "fmspc")->result, CHECK_FAILED);
        dcap_vector_unload(&loaded);
    }
}

/* Certification data of type 3 (RSA-encrypted PPID): nobody here can say which PCK that is. */
static void refuses_a_quote_without_a_chain(void **state)
{
    (void)state;
    vectors_need("attest/dcap");
    struct dcap_loaded loaded;
    const struct dcap_appraisal appraisal = {0};
    dcap_vector_load(&dcap_vectors[VECTOR_SGX], &loaded);
    buf_truncate(&loaded.quote, 0);
    vectors_read("sgx/fortanix_quote_raw_tcb.bin", &loaded.quote);
    assert_int_equal(verify(&loaded, &appraisal), VERDICT_REFUSED);
    check_failures(" pck_certificates ");
    dcap_vector_unload(&loaded);
}

/* The documents of other platforms and years, each by the key that signed it. */
static void knows_the_signatures_of_other_documents(void **state)
{
    (void)state;
    vectors_need("attest/dcap");
    static const char *const documents[] = {
        "attest/dcap/v5.tcbinfo.json", "sgx/trustee_tcbInfo.json", "attest/dcap/spr.tcbinfo.json"};
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        struct dcap_loaded loaded;
        struct dcap_vector vector = dcap_vectors[VECTOR_TDX_OLD];
        struct checks checks;
        vector.tcb_info = documents[i];
        dcap_vector_load(&vector, &loaded);
        checks_init(&checks);
        dcap_collateral_free(dcap_collateral_new(&loaded.parts, &loaded.options, &checks));
        const struct check *check = checks_find(&checks, "tcb_info_signature");
        assert_true(check && check->result == CHECK_PASSED);
        loaded.parts.tcb_info_signature[0] ^= 1;
        checks_init(&checks);
        dcap_collateral_free(dcap_collateral_new(&loaded.parts, &loaded.options, &checks));
        assert_int_equal(checks_find(&checks, "tcb_info_signature")->result, CHECK_FAILED);
        dcap_vector_unload(&loaded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_an_enclave_of_2025),
        cmocka_unit_test(collateral_counts_in_its_time_alone),
        cmocka_unit_test(judges_a_trust_domain_of_2023),
        cmocka_unit_test(judges_what_is_under_debugging),
        cmocka_unit_test(judges_a_trust_domain_of_2026),
        cmocka_unit_test(judges_intels_sample_of_an_enclave),
        cmocka_unit_test(refuses_intels_sample_of_a_trust_domain),
        cmocka_unit_test(quotes_hold_by_themselves),
        cmocka_unit_test(refuses_a_quote_without_a_chain),
        cmocka_unit_test(knows_the_signatures_of_other_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
