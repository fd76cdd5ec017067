/* Collateral of quotes by libcaisson's public header: taken, refused, shared. */
#include <pthread.h>

#include "quote_made.h"

static void refused_collateral_refuses_its_quotes(void **state)
{
    (void)state;
    make_fresh(DCAP_BODY_SGX);
    (void)drop(NULL);
    struct caisson_collateral_input wrong[3] = {pieces(), pieces(), pieces()};
    uint8_t signature[64];
    memcpy(signature, fake.parts.tcb_info_signature, sizeof signature);
    signature[63] ^= 1;
    wrong[0].root_count = 0;
    wrong[1].time += 30 * FAKE_DAY;
    wrong[2].tcb_info_signature.data = signature;
    static const char *const names[] = {"collateral_root", "root_ca_crl", "tcb_info_signature"};
    for (size_t i = 0; i < 3; i++) {
        collateral = caisson_collateral_new(&wrong[i], result);
        assert_non_null(collateral);
        assert_int_equal(caisson_result_verdict(result), CAISSON_REFUSED);
        assert_true(caisson_result_get_failure(result, &check));
        assert_string_equal(check.name, names[i]);
        const struct caisson_quote_input input = make_input();
        check_refused_by(&input, "collateral");
        assert_true(caisson_result_check_count(result) > 20);
        (void)drop(NULL);
    }
}

static void check_no_collateral(const struct caisson_collateral_input *input, const char *words)
{
    assert_null(caisson_collateral_new(input, result));
    assert_int_equal(caisson_result_verdict(result), CAISSON_REFUSED);
    if (!strstr(caisson_result_error(result), words))
        fail_msg("\"%s\" does not hold \"%s\"", caisson_result_error(result), words);
}

static void refuses_collateral_that_it_cannot_take(void **state)
{
    (void)state;
    make_fresh(DCAP_BODY_SGX);
    struct caisson_collateral_input input = pieces();
    input.document = bytes_of(span_of_text("{}"));
    check_no_collateral(&input, "not both");
    input = pieces();
    input.tcb_info_signature.size = 63;
    check_no_collateral(&input, "tcb_info_signature has 63 bytes");
    input = pieces();
    input.qe_identity_signature.size = 0;
    check_no_collateral(&input, "qe_identity_signature has 0 bytes");
    input = pieces();
    input.root_count = 65;
    check_no_collateral(&input, "65 roots");
    input = (struct caisson_collateral_input)CAISSON_INIT(input);
    input.document = bytes_of(span_of_text("{}"));
    check_no_collateral(&input, "document");
    check_no_collateral(NULL, "no struct caisson_collateral_input");
    input.size = 4;
    check_no_collateral(&input, "CAISSON_INIT");
    struct caisson_bytes *const missing[] = {&input.pck_crl_issuer_chain,
                                             &input.root_ca_crl,
                                             &input.pck_crl,
                                             &input.tcb_info_issuer_chain,
                                             &input.tcb_info,
                                             &input.qe_identity_issuer_chain,
                                             &input.qe_identity};
    static const char *const names[] = {
        "pck_crl_issuer_chain",     "root_ca_crl", "pck_crl", "tcb_info_issuer_chain", "tcb_info",
        "qe_identity_issuer_chain", "qe_identity"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        input = pieces();
        *missing[i] = (struct caisson_bytes){NULL, 0};
        check_no_collateral(&input, "");
        assert_true(caisson_result_get_failure(result, &check));
        assert_string_equal(check.name, names[i]);
    }
}

static void takes_collateral_as_one_document(void **state)
{
    (void)state;
    BUF_AUTO json = BUF_WITH_LIMIT(DCAP_COLLATERAL_SIZE_MAX);
    make_fresh(DCAP_BODY_TD15);
    (void)drop(NULL);
    struct caisson_collateral_input input = pieces();
    struct caisson_collateral_input whole = CAISSON_INIT(whole);
    dcap_fake_collateral(&fake, &json);
    whole.document = bytes_of(buf_span(&json));
    whole.time = input.time;
    whole.roots = input.roots;
    whole.root_count = 1;
    collateral = caisson_collateral_new(&whole, result);
    memset(json.data, 0, json.size); /* nothing of it is borrowed */
    assert_non_null(collateral);
    const struct caisson_quote_input quote = make_input();
    check_accepted(&quote);
}

static void takes_a_platforms_chain(void **state)
{
    (void)state;
    dcap_fake_reset(&fake, DCAP_BODY_SGX);
    fake.certification_type = 3;
    make();
    struct caisson_quote_input quote = make_input();
    check_refused_by(&quote, "pck_certificates");
    (void)drop(NULL);
    struct caisson_collateral_input input = pieces();
    input.pck_certificate_chain = bytes_of(buf_span(&fake.pck_chain));
    collateral = caisson_collateral_new(&input, result);
    quote = make_input();
    check_accepted(&quote);
}

static void says_that_a_root_is_simulated(void **state)
{
    (void)state;
    dcap_fake_reset(&fake, DCAP_BODY_SGX);
    fake.names[FAKE_ROOT] = "SIMULATED SGX Root CA";
    fake.names[FAKE_CA] = "SIMULATED SGX PCK Platform CA";
    fake.names[FAKE_PCK] = "SIMULATED SGX PCK Certificate";
    fake.names[FAKE_SIGNING] = "SIMULATED SGX TCB Signing";
    make();
    const struct caisson_quote_input quote = make_input();
    check_accepted(&quote);
    assert_true(caisson_result_is_simulated(result));
    struct caisson_collateral_input input = pieces();
    root.simulated = false;
    caisson_collateral_free(caisson_collateral_new(&input, result));
    assert_true(caisson_result_get_failure(result, &check));
    assert_string_equal(check.name, "collateral_root");
    assert_false(caisson_result_is_simulated(result));
}

static void *verify_often(void *arg)
{
    const struct caisson_quote_input *input = arg;
    struct caisson_result *own = caisson_result_new();
    size_t accepted = 0;
    for (int i = 0; own && i < 20; i++)
        accepted += caisson_verify_quote(input, own) == CAISSON_ACCEPTED;
    caisson_result_free(own);
    return accepted == 20 ? arg : NULL;
}

static void many_threads_verify_by_one_collateral(void **state)
{
    (void)state;
    pthread_t threads[4];
    make_fresh(DCAP_BODY_TD10);
    struct caisson_quote_input input = make_input();
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_often, &input), 0);
    for (size_t i = 0; i < 4; i++) {
        void *good = NULL;
        assert_int_equal(pthread_join(threads[i], &good), 0);
        assert_ptr_equal(good, &input);
    }
    caisson_collateral_free(NULL);
}

#define test_case(name) cmocka_unit_test_teardown(name, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_case(refused_collateral_refuses_its_quotes),
        test_case(refuses_collateral_that_it_cannot_take),
        test_case(takes_collateral_as_one_document),
        test_case(takes_a_platforms_chain),
        test_case(says_that_a_root_is_simulated),
        test_case(many_threads_verify_by_one_collateral),
    };
    return cmocka_run_group_tests(tests, start, end);
}
