#include "service/snp_chains.h"

#include <pthread.h>
#include <stdlib.h>

struct snp_chains {
    pthread_rwlock_t lock; /* held to read while a report is verified */
    struct snp_chain_cache *cache;
};

/* Who adds goes before who reads: else readers that never end would keep it out for good. */
static bool init_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attributes;
    if (pthread_rwlockattr_init(&attributes) != 0)
        return false;
    (void)pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    int result = pthread_rwlock_init(lock, &attributes);
    (void)pthread_rwlockattr_destroy(&attributes);
    return result == 0;
}

struct snp_chains *snp_chains_new(const struct trusted_root *roots, size_t root_count,
                                  struct error *err)
{
    struct snp_chain_options options = {.roots = roots, .root_count = root_count};
    struct snp_chains *chains = calloc(1, sizeof *chains);
    if (!chains || !init_lock(&chains->lock)) {
        free(chains);
        (void)error_memory(err);
        return NULL;
    }
    chains->cache = snp_chain_cache_new(SNP_CHAINS_MAX, &options, err);
    if (chains->cache)
        return chains;
    snp_chains_free(chains);
    return NULL;
}

void snp_chains_free(struct snp_chains *chains)
{
    if (!chains)
        return;
    snp_chain_cache_free(chains->cache);
    (void)pthread_rwlock_destroy(&chains->lock);
    free(chains);
}

/* True where the chain was known, and the report is verified by it. */
static bool verify_known(struct snp_chains *chains, const struct snp_evidence *evidence,
                         int64_t time, const struct snp_appraisal *appraisal,
                         struct snp_result *result)
{
    (void)pthread_rwlock_rdlock(&chains->lock);
    const struct snp_cached_chain *found = snp_chain_cache_find(chains->cache, evidence);
    if (found)
        (void)snp_verify_found(chains->cache, found, evidence->report, time, appraisal, result);
    (void)pthread_rwlock_unlock(&chains->lock);
    return found;
}

static void verify_new(struct snp_chains *chains, const struct snp_evidence *evidence, int64_t time,
                       const struct snp_appraisal *appraisal, struct snp_result *result)
{
    struct error err = {0}; /* the checks say it again */
    struct snp_chain_options options;
    struct snp_cached_chain *cached = snp_cached_chain_new(chains->cache, evidence, time, &err);
    if (cached) {
        (void)pthread_rwlock_wrlock(&chains->lock);
        snp_chain_cache_put(chains->cache, cached);
        (void)pthread_rwlock_unlock(&chains->lock);
        if (verify_known(chains, evidence, time, appraisal, result))
            return;
    }
    snp_chain_cache_options(chains->cache, time, &options);
    (void)snp_verify(evidence, &options, appraisal, result);
}

/* A chain that comes as it came before needs not be put in order: to read certificates costs as
 * much as to check their signatures. */
int snp_chains_verify(struct snp_chains *chains, const struct snp_certificates *certificates,
                      struct span report, int64_t time, const struct snp_appraisal *appraisal,
                      struct snp_result *result, struct error *err)
{
    struct span ders[SNP_CHAIN_LENGTH];
    struct snp_evidence evidence = {report, ders, SNP_CHAIN_LENGTH};
    for (size_t i = 0; i < SNP_CHAIN_LENGTH; i++)
        ders[i] = buf_span(&certificates->der[i]);
    if (certificates->count == SNP_CHAIN_LENGTH &&
        verify_known(chains, &evidence, time, appraisal, result))
        return 0;
    if (snp_certificates_order(certificates, ders, err) < 0)
        return -1;
    if (!verify_known(chains, &evidence, time, appraisal, result))
        verify_new(chains, &evidence, time, appraisal, result);
    return 0;
}

void snp_chains_options(const struct snp_chains *chains, int64_t time,
                        struct snp_chain_options *out)
{
    snp_chain_cache_options(chains->cache, time, out);
}
