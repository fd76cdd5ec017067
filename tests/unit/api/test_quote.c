/* Quotes of SGX and TDX by libcaisson's public header, linked against the shared library. */
#include "quote_made.h"

static void check_not_verified(const struct caisson_quote_input *input, const char *words)
{
    assert_int_equal(caisson_verify_quote(input, result), CAISSON_REFUSED);
    assert_int_equal(caisson_result_check_count(result), 0);
    assert_false(caisson_result_get_failure(result, &check));
    if (!strstr(caisson_result_error(result), words))
        fail_msg("\"%s\" does not hold \"%s\"", caisson_result_error(result), words);
}

static void accepts_an_enclave_and_tells_its_claims(void **state)
{
    (void)state;
    static const uint8_t mrenclave[32] = {[0 ... 31] = 0x11};
    struct caisson_quote_claims claims;
    make_fresh(DCAP_BODY_SGX);
    struct caisson_quote_input input = make_input();
    check_accepted(&input);
    memset(fake.quote.data, 0, fake.quote.size); /* nothing of it is borrowed */
    assert_true(caisson_result_get_quote(result, &claims));
    assert_int_equal(claims.version, 3);
    assert_int_equal(claims.tee, CAISSON_TEE_SGX);
    assert_false(claims.debug);
    assert_memory_equal(claims.mrenclave, mrenclave, 32);
    assert_int_equal(claims.mrsigner[31], 0x22);
    assert_int_equal(claims.configid[0], 0);
    assert_int_equal(claims.report_data[63], 0x77);
    assert_int_equal(claims.attributes[0], 5);
    assert_int_equal(claims.isvprodid, 3);
    assert_int_equal(claims.isvsvn, 7);
    assert_int_equal(claims.configsvn, 0);
    assert_true(claims.cpusvn && claims.isvfamilyid && claims.isvextprodid);
    assert_true(!claims.mrtd && !claims.rtmrs[0] && !claims.tdattributes && !claims.mrseam);
    assert_int_equal(claims.fmspc[1], 0xA0);
    assert_int_equal(claims.ppid[15], 0x99);
    assert_int_equal(claims.status, CAISSON_TCB_UP_TO_DATE);
    assert_int_equal(claims.tcb_evaluation, 17);
    assert_int_equal(claims.tcb_date, INT64_C(1767225600)); /* 2026-01-01 */
    assert_false(caisson_result_is_simulated(result));
    assert_false(caisson_result_get_snp(result, &(struct caisson_snp_claims){0}));
    assert_false(caisson_result_get_uvm(result, &(struct caisson_uvm_claims){0}));
}

static void accepts_trust_domains_and_tells_their_claims(void **state)
{
    (void)state;
    static const enum dcap_body bodies[] = {DCAP_BODY_TD10, DCAP_BODY_TD15};
    for (size_t i = 0; i < 2; i++) {
        struct caisson_quote_claims claims;
        make_fresh(bodies[i]);
        const struct caisson_quote_input input = make_input();
        check_accepted(&input);
        assert_true(caisson_result_get_quote(result, &claims));
        assert_int_equal(claims.version, 4 + i);
        assert_int_equal(claims.tee, CAISSON_TEE_TDX);
        assert_int_equal(claims.mrtd[47], 0x11);
        assert_int_equal(claims.rtmrs[3][47], 0);
        assert_int_equal(claims.tdattributes[3], 0x10);
        assert_int_equal(claims.xfam[0], 0xE7);
        assert_int_equal(claims.tee_tcb_svn[1], 1);
        assert_int_equal(claims.module_status, CAISSON_TCB_UP_TO_DATE);
        assert_true(claims.mrconfigid && claims.mrowner && claims.mrownerconfig && claims.mrseam);
        assert_int_equal(claims.mrservicetd != NULL, i == 1);
        assert_true(!claims.mrenclave && !claims.mrsigner && !claims.configid);
        (void)drop(NULL);
    }
}

static void refuses_each_demand_that_is_not_met(void **state)
{
    (void)state;
    static const uint8_t other[64] = {0xee};
    static const uint8_t others[8][48] = {{1}, {2}};
    static const uint8_t enclaves[2][32] = {{1}, {2}};
    const struct {
        struct caisson_quote_appraisal appraisal;
        enum dcap_body body;
        const char *name;
    } wrong[] = {
        {{.tee = CAISSON_TEE_TDX}, DCAP_BODY_SGX, "tee"},
        {{.tee = CAISSON_TEE_SGX}, DCAP_BODY_TD10, "tee"},
        {{.report_data = other}, DCAP_BODY_SGX, "report_data"},
        {{.report_data = other}, DCAP_BODY_TD15, "report_data"},
        {{.configid = other}, DCAP_BODY_SGX, "configid"},
        {{.mrenclaves = enclaves, .mrenclave_count = 2}, DCAP_BODY_SGX, "mrenclave"},
        {{.mrsigners = enclaves, .mrsigner_count = 1}, DCAP_BODY_SGX, "mrsigner"},
        {{.minimum_isvsvn = 8}, DCAP_BODY_SGX, "minimum_isvsvn"},
        {{.has_isvprodid = true, .isvprodid = 0x0300}, DCAP_BODY_SGX, "isvprodid"},
        {{.has_isvprodid = true}, DCAP_BODY_SGX, "isvprodid"},
        {{.minimum_tcb_evaluation = 18}, DCAP_BODY_SGX, "tcb_evaluation"},
        {{.mrtds = others, .mrtd_count = 8}, DCAP_BODY_TD10, "mrtd"},
        {{.mrtds = others, .mrtd_count = 1}, DCAP_BODY_SGX, "mrtd"},
        {{.mrenclaves = enclaves, .mrenclave_count = 1}, DCAP_BODY_TD10, "mrenclave"},
        {{.mrconfigid = other}, DCAP_BODY_TD10, "mrconfigid"},
        {{.mrowner = other}, DCAP_BODY_TD10, "mrowner"},
        {{.mrownerconfig = other}, DCAP_BODY_TD10, "mrownerconfig"},
        {{.rtmrs = {[0] = other}}, DCAP_BODY_TD10, "rtmr0"},
        {{.rtmrs = {[1] = other}}, DCAP_BODY_TD10, "rtmr1"},
        {{.rtmrs = {[2] = other}}, DCAP_BODY_TD15, "rtmr2"},
        {{.rtmrs = {[3] = other}}, DCAP_BODY_TD15, "rtmr3"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct caisson_quote_appraisal appraisal = wrong[i].appraisal;
        appraisal.size = sizeof appraisal;
        make_fresh(wrong[i].body);
        struct caisson_quote_input input = make_input();
        input.appraisal = &appraisal;
        check_refused_by(&input, wrong[i].name);
        (void)drop(NULL);
    }
}

static void accepts_demands_that_are_met(void **state)
{
    (void)state;
    static const uint8_t enclaves[2][32] = {{0}, {[0 ... 31] = 0x11}};
    static const uint8_t signers[1][32] = {{[0 ... 31] = 0x22}};
    static const uint8_t data[64] = {[0 ... 63] = 0x77};
    static const uint8_t zero[64];
    static const uint8_t mrtds[1][48] = {{[0 ... 47] = 0x11}};
    struct caisson_quote_appraisal appraisal = CAISSON_INIT(appraisal);
    appraisal.tee = CAISSON_TEE_SGX;
    appraisal.mrenclaves = enclaves;
    appraisal.mrenclave_count = 2;
    appraisal.mrsigners = signers;
    appraisal.mrsigner_count = 1;
    appraisal.has_isvprodid = true;
    appraisal.isvprodid = 3;
    appraisal.minimum_isvsvn = 7;
    appraisal.configid = zero;
    appraisal.report_data = data;
    make_fresh(DCAP_BODY_SGX);
    struct caisson_quote_input input = make_input();
    input.appraisal = &appraisal;
    check_accepted(&input);
    (void)drop(NULL);
    appraisal = (struct caisson_quote_appraisal)CAISSON_INIT(appraisal);
    appraisal.mrtds = mrtds;
    appraisal.mrtd_count = 1;
    for (size_t i = 0; i < 4; i++)
        appraisal.rtmrs[i] = zero;
    make_fresh(DCAP_BODY_TD15);
    input = make_input();
    input.appraisal = &appraisal;
    check_accepted(&input);
}

static void status_debug_and_trailing_bytes_are_the_callers_to_allow(void **state)
{
    (void)state;
    struct caisson_quote_claims claims;
    struct caisson_quote_appraisal appraisal = CAISSON_INIT(appraisal);
    dcap_fake_reset(&fake, DCAP_BODY_SGX);
    memset(fake.pck.components, 3, sizeof fake.pck.components);
    dcap_fake_field(&fake, DCAP_ATTRIBUTES)[0] |= 2;
    make();
    assert_int_equal(buf_append_text(&fake.quote, "x", NULL), 0);
    struct caisson_quote_input input = make_input();
    input.appraisal = &appraisal;
    check_refused_by(&input, "trailing_bytes");
    appraisal.allow_trailing_bytes = true;
    check_refused_by(&input, "tcb_status");
    appraisal.accepted_statuses = 1U << CAISSON_TCB_SW_HARDENING_NEEDED;
    check_refused_by(&input, "tcb_status");
    appraisal.out_of_date_grace_days = 30;
    check_refused_by(&input, "tcb_status");
    appraisal.accepted_statuses = 1U << CAISSON_TCB_OUT_OF_DATE;
    check_refused_by(&input, "debug");
    appraisal.allow_debug = true;
    check_accepted(&input);
    assert_true(caisson_result_get_quote(result, &claims));
    assert_true(claims.debug);
    assert_int_equal(claims.status, CAISSON_TCB_OUT_OF_DATE);
    assert_string_equal(caisson_result_get_advisory(result, 0), "INTEL-SA-00001");
    assert_string_equal(caisson_result_get_advisory(result, 1), "INTEL-SA-00002");
    assert_null(caisson_result_get_advisory(result, 2));
}

static void takes_demands_from_a_file(void **state)
{
    (void)state;
    static const char wrong[] = "{\"dcap_appraisal\": 1, \"isvsvn\": 8}";
    const struct caisson_quote_appraisal appraisal = CAISSON_INIT(appraisal);
    make_fresh(DCAP_BODY_SGX);
    struct caisson_quote_input input = make_input();
    input.appraisal_file = bytes_of(span_of_text(wrong));
    check_refused_by(&input, "isvsvn");
    input.appraisal = &appraisal;
    check_not_verified(&input, "not both");
    input.appraisal = NULL;
    input.appraisal_file.size--;
    check_not_verified(&input, "appraisal_file");
}

static void refuses_changed_and_truncated_quotes(void **state)
{
    (void)state;
    make_fresh(DCAP_BODY_TD10);
    struct caisson_quote_input input = make_input();
    fake.quote.data[48 + 136] ^= 1;
    check_refused_by(&input, "quote_signature");
    fake.quote.data[48 + 136] ^= 1;
    for (size_t size = 0; size < fake.quote.size; size += 97) {
        input.quote.size = size;
        check_refused_by(&input, "quote_format");
    }
    input.quote = (struct caisson_bytes){NULL, 0};
    check_refused_by(&input, "quote_format");
}

static void refuses_what_it_cannot_take(void **state)
{
    (void)state;
    static const uint8_t sets[9][48];
    struct caisson_quote_appraisal appraisals[] = {
        {.mrtds = sets, .mrtd_count = 9},
        {.mrtds = sets},
        {.mrtd_count = 1},
        {.out_of_date_grace_days = 3651},
        {.accepted_statuses = 1U << 7},
        {.accepted_statuses = 1},
        {.accepted_statuses = UINT32_C(1) << 31},
        {.tee = (enum caisson_tee)3},
    };
    static const char *const words[] = {
        "9 values of mrtd",  "0 values of mrtd",  "null pointer",      "3651 days",
        "accepted_statuses", "accepted_statuses", "accepted_statuses", "no TEE 3"};
    make_fresh(DCAP_BODY_SGX);
    struct caisson_quote_input input = make_input();
    for (size_t i = 0; i < sizeof appraisals / sizeof *appraisals; i++) {
        appraisals[i].size = sizeof appraisals[i];
        input.appraisal = &appraisals[i];
        check_not_verified(&input, words[i]);
    }
    appraisals[0].size = 0;
    input.appraisal = &appraisals[0];
    check_not_verified(&input, "caisson_quote_appraisal");
    input = make_input();
    input.collateral = NULL;
    check_not_verified(&input, "no collateral");
    input.size = sizeof input + 8;
    check_not_verified(&input, "one release");
    check_not_verified(NULL, "no struct caisson_quote_input");
}

#define test_case(name) cmocka_unit_test_teardown(name, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_case(accepts_an_enclave_and_tells_its_claims),
        test_case(accepts_trust_domains_and_tells_their_claims),
        test_case(refuses_each_demand_that_is_not_met),
        test_case(accepts_demands_that_are_met),
        test_case(status_debug_and_trailing_bytes_are_the_callers_to_allow),
        test_case(takes_demands_from_a_file),
        test_case(refuses_changed_and_truncated_quotes),
        test_case(refuses_what_it_cannot_take),
    };
    return cmocka_run_group_tests(tests, start, end);
}
