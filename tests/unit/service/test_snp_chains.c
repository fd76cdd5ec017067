/* Reports under a chain that is kept are judged as under one that is not: by many threads, in any
 * order of the certificates, and anew wherever time matters. */
#include "../evidence/synthetic.h"

#include <pthread.h>
#include <stdlib.h>

#include "service/snp_chains.h"

static struct error err;
static struct synthetic evidence;
static struct synthetic_issued issued;
static struct snp_result result;
static const struct snp_appraisal strict = {0};
static struct snp_chains *chains;

static int start(void **state)
{
    if (synthetic_start(state) < 0)
        return -1;
    synthetic_milan(&evidence);
    synthetic_issue(&evidence, &issued);
    return 0;
}

static int end(void **state)
{
    synthetic_fini(&issued);
    return synthetic_end(state);
}

static int make_chains(void **state)
{
    (void)state;
    chains = snp_chains_new(&issued.root, 1, &err);
    return chains ? 0 : -1;
}

static int free_chains(void **state)
{
    (void)state;
    snp_chains_free(chains);
    return 0;
}

/* The chain's certificates in this order. */
static void fill(struct snp_certificates *certificates, const size_t order[SNP_CHAIN_LENGTH])
{
    snp_certificates_init(certificates);
    for (size_t i = 0; i < SNP_CHAIN_LENGTH; i++)
        check_ok(snp_certificates_add_der(certificates, issued.chain[order[i]], &err), &err);
}

static enum verdict verify(const size_t order[SNP_CHAIN_LENGTH], struct span report, int64_t time)
{
    SNP_CERTIFICATES_AUTO certificates;
    fill(&certificates, order);
    check_ok(snp_chains_verify(chains, &certificates, report, time, &strict, &result, &err), &err);
    return checks_verdict(&result.checks);
}

static const size_t as_it_is[] = {0, 1, 2}, reversed[] = {2, 1, 0};

static void checks_are_the_same_each_time(void **state)
{
    (void)state;
    static struct snp_result first;
    assert_int_equal(verify(as_it_is, issued.evidence.report, SYNTHETIC_NOW), VERDICT_ACCEPTED);
    first = result;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            verify(i == 1 ? reversed : as_it_is, issued.evidence.report, SYNTHETIC_NOW),
            VERDICT_ACCEPTED);
        assert_int_equal(result.checks.count, first.checks.count);
        for (size_t k = 0; k < first.checks.count; k++)
            assert_string_equal(result.checks.items[k].found, first.checks.items[k].found);
    }
}

static void refuses_a_kept_chain_at_a_time_at_which_it_is_not_valid(void **state)
{
    (void)state;
    assert_int_equal(verify(as_it_is, issued.evidence.report, SYNTHETIC_NOW), VERDICT_ACCEPTED);
    for (int i = -1; i <= 1; i += 2) {
        int64_t time = SYNTHETIC_NOW + i * (SYNTHETIC_LIFE + 1);
        assert_int_equal(verify(as_it_is, issued.evidence.report, time), VERDICT_REFUSED);
        assert_string_equal(checks_first_failure(&result.checks)->rule->name, "validity");
    }
    assert_int_equal(verify(as_it_is, issued.evidence.report, SYNTHETIC_NOW), VERDICT_ACCEPTED);
}

static void refuses_a_changed_report_under_a_kept_chain(void **state)
{
    (void)state;
    uint8_t changed[SNP_REPORT_SIZE];
    memcpy(changed, issued.report, sizeof changed);
    changed[0x50] ^= 1;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(verify(as_it_is, span_of(changed, sizeof changed), SYNTHETIC_NOW),
                         VERDICT_REFUSED);
        assert_string_equal(checks_first_failure(&result.checks)->rule->name, "signature");
    }
    assert_int_equal(verify(as_it_is, issued.evidence.report, SYNTHETIC_NOW), VERDICT_ACCEPTED);
}

static void refuses_a_root_that_nobody_named_each_time(void **state)
{
    (void)state;
    snp_chains_free(chains);
    chains = snp_chains_new(NULL, 0, &err);
    for (int i = 0; i < 2; i++)
        assert_int_equal(verify(as_it_is, issued.evidence.report, SYNTHETIC_NOW), VERDICT_REFUSED);
}

static void refuses_what_is_no_chain(void **state)
{
    (void)state;
    static const size_t twice[] = {0, 1, 1};
    SNP_CERTIFICATES_AUTO certificates;
    fill(&certificates, twice); /* one is left out */
    check_error(snp_chains_verify(chains, &certificates, issued.evidence.report, SYNTHETIC_NOW,
                                  &strict, &result, &err),
                &err, ERROR_INVALID);
}

#define THREADS 4

static void *verify_often(void *argument)
{
    size_t *accepted = argument;
    struct error own = {0};
    struct snp_result *mine = calloc(1, sizeof *mine);
    for (int i = 0; mine && i < 20; i++) {
        SNP_CERTIFICATES_AUTO certificates;
        snp_certificates_init(&certificates);
        for (size_t k = 0; k < SNP_CHAIN_LENGTH; k++)
            (void)snp_certificates_add_der(&certificates, issued.chain[k], &own);
        if (snp_chains_verify(chains, &certificates, issued.evidence.report, SYNTHETIC_NOW, &strict,
                              mine, &own) == 0)
            *accepted += checks_verdict(&mine->checks) == VERDICT_ACCEPTED;
    }
    free(mine);
    return NULL;
}

static void many_threads_may_meet_a_new_chain_at_once(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    size_t accepted[THREADS] = {0};
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_often, &accepted[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(accepted[i], 20);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_chains, free_chains)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(checks_are_the_same_each_time),
        TEST(refuses_a_kept_chain_at_a_time_at_which_it_is_not_valid),
        TEST(refuses_a_changed_report_under_a_kept_chain),
        TEST(refuses_a_root_that_nobody_named_each_time),
        TEST(refuses_what_is_no_chain),
        TEST(many_threads_may_meet_a_new_chain_at_once),
    };
    return cmocka_run_group_tests(tests, start, end);
}
