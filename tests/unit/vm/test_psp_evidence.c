/* What the simulated processor signs is believed under its root, and nothing else is. */
#include "../check.h"
#include "processor.h"

#include "evidence/bundle_verify.h"
#include "evidence/runtime_data.h"
#include "measure/simulated.h"

#define NOW INT64_C(1780272000) /* 2026-06-01T00:00:00Z */

static struct error err;
static struct processor processor;
static struct snp_result result;
static struct bundle good; /* an accepted bundle; tests change a copy of a part and put it back */
static struct trusted_root root = {.simulated = true};
static uint8_t measurements[2][SNP_MEASUREMENT_SIZE];
static const uint8_t nonce[] = {1, 2, 3, 4};
static const char policy[] = "package policy\n";
static const char cmdline[] = "quiet caisson.tee=simulated";
static bool all_bits; /* flip every bit instead of one a byte */

static struct bundle_expectation expectation;

static void expect_all(void)
{
    expectation = (struct bundle_expectation){
        .chain = {.time = NOW, .roots = &root, .root_count = 1},
        .nonce = span_of(nonce, sizeof nonce),
        .policy = span_of_text(policy),
        .kernel = {1},
        .initrd = {2},
        .cmdline = cmdline,
        .measurements = (const uint8_t(*)[SNP_MEASUREMENT_SIZE])measurements,
        .measurement_count = 2};
}

/* What the guest says of itself. */
static const uint8_t fragment_digest[SHA256_SIZE] = {7};
static const struct runtime_fragment fragment = {"did:i", "f", "5", fragment_digest};
static struct runtime_data said = {
    .demanded = 3, .running = 2, .done = 1, .fragments = &fragment, .fragment_count = 1};

static int answer(struct psp *psp, struct bundle *bundle)
{
    uint8_t request[PSP_REQUEST_SIZE] = {0};
    uint8_t bytes[PSP_ANSWER_SIZE];
    struct psp_launch launch = {.policy = PSP_POLICY_DEFAULT};
    const struct measure_kernel kernel = {{1}, {2}, {3}};
    memcpy(said.nonce, nonce, sizeof nonce);
    said.nonce_size = sizeof nonce;
    if (runtime_data_write(&said, &bundle->runtime_data, &err) < 0 ||
        measure_simulated(&kernel, 1, measurements[0], &err) < 0 ||
        measure_simulated(&kernel, 2, measurements[1], &err) < 0)
        return -1;
    runtime_data_report_data(buf_span(&bundle->runtime_data), request);
    memcpy(launch.measurement, measurements[1], sizeof launch.measurement);
    sha256_digest(span_of_text(policy), launch.host_data);
    if (psp_launch(psp, &launch, &err) < 0 ||
        psp_answer(psp, span_of(request, sizeof request), bytes, &err) < 0)
        return -1;
    return buf_append(&bundle->report, span_of(bytes + 8, SNP_REPORT_SIZE), &err);
}

static int make_bundle(void **state)
{
    (void)state;
    bundle_init(&good);
    if (processor_prepare(&processor) < 0)
        return -1;
    PSP_AUTO *psp = psp_open(processor.dir, &err);
    if (!psp || answer(psp, &good) < 0 ||
        bundle_set_certificates(&good, span_of_text(psp_certificates(psp)), &err) < 0 ||
        buf_append_text(&good.policy, policy, &err) < 0)
        return -1;
    good.tee = BUNDLE_TEE_SIMULATED;
    good.kernel[0] = 1;
    good.initrd[0] = 2;
    memcpy(good.cmdline, cmdline, sizeof cmdline);
    good.vcpus = 2;
    sha256_digest(buf_span(&good.certificates[2]), root.digest);
    expect_all();
    return 0;
}

static int remove_bundle(void **state)
{
    (void)state;
    bundle_fini(&good);
    return processor_remove(&processor);
}

/* Verifies and expects this check to be the first that fails; NULL: accepted. */
static void check_verdict(const struct bundle *bundle, const char *failure)
{
    enum verdict verdict = bundle_verify(bundle, &expectation, &result);
    const struct check *first = checks_first_failure(&result.checks);
    if (!failure && verdict != VERDICT_ACCEPTED)
        fail_msg("refused by %s: %s", first ? first->rule->name : "nothing",
                 first ? first->found : "");
    if (!failure)
        return;
    assert_int_equal(verdict, VERDICT_REFUSED);
    assert_non_null(first);
    if (strcmp(first->rule->name, failure) != 0)
        fail_msg("refused by %s instead of %s: %s", first->rule->name, failure, first->found);
    assert_true(first->rule->remedy[0] != '\0' && first->rule->section[0] != '\0');
}

static void accepts_under_its_root_and_says_simulated(void **state)
{
    (void)state;
    expect_all();
    check_verdict(&good, NULL);
    assert_true(result.simulated);
    assert_string_equal(result.product, "Milan");
}

static void refuses_without_its_root(void **state)
{
    (void)state;
    expect_all();
    expectation.chain.root_count = 0;
    check_verdict(&good, "root");
    assert_false(result.simulated);
}

static void refuses_under_another_root(void **state)
{
    (void)state;
    expect_all();
    struct trusted_root other = root;
    other.digest[31] ^= 1;
    expectation.chain.roots = &other;
    check_verdict(&good, "root");
}

/* Naming it as a root, but not as a simulated one, is no way around the mark. */
static void refuses_a_simulated_root_that_is_not_named_as_such(void **state)
{
    (void)state;
    expect_all();
    struct trusted_root real = root;
    real.simulated = false;
    expectation.chain.roots = &real;
    check_verdict(&good, "root");
    assert_false(result.simulated);
}

static void refuses_another_nonce(void **state)
{
    (void)state;
    static const uint8_t other[] = {1, 2, 3, 5};
    expect_all();
    expectation.nonce = span_of(other, sizeof other);
    check_verdict(&good, "report_data");
    expectation.nonce = span_of(nonce, 3);
    check_verdict(&good, "report_data");
}

static void refuses_a_nonce_of_impossible_size(void **state)
{
    (void)state;
    expect_all();
    expectation.nonce = span_of(nonce, 0);
    assert_int_equal(bundle_verify(&good, &expectation, &result), VERDICT_REFUSED);
}

static void refuses_a_policy_that_differs_by_one_character(void **state)
{
    (void)state;
    expect_all();
    expectation.policy = span_of_text("package policy ");
    check_verdict(&good, "host_data");
}

static void refuses_a_launch_that_is_not_expected(void **state)
{
    (void)state;
    expect_all();
    expectation.measurement_count = 1;
    check_verdict(&good, "measurement");
    expectation.measurements = NULL;
    check_verdict(&good, "measurement");
}

static void refuses_what_the_host_says_of_the_guest_if_it_differs(void **state)
{
    (void)state;
    expect_all();
    expectation.kernel[5] = 9;
    check_verdict(&good, "guest_kernel");
    expect_all();
    expectation.initrd[5] = 9;
    check_verdict(&good, "guest_initrd");
    expect_all();
    expectation.cmdline = "quiet";
    check_verdict(&good, "guest_cmdline");
}

static void refuses_simulated_evidence_that_calls_itself_real(void **state)
{
    (void)state;
    expect_all();
    good.tee = BUNDLE_TEE_SNP;
    check_verdict(&good, "tee");
    good.tee = BUNDLE_TEE_SIMULATED;
}

static void refuses_runtime_data_or_policy_of_another_bundle(void **state)
{
    (void)state;
    expect_all();
    char *digit = strstr((char *)good.runtime_data.data, "\"nonce\":\"") + 9;
    *digit ^= 1;
    check_verdict(&good, "nonce");
    *digit ^= 1;
    /* Nor may a host say that more containers run: the report is over the numbers too. */
    digit = strstr((char *)good.runtime_data.data, "\"demanded\":") + 11;
    *digit = '9';
    check_verdict(&good, "report_data");
    *digit = '3';
    /* Nor that another fragment was loaded. */
    digit = strstr((char *)good.runtime_data.data, "\"svn\":\"") + 7;
    *digit = '9';
    check_verdict(&good, "report_data");
    *digit = '5';
    good.runtime_data.data[0] = '[';
    check_verdict(&good, "report_data");
    good.runtime_data.data[0] = '{';
    good.policy.data[0] ^= 1;
    check_verdict(&good, "policy");
    good.policy.data[0] ^= 1;
}

static void refuses_fragments_that_are_not_demanded(void **state)
{
    (void)state;
    static const struct fragment_demand met = {.feed = "f", .minimum_svn = "5"};
    static const struct fragment_demand unmet = {.feed = "f", .minimum_svn = "6"};
    expect_all();
    check_verdict(&good, NULL);
    assert_int_equal(checks_find(&result.checks, "fragments")->result, CHECK_SKIPPED);
    expectation.fragments = (struct fragment_demands){&met, 1, true};
    check_verdict(&good, NULL);
    expectation.fragments = (struct fragment_demands){&unmet, 1, false};
    check_verdict(&good, "fragments");
    expectation.fragments = (struct fragment_demands){NULL, 0, true};
    check_verdict(&good, "fragments");
}

static void refuses_before_and_after_the_chain_is_valid(void **state)
{
    (void)state;
    expect_all();
    expectation.chain.time = INT64_C(1577836799);
    check_verdict(&good, "validity");
    expectation.chain.time = INT64_C(2524608000);
    check_verdict(&good, "validity");
    expectation.chain.time = INT64_C(2524607999);
    check_verdict(&good, NULL);
}

static void refuses_a_chain_that_is_short_long_or_reordered(void **state)
{
    (void)state;
    expect_all();
    for (size_t count = 0; count < 3; count++) {
        good.certificate_count = count;
        check_verdict(&good, "certificates");
    }
    good.certificate_count = 4;
    check_verdict(&good, "certificates");
    good.certificate_count = 3;
    struct buf leaf = good.certificates[0];
    good.certificates[0] = good.certificates[1];
    good.certificates[1] = leaf;
    assert_int_equal(bundle_verify(&good, &expectation, &result), VERDICT_REFUSED);
    leaf = good.certificates[0];
    good.certificates[0] = good.certificates[1];
    good.certificates[1] = leaf;
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    expect_all();
    for (size_t size = 0; size < SNP_REPORT_SIZE; size++) {
        good.report.size = size;
        check_verdict(&good, "report_format");
    }
    good.report.size = SNP_REPORT_SIZE;
    uint8_t more = 0;
    check_ok(buf_append(&good.report, span_of(&more, 1), &err), &err);
    check_verdict(&good, "report_format");
    good.report.size = SNP_REPORT_SIZE;
}

/* No bit of a report may change: those that the signature does not cover are the signature, or
 * reserved. */
static void refuses_every_flipped_bit_of_the_report(void **state)
{
    (void)state;
    expect_all();
    for (size_t bit = 0; bit < SNP_REPORT_SIZE * 8; bit++) {
        if (!all_bits && bit % 8 != bit / 8 % 8)
            continue;
        good.report.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (bundle_verify(&good, &expectation, &result) != VERDICT_REFUSED)
            fail_msg("bit %zu of byte 0x%zx may change", bit % 8, bit / 8);
        good.report.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

static void refuses_every_flipped_byte_of_leaf_and_intermediate(void **state)
{
    (void)state;
    expect_all();
    for (int i = 0; i < 2; i++) {
        struct buf *der = &good.certificates[i];
        for (size_t at = 0; at < der->size; at += all_bits ? 1 : 29) {
            der->data[at] ^= 0x10;
            if (bundle_verify(&good, &expectation, &result) != VERDICT_REFUSED)
                fail_msg("byte 0x%zx of certificate %d may change", at, i);
            der->data[at] ^= 0x10;
        }
    }
    check_verdict(&good, NULL);
}

static void survives_writing_and_reading(void **state)
{
    (void)state;
    expect_all();
    BUF_AUTO text = BUF_WITH_LIMIT(BUNDLE_SIZE_MAX);
    BUNDLE_AUTO again;
    bundle_init(&again);
    check_ok(bundle_write(&good, &text, &err), &err);
    check_ok(bundle_parse(buf_span(&text), &again, &err), &err);
    check_verdict(&again, NULL);
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_under_its_root_and_says_simulated),
        cmocka_unit_test(refuses_without_its_root),
        cmocka_unit_test(refuses_under_another_root),
        cmocka_unit_test(refuses_a_simulated_root_that_is_not_named_as_such),
        cmocka_unit_test(refuses_another_nonce),
        cmocka_unit_test(refuses_a_nonce_of_impossible_size),
        cmocka_unit_test(refuses_a_policy_that_differs_by_one_character),
        cmocka_unit_test(refuses_a_launch_that_is_not_expected),
        cmocka_unit_test(refuses_what_the_host_says_of_the_guest_if_it_differs),
        cmocka_unit_test(refuses_simulated_evidence_that_calls_itself_real),
        cmocka_unit_test(refuses_runtime_data_or_policy_of_another_bundle),
        cmocka_unit_test(refuses_fragments_that_are_not_demanded),
        cmocka_unit_test(refuses_before_and_after_the_chain_is_valid),
        cmocka_unit_test(refuses_a_chain_that_is_short_long_or_reordered),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(refuses_every_flipped_bit_of_the_report),
        cmocka_unit_test(refuses_every_flipped_byte_of_leaf_and_intermediate),
        cmocka_unit_test(survives_writing_and_reading),
    };
    all_bits = argc > 1 && strcmp(argv[1], "all") == 0;
    return cmocka_run_group_tests(tests, make_bundle, remove_bundle);
}
