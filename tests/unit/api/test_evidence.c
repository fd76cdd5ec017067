/* libcaisson as a program sees it: by its public header, linked against the shared library. */
#include "../evidence/synthetic.h"
#include "../made.h"

#include <caisson/evidence.h>
#include <pthread.h>

static struct synthetic evidence;
static struct synthetic_issued issued;
static struct caisson_result *result;
static struct caisson_bytes certificates[3];
static struct caisson_root root;
static struct caisson_check check;

static int start(void **state)
{
    if (synthetic_start(state) < 0)
        return -1;
    synthetic_milan(&evidence);
    synthetic_issue(&evidence, &issued);
    for (size_t i = 0; i < 3; i++)
        certificates[i] = (struct caisson_bytes){issued.chain[i].data, issued.chain[i].size};
    memcpy(root.sha256, issued.root.digest, sizeof root.sha256);
    result = caisson_result_new();
    return result ? 0 : -1;
}

static int end(void **state)
{
    caisson_result_free(result);
    synthetic_fini(&issued);
    return synthetic_end(state);
}

static struct caisson_snp_input make_input(void)
{
    struct caisson_snp_input input = CAISSON_INIT(input);
    input.report = (struct caisson_bytes){issued.report, SNP_REPORT_SIZE};
    input.certificates = certificates;
    input.certificate_count = 3;
    input.time = SYNTHETIC_NOW;
    input.roots = &root;
    input.root_count = 1;
    return input;
}

static void check_refused_by(const struct caisson_snp_input *input, const char *name)
{
    assert_int_equal(caisson_verify_snp(input, result), CAISSON_REFUSED);
    assert_int_equal(caisson_result_verdict(result), CAISSON_REFUSED);
    assert_true(caisson_result_get_failure(result, &check));
    assert_string_equal(check.name, name);
    assert_true(*check.section && *check.remedy && *check.expected);
    struct caisson_snp_claims claims;
    assert_false(caisson_result_get_snp(result, &claims));
}

static void check_not_verified(const struct caisson_snp_input *input, const char *words)
{
    assert_int_equal(caisson_verify_snp(input, result), CAISSON_REFUSED);
    assert_int_equal(caisson_result_check_count(result), 0);
    assert_false(caisson_result_get_failure(result, &check));
    if (!strstr(caisson_result_error(result), words))
        fail_msg("\"%s\" does not hold \"%s\"", caisson_result_error(result), words);
}

static void accepts_evidence_and_tells_its_claims(void **state)
{
    (void)state;
    struct caisson_snp_input input = make_input();
    struct caisson_snp_claims claims;
    assert_int_equal(caisson_verify_snp(&input, result), CAISSON_ACCEPTED);
    assert_false(caisson_result_is_simulated(result));
    assert_true(caisson_result_get_snp(result, &claims));
    assert_int_equal(claims.version, 3);
    assert_string_equal(claims.product, "Milan");
    assert_memory_equal(claims.host_data, evidence.report.host_data, 32);
    assert_memory_equal(claims.measurement, evidence.report.measurement, 48);
    assert_true(caisson_result_check_count(result) > 20);
    for (size_t i = 0; caisson_result_get_check(result, i, &check); i++)
        assert_int_not_equal(check.result, CAISSON_CHECK_FAILED);
    assert_false(caisson_result_get_check(result, caisson_result_check_count(result), &check));
    assert_string_equal(caisson_result_error(result), "");
}

static void refuses_a_root_that_is_not_named(void **state)
{
    (void)state;
    struct caisson_snp_input input = make_input();
    input.root_count = 0;
    check_refused_by(&input, "root");
}

static void says_that_a_root_is_simulated(void **state)
{
    (void)state;
    struct synthetic names = evidence;
    SYNTHETIC_ISSUED own = {0};
    struct caisson_bytes chain[3];
    struct caisson_root simulated = {.simulated = true};
    struct caisson_snp_input input = make_input();
    names.root_name = "ARK-SIMULATED";
    names.middle_name = "SEV-SIMULATED";
    names.leaf_name = "SEV-SIMULATED-VCEK";
    synthetic_issue(&names, &own);
    for (size_t i = 0; i < 3; i++)
        chain[i] = (struct caisson_bytes){own.chain[i].data, own.chain[i].size};
    memcpy(simulated.sha256, own.root.digest, sizeof simulated.sha256);
    input.report.data = own.report;
    input.certificates = chain;
    input.roots = &simulated;
    assert_int_equal(caisson_verify_snp(&input, result), CAISSON_ACCEPTED);
    assert_true(caisson_result_is_simulated(result));
    input.root_count = 0;
    check_refused_by(&input, "root");
    assert_false(caisson_result_is_simulated(result));
}

static void takes_certificates_in_any_order_and_form(void **state)
{
    (void)state;
    BUF_AUTO pem = BUF_WITH_LIMIT(65536);
    struct error err;
    check_ok(certificate_der_to_pem(issued.chain[2], &pem, &err), &err);
    check_ok(certificate_der_to_pem(issued.chain[0], &pem, &err), &err);
    const struct caisson_bytes mixed[2] = {certificates[1], {pem.data, pem.size}};
    struct caisson_snp_input input = make_input();
    input.certificates = mixed;
    input.certificate_count = 2;
    assert_int_equal(caisson_verify_snp(&input, result), CAISSON_ACCEPTED);
}

static void refuses_each_changed_demand_by_its_check(void **state)
{
    (void)state;
    static const uint8_t other[64] = {0xee};
    static const uint8_t none[1][48];
    struct caisson_snp_appraisal appraisals[] = {
        {.report_data = other},
        {.host_data = other},
        {.id_key_digest = other},
        {.measurements = none, .measurement_count = 0},
        {.minimum_reported_tcb = {.snp = 255}},
        {.minimum_guest_svn = 4000000000U},
    };
    static const char *const names[] = {"report_data", "host_data", "id_key_digest", "measurement"};
    struct caisson_snp_input input = make_input();
    for (size_t i = 0; i < sizeof appraisals / sizeof *appraisals; i++) {
        appraisals[i].size = sizeof appraisals[i];
        input.appraisal = &appraisals[i];
        assert_int_equal(caisson_verify_snp(&input, result), CAISSON_REFUSED);
        assert_true(caisson_result_get_failure(result, &check));
        if (i < sizeof names / sizeof *names)
            assert_string_equal(check.name, names[i]);
    }
}

static void takes_demands_from_a_file(void **state)
{
    (void)state;
    static const char wrong[] =
        "{\"snp_appraisal\": 1, \"host_data\": \"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
        "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\"}";
    struct caisson_snp_appraisal appraisal = CAISSON_INIT(appraisal);
    struct caisson_snp_input input = make_input();
    input.appraisal_file = (struct caisson_bytes){(const uint8_t *)wrong, sizeof wrong - 1};
    check_refused_by(&input, "host_data");
    input.appraisal = &appraisal;
    check_not_verified(&input, "not both");
    input.appraisal = NULL;
    input.appraisal_file.size--;
    check_not_verified(&input, "appraisal_file");
}

static void refuses_a_changed_report_and_a_later_time(void **state)
{
    (void)state;
    uint8_t changed[SNP_REPORT_SIZE];
    struct caisson_snp_input input = make_input();
    memcpy(changed, issued.report, sizeof changed);
    changed[0x90] ^= 1;
    input.report.data = changed;
    check_refused_by(&input, "signature");
    input = make_input();
    input.time = SYNTHETIC_NOW + SYNTHETIC_LIFE + 1;
    check_refused_by(&input, "validity");
    input = make_input();
    input.require_crl = true;
    check_refused_by(&input, "revocation");
    input = make_input();
    input.report.size--;
    check_refused_by(&input, "report_format");
}

static void refuses_what_it_cannot_take(void **state)
{
    (void)state;
    static const uint8_t junk[] = "no certificate";
    const struct caisson_bytes junk_piece = {junk, sizeof junk};
    struct caisson_snp_input input = make_input();
    struct caisson_snp_appraisal appraisal = {.size = 0};
    check_not_verified(NULL, "no struct caisson_snp_input");
    input.size = sizeof input + 8;
    check_not_verified(&input, "one release");
    input.size = 0;
    check_not_verified(&input, "CAISSON_INIT");
    input = make_input();
    input.appraisal = &appraisal;
    check_not_verified(&input, "caisson_snp_appraisal");
    input = make_input();
    input.certificate_count = 0;
    check_not_verified(&input, "0 pieces");
    input.certificate_count = 1;
    input.certificates = &junk_piece;
    check_not_verified(&input, "certificates[0]");
    input = make_input();
    input.root_count = 1000;
    check_not_verified(&input, "1000 roots");
}

/* A program that was built with an older header, which did not know the last members. */
static void takes_members_that_a_caller_did_not_know_as_zero(void **state)
{
    (void)state;
    struct caisson_snp_input input = make_input();
    static const uint8_t other[32] = {1};
    struct caisson_snp_appraisal appraisal = CAISSON_INIT(appraisal);
    appraisal.host_data = other;
    input.appraisal = &appraisal;
    check_refused_by(&input, "host_data");
    input.size = offsetof(struct caisson_snp_input, appraisal);
    assert_int_equal(caisson_verify_snp(&input, result), CAISSON_ACCEPTED);
}

/* --- the cache -------------------------------------------------------------------------------- */

static struct caisson_snp_cache *new_cache(void)
{
    struct caisson_snp_input input = make_input();
    struct caisson_snp_cache *cache = caisson_snp_cache_new(4, &input);
    assert_non_null(cache);
    return cache;
}

static void verifies_by_a_chain_that_it_keeps(void **state)
{
    (void)state;
    char error[256] = "";
    struct caisson_snp_input input = make_input();
    struct caisson_snp_cache *cache = new_cache();
    assert_true(caisson_snp_cache_add(cache, &input, error));
    assert_string_equal(error, "");
    input.cache = cache;
    input.root_count = 0; /* the cache's count */
    assert_int_equal(caisson_verify_snp(&input, result), CAISSON_ACCEPTED);
    uint8_t changed[SNP_REPORT_SIZE];
    memcpy(changed, issued.report, sizeof changed);
    changed[0xc0] ^= 1;
    input.report.data = changed;
    check_refused_by(&input, "signature");
    input.certificate_count = 2;
    check_not_verified(&input, "leaf, intermediate, root");
    caisson_snp_cache_free(cache);
}

static void keeps_no_chain_that_does_not_hold(void **state)
{
    (void)state;
    char error[256];
    struct caisson_snp_input input = make_input();
    struct caisson_snp_cache *cache = new_cache();
    input.time = SYNTHETIC_NOW - SYNTHETIC_LIFE - 1;
    assert_false(caisson_snp_cache_add(cache, &input, error));
    assert_non_null(strstr(error, "validity"));
    assert_null(caisson_snp_cache_new(0, &input));
    assert_null(caisson_snp_cache_new(1, NULL));
    caisson_snp_cache_free(cache);
    caisson_snp_cache_free(NULL);
}

static void *verify_often(void *arg)
{
    const struct caisson_snp_input *input = arg;
    struct caisson_result *own = caisson_result_new();
    size_t accepted = 0;
    for (int i = 0; own && i < 20; i++)
        accepted += caisson_verify_snp(input, own) == CAISSON_ACCEPTED;
    caisson_result_free(own);
    return accepted == 20 ? arg : NULL;
}

static void many_threads_verify_by_one_cache(void **state)
{
    (void)state;
    pthread_t threads[4];
    struct caisson_snp_input input = make_input();
    struct caisson_snp_cache *cache = new_cache();
    assert_true(caisson_snp_cache_add(cache, &input, NULL));
    input.cache = cache;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_often, &input), 0);
    for (size_t i = 0; i < 4; i++) {
        void *good = NULL;
        assert_int_equal(pthread_join(threads[i], &good), 0);
        assert_ptr_equal(good, &input);
    }
    caisson_snp_cache_free(cache);
}

/* --- endorsements ----------------------------------------------------------------------------- */

static void verifies_an_endorsement_of_a_utility_vm(void **state)
{
    (void)state;
    static const uint8_t measurement[48] = {1, 2, 3}, other[48];
    struct made_chain chain;
    struct span ders[MADE_CHAIN_LENGTH];
    BUF_AUTO issuer = BUF_WITH_LIMIT(4096);
    BUF_AUTO cose = BUF_WITH_LIMIT(1 << 20);
    made_chain_init(&chain);
    made_chain_issue(&chain);
    for (int i = 0; i < MADE_CHAIN_LENGTH; i++)
        ders[i] = buf_span(&chain.ders[i]);
    made_did(ders[2], &issuer);
    const struct made_message message = {.shape = MADE_HASH_ENVELOPE,
                                         .algorithm = COSE_ES384,
                                         .issuer = buf_text(&issuer),
                                         .feed = MADE_FEED,
                                         .svn = 7,
                                         .content_type = "application/octet-stream",
                                         .chain = ders,
                                         .chain_count = MADE_CHAIN_LENGTH,
                                         .payload = span_of(measurement, sizeof measurement)};
    made_cose(&message, chain.keys[0], SIGNATURE_ES384, &cose);
    struct caisson_uvm_claims claims;
    struct caisson_uvm_input input = CAISSON_INIT(input);
    input.cose = (struct caisson_bytes){cose.data, cose.size};
    input.time = MADE_NOW;
    input.issuer = buf_text(&issuer);
    input.feed = MADE_FEED;
    input.measurement = measurement;
    assert_int_equal(caisson_verify_uvm(&input, result), CAISSON_ACCEPTED);
    assert_true(caisson_result_get_uvm(result, &claims));
    assert_int_equal(claims.svn, 7);
    assert_string_equal(claims.feed, MADE_FEED);
    assert_memory_equal(claims.measurement, measurement, 48);
    assert_false(caisson_result_get_snp(result, &(struct caisson_snp_claims){0}));

    struct caisson_uvm_input bad[4] = {input, input, input, input};
    bad[0].issuer = NULL; /* the published one */
    bad[1].minimum_svn = 8;
    bad[2].measurement = other;
    bad[3].cose.size--;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(caisson_verify_uvm(&bad[i], result), CAISSON_REFUSED);
        assert_true(caisson_result_get_failure(result, &check));
        assert_false(caisson_result_get_uvm(result, &claims));
    }
    assert_int_equal(caisson_verify_uvm(NULL, result), CAISSON_REFUSED);
    assert_non_null(strstr(caisson_result_error(result), "caisson_uvm_input"));
    made_chain_fini(&chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_evidence_and_tells_its_claims),
        cmocka_unit_test(refuses_a_root_that_is_not_named),
        cmocka_unit_test(says_that_a_root_is_simulated),
        cmocka_unit_test(takes_certificates_in_any_order_and_form),
        cmocka_unit_test(refuses_each_changed_demand_by_its_check),
        cmocka_unit_test(takes_demands_from_a_file),
        cmocka_unit_test(refuses_a_changed_report_and_a_later_time),
        cmocka_unit_test(refuses_what_it_cannot_take),
        cmocka_unit_test(takes_members_that_a_caller_did_not_know_as_zero),
        cmocka_unit_test(verifies_by_a_chain_that_it_keeps),
        cmocka_unit_test(keeps_no_chain_that_does_not_hold),
        cmocka_unit_test(many_threads_verify_by_one_cache),
        cmocka_unit_test(verifies_an_endorsement_of_a_utility_vm),
    };
    return cmocka_run_group_tests(tests, start, end);
}
