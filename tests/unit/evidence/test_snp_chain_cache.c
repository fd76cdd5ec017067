/* A chain that was verified once: found again, judged anew where time matters, and free of cost. */
#include "synthetic.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static struct error err;
static struct synthetic evidence;
static struct synthetic_issued issued;
static struct snp_result result;
static struct snp_result plain;
static const struct snp_appraisal strict = {0};

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

static struct snp_chain_cache *new_cache(size_t capacity)
{
    const struct snp_chain_options options = {.roots = &issued.root, .root_count = 1};
    struct snp_chain_cache *cache = snp_chain_cache_new(capacity, &options, &err);
    assert_non_null(cache);
    return cache;
}

/* With the cache and without it: the same checks, value by value. */
static enum verdict verify_both(const struct snp_chain_cache *cache,
                                const struct snp_evidence *which, int64_t time)
{
    const struct snp_chain_options options = {.time = time, .roots = &issued.root, .root_count = 1};
    enum verdict verdict = snp_verify_cached(cache, which, time, &strict, &result);
    assert_int_equal(snp_verify(which, &options, &strict, &plain), verdict);
    assert_int_equal(plain.checks.count, result.checks.count);
    for (size_t i = 0; i < plain.checks.count; i++) {
        assert_ptr_equal(plain.checks.items[i].rule, result.checks.items[i].rule);
        assert_int_equal(plain.checks.items[i].result, result.checks.items[i].result);
        assert_string_equal(plain.checks.items[i].expected, result.checks.items[i].expected);
        assert_string_equal(plain.checks.items[i].found, result.checks.items[i].found);
    }
    assert_memory_equal(&plain.report, &result.report, sizeof plain.report);
    assert_int_equal(plain.simulated, result.simulated);
    assert_ptr_equal(plain.product, result.product);
    return verdict;
}

static void answers_as_without_a_cache(void **state)
{
    (void)state;
    SNP_CHAIN_CACHE_AUTO *cache = new_cache(4);
    assert_int_equal(verify_both(cache, &issued.evidence, SYNTHETIC_NOW), VERDICT_ACCEPTED);
    check_ok(snp_chain_cache_add(cache, &issued.evidence, SYNTHETIC_NOW, &err), &err);
    check_ok(snp_chain_cache_add(cache, &issued.evidence, SYNTHETIC_NOW, &err), &err);
    assert_int_equal(snp_chain_cache_count(cache), 1);
    assert_non_null(snp_chain_cache_find(cache, &issued.evidence));
    assert_int_equal(verify_both(cache, &issued.evidence, SYNTHETIC_NOW), VERDICT_ACCEPTED);
}

/* What passed once does not pass for ever. */
static void judges_validity_at_each_use(void **state)
{
    (void)state;
    static const int64_t times[] = {-SYNTHETIC_LIFE - 1, SYNTHETIC_LIFE + 1, -(INT64_C(1) << 40)};
    SNP_CHAIN_CACHE_AUTO *cache = new_cache(4);
    check_ok(snp_chain_cache_add(cache, &issued.evidence, SYNTHETIC_NOW, &err), &err);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        assert_int_equal(verify_both(cache, &issued.evidence, SYNTHETIC_NOW + times[i]),
                         VERDICT_REFUSED);
        assert_string_equal(checks_first_failure(&result.checks)->rule->name, "validity");
    }
    assert_int_equal(verify_both(cache, &issued.evidence, SYNTHETIC_NOW + SYNTHETIC_LIFE),
                     VERDICT_ACCEPTED);
}

static void checks_each_report_by_itself(void **state)
{
    (void)state;
    SNP_CHAIN_CACHE_AUTO *cache = new_cache(4);
    uint8_t report[SNP_REPORT_SIZE];
    struct snp_evidence changed = issued.evidence;
    changed.report = span_of(report, sizeof report);
    check_ok(snp_chain_cache_add(cache, &issued.evidence, SYNTHETIC_NOW, &err), &err);
    for (size_t at = 0; at < SNP_SIGNED_SIZE; at++) {
        memcpy(report, issued.report, sizeof report);
        report[at] ^= (uint8_t)(1U << (at % 8));
        assert_int_equal(snp_verify_cached(cache, &changed, SYNTHETIC_NOW, &strict, &result),
                         VERDICT_REFUSED);
    }
    changed.report.size = SNP_REPORT_SIZE - 1;
    assert_int_equal(verify_both(cache, &changed, SYNTHETIC_NOW), VERDICT_REFUSED);
}

/* The signature of a certificate is not covered by another one: all its bytes belong to the key. */
static void finds_no_other_certificates(void **state)
{
    (void)state;
    SNP_CHAIN_CACHE_AUTO *cache = new_cache(4);
    uint8_t der[CERTIFICATE_DER_MAX];
    struct span chain[SNP_CHAIN_LENGTH];
    struct snp_evidence changed = issued.evidence;
    changed.certificates = chain;
    check_ok(snp_chain_cache_add(cache, &issued.evidence, SYNTHETIC_NOW, &err), &err);
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++) {
        memcpy(chain, issued.chain, sizeof chain);
        memcpy(der, chain[i].data, chain[i].size);
        chain[i].data = der;
        assert_non_null(snp_chain_cache_find(cache, &changed));
        der[chain[i].size - 1] ^= 1;
        assert_null(snp_chain_cache_find(cache, &changed));
        assert_int_equal(verify_both(cache, &changed, SYNTHETIC_NOW), VERDICT_REFUSED);
        chain[i].size--;
        assert_null(snp_chain_cache_find(cache, &changed));
    }
    memcpy(chain, issued.chain, sizeof chain);
    changed.certificate_count = 2;
    assert_null(snp_chain_cache_find(cache, &changed));
    assert_int_equal(verify_both(cache, &changed, SYNTHETIC_NOW), VERDICT_REFUSED);
}

static void keeps_nothing_that_is_refused(void **state)
{
    (void)state;
    const struct snp_chain_options none = {.time = SYNTHETIC_NOW};
    SNP_CHAIN_CACHE_AUTO *untrusting = snp_chain_cache_new(4, &none, &err);
    assert_non_null(untrusting);
    check_refused(snp_chain_cache_add(untrusting, &issued.evidence, SYNTHETIC_NOW, &err), &err,
                  "root");
    assert_int_equal(snp_chain_cache_count(untrusting), 0);
    SNP_CHAIN_CACHE_AUTO *cache = new_cache(4);
    check_refused(snp_chain_cache_add(cache, &issued.evidence, 0, &err), &err, "validity");
    struct snp_evidence two = issued.evidence;
    two.certificate_count = 2;
    check_error(snp_chain_cache_add(cache, &two, SYNTHETIC_NOW, &err), &err, ERROR_REFUSED);
    assert_int_equal(snp_chain_cache_count(cache), 0);
    const struct snp_chain_options strict_crl = {
        .roots = &issued.root, .root_count = 1, .require_crl = true};
    SNP_CHAIN_CACHE_AUTO *wanting = snp_chain_cache_new(4, &strict_crl, &err);
    check_refused(snp_chain_cache_add(wanting, &issued.evidence, SYNTHETIC_NOW, &err), &err,
                  "revocation");
}

static void refuses_impossible_capacities(void **state)
{
    (void)state;
    const struct snp_chain_options options = {.time = 0};
    assert_null(snp_chain_cache_new(0, &options, &err));
    assert_null(snp_chain_cache_new(SNP_CHAIN_CACHE_MAX + 1, &options, &err));
}

/* A full cache forgets the oldest, and finds all others. */
static void makes_room_for_the_newest(void **state)
{
    (void)state;
    enum { CHAINS = 7, CAPACITY = 3 };
    static struct synthetic_issued many[CHAINS];
    SNP_CHAIN_CACHE_AUTO *cache = NULL;
    for (int i = 0; i < CHAINS; i++) {
        struct synthetic another;
        synthetic_milan(&another);
        another.report.chip_id[0] = (uint8_t)i;
        synthetic_replace(&another, SYNTHETIC_OID "4", another.report.chip_id, 64);
        synthetic_issue(&another, &many[i]);
        /* One root for all, so that all are trusted. */
        many[i].chain[1] = issued.chain[1];
        many[i].chain[2] = issued.chain[2];
    }
    cache = new_cache(CAPACITY);
    for (int i = 0; i < CHAINS; i++) {
        check_ok(snp_chain_cache_add(cache, &many[i].evidence, SYNTHETIC_NOW, &err), &err);
        for (int j = 0; j <= i; j++)
            assert_int_equal(snp_chain_cache_find(cache, &many[j].evidence) != NULL,
                             j > i - CAPACITY);
        assert_int_equal(verify_both(cache, &many[i].evidence, SYNTHETIC_NOW), VERDICT_ACCEPTED);
    }
    assert_int_equal(snp_chain_cache_count(cache), CAPACITY);
    for (int i = 0; i < CHAINS; i++)
        synthetic_fini(&many[i]);
}

static void allocates_nothing_when_the_chain_is_there(void **state)
{
    (void)state;
    SNP_CHAIN_CACHE_AUTO *cache = new_cache(4);
    long before = atomic_load(&allocations);
    assert_int_equal(snp_verify_cached(cache, &issued.evidence, SYNTHETIC_NOW, &strict, &result),
                     VERDICT_ACCEPTED);
    assert_true(atomic_load(&allocations) > before); /* the count counts: three certificates */
    check_ok(snp_chain_cache_add(cache, &issued.evidence, SYNTHETIC_NOW, &err), &err);
    before = atomic_load(&allocations);
    assert_int_equal(snp_verify_cached(cache, &issued.evidence, SYNTHETIC_NOW, &strict, &result),
                     VERDICT_ACCEPTED);
    assert_int_equal(atomic_load(&allocations), before);
}

struct reader {
    pthread_t thread;
    const struct snp_chain_cache *cache;
    int accepted;
};

static void *read_cache(void *arg)
{
    struct reader *reader = arg;
    struct snp_result mine;
    for (int i = 0; i < 50; i++)
        reader->accepted += snp_verify_cached(reader->cache, &issued.evidence, SYNTHETIC_NOW,
                                              &strict, &mine) == VERDICT_ACCEPTED;
    return NULL;
}

static void serves_threads_at_once(void **state)
{
    (void)state;
    struct reader readers[4] = {{0}};
    SNP_CHAIN_CACHE_AUTO *cache = new_cache(4);
    check_ok(snp_chain_cache_add(cache, &issued.evidence, SYNTHETIC_NOW, &err), &err);
    for (int i = 0; i < 4; i++) {
        readers[i].cache = cache;
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_cache, &readers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        assert_int_equal(readers[i].accepted, 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_as_without_a_cache),
        cmocka_unit_test(judges_validity_at_each_use),
        cmocka_unit_test(checks_each_report_by_itself),
        cmocka_unit_test(finds_no_other_certificates),
        cmocka_unit_test(keeps_nothing_that_is_refused),
        cmocka_unit_test(refuses_impossible_capacities),
        cmocka_unit_test(makes_room_for_the_newest),
        cmocka_unit_test(allocates_nothing_when_the_chain_is_there),
        cmocka_unit_test(serves_threads_at_once),
    };
    return cmocka_run_group_tests(tests, start, end);
}
