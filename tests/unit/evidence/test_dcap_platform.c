/* A platform's chain that is at hand: checked once, and used without an allocation. */
#include "../check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "dcap_fake.h"
#include "evidence/dcap_verify.h"

static struct dcap_fake fake;

/*
 * The allocations of this program's own code. The executable's malloc and its kin are these, by the
 * linker's --wrap; OpenSSL, in a library of its own, calls the C library's as ever.
 */
static atomic_long allocations;
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __real_realloc(memory, size);
}

static const enum dcap_body bodies[] = {DCAP_BODY_SGX, DCAP_BODY_TD10, DCAP_BODY_TD15};

static struct dcap_collateral *start(enum dcap_body body, bool with_platform)
{
    struct checks checks;
    dcap_fake_reset(&fake, body);
    dcap_fake_make(&fake);
    if (with_platform)
        fake.parts.pck_certificate_chain = buf_span(&fake.pck_chain);
    checks_init(&checks);
    struct dcap_collateral *collateral = dcap_collateral_new(&fake.parts, &fake.options, &checks);
    assert_true(collateral && collateral->trusted);
    return collateral;
}

static void a_quote_of_a_known_platform_costs_no_allocation(void **state)
{
    (void)state;
    static const struct dcap_appraisal appraisal;
    static struct dcap_result result;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        DCAP_COLLATERAL_AUTO *collateral = start(bodies[i], true);
        atomic_store(&allocations, 0);
        assert_int_equal(dcap_verify_quote(buf_span(&fake.quote), collateral, &appraisal, &result),
                         VERDICT_ACCEPTED);
        assert_int_equal(atomic_load(&allocations), 0);
    }
    DCAP_COLLATERAL_AUTO *collateral = start(DCAP_BODY_SGX, false);
    atomic_store(&allocations, 0);
    assert_int_equal(dcap_verify_quote(buf_span(&fake.quote), collateral, &appraisal, &result),
                     VERDICT_ACCEPTED);
    assert_true(atomic_load(&allocations) > 0); /* so the counter counts */
}

/* The quote of one platform under the chain of another: its report is not signed by that key. */
static void another_platforms_chain_is_refused(void **state)
{
    (void)state;
    static const struct dcap_appraisal appraisal;
    static struct dcap_result result;
    DCAP_COLLATERAL_AUTO *collateral = start(DCAP_BODY_TD10, true);
    struct private_key *key = fake.keys[FAKE_PCK];
    fake.keys[FAKE_PCK] = fake.keys[FAKE_ATTESTATION];
    dcap_fake_make(&fake);
    fake.keys[FAKE_PCK] = key;
    assert_int_equal(dcap_verify_quote(buf_span(&fake.quote), collateral, &appraisal, &result),
                     VERDICT_REFUSED);
    assert_string_equal(checks_first_failure(&result.checks)->rule->name, "qe_report_signature");
}

struct job {
    const struct dcap_collateral *collateral;
    struct span quote;
    size_t accepted;
};

static void *verify_often(void *arg)
{
    static const struct dcap_appraisal appraisal;
    static _Thread_local struct dcap_result result;
    struct job *job = arg;
    for (int i = 0; i < 200; i++)
        job->accepted += dcap_verify_quote(job->quote, job->collateral, &appraisal, &result);
    return NULL;
}

static void one_collateral_serves_threads(void **state)
{
    (void)state;
    for (int with_platform = 0; with_platform < 2; with_platform++) {
        DCAP_COLLATERAL_AUTO *collateral = start(DCAP_BODY_TD15, with_platform != 0);
        struct job jobs[2] = {{collateral, buf_span(&fake.quote), 0},
                              {collateral, buf_span(&fake.quote), 0}};
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, verify_often, &jobs[i]), 0);
        for (int i = 0; i < 2; i++) {
            (void)pthread_join(threads[i], NULL);
            assert_int_equal(jobs[i].accepted, 200);
        }
    }
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
        cmocka_unit_test(a_quote_of_a_known_platform_costs_no_allocation),
        cmocka_unit_test(another_platforms_chain_is_refused),
        cmocka_unit_test(one_collateral_serves_threads),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
