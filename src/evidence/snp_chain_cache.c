#include "evidence/snp_chain_cache.h"

#include <stdlib.h>

/*
 * An open-addressed table of twice the capacity, by the key's first bytes: the key is a SHA-256, so
 * nobody who offers chains can make many of them meet, and each must verify before it is kept. A
 * chain that makes place leaves its neighbours where lookups find them: the table is then built
 * anew.
 */
struct snp_chain_cache {
    size_t capacity;
    size_t count;
    size_t next;                      /* in `chains`: where the next one goes */
    struct snp_cached_chain **chains; /* in the order in which they came, a ring */
    const struct snp_cached_chain **table;
    size_t mask;
    struct trusted_root *roots;
    uint8_t *crl;
    struct snp_chain_options options;
};

static int copy_options(struct snp_chain_cache *cache, const struct snp_chain_options *options,
                        struct error *err)
{
    cache->options = *options;
    cache->options.time = 0;
    cache->roots = calloc(options->root_count + 1, sizeof *cache->roots);
    cache->crl = malloc(options->crl.size + 1);
    if (!cache->roots || !cache->crl)
        return error_memory(err);
    if (options->root_count > 0)
        memcpy(cache->roots, options->roots, options->root_count * sizeof *cache->roots);
    if (options->crl.size > 0)
        memcpy(cache->crl, options->crl.data, options->crl.size);
    cache->options.roots = cache->roots;
    cache->options.crl = span_of(cache->crl, options->crl.size);
    return 0;
}

struct snp_chain_cache *snp_chain_cache_new(size_t capacity,
                                            const struct snp_chain_options *options,
                                            struct error *err)
{
    if (capacity == 0 || capacity > SNP_CHAIN_CACHE_MAX || options->crl.size > CRL_DER_MAX) {
        (void)error_set(err, ERROR_LIMIT, "a cache of %zu chains; 1 to %d are allowed", capacity,
                        SNP_CHAIN_CACHE_MAX);
        return NULL;
    }
    SNP_CHAIN_CACHE_AUTO *cache = calloc(1, sizeof *cache);
    if (!cache) {
        (void)error_memory(err);
        return NULL;
    }
    size_t slots = 2;
    while (slots < 2 * capacity)
        slots *= 2;
    cache->capacity = capacity;
    cache->mask = slots - 1;
    cache->chains = calloc(capacity, sizeof(struct snp_cached_chain *));
    cache->table = calloc(slots, sizeof(const struct snp_cached_chain *));
    if (!cache->chains || !cache->table || copy_options(cache, options, err) < 0) {
        (void)error_memory(err);
        return NULL;
    }
    struct snp_chain_cache *result = cache;
    cache = NULL;
    return result;
}

static void free_chain(struct snp_cached_chain *cached)
{
    if (cached)
        snp_chain_fini(&cached->chain);
    free(cached);
}

void snp_chain_cache_free(struct snp_chain_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; cache->chains && i < cache->capacity; i++)
        free_chain(cache->chains[i]);
    free(cache->chains);
    free(cache->table);
    free(cache->roots);
    free(cache->crl);
    free(cache);
}

void snp_chain_cache_cleanup(struct snp_chain_cache **cache)
{
    snp_chain_cache_free(*cache);
}

/* SHA-256 of the certificates, each behind its size, so that no two lists have the same text. */
static bool make_key(const struct snp_evidence *evidence, uint8_t key[SHA256_SIZE])
{
    struct sha256 ctx;
    if (evidence->certificate_count != SNP_CHAIN_LENGTH)
        return false;
    sha256_init(&ctx);
    for (size_t i = 0; i < SNP_CHAIN_LENGTH; i++) {
        struct span der = evidence->certificates[i];
        const uint8_t size[4] = {(uint8_t)(der.size >> 24), (uint8_t)(der.size >> 16),
                                 (uint8_t)(der.size >> 8), (uint8_t)der.size};
        if (der.size > CERTIFICATE_DER_MAX)
            return false;
        sha256_update(&ctx, span_of(size, sizeof size));
        sha256_update(&ctx, der);
    }
    sha256_final(&ctx, key);
    return true;
}

/* The slot of the chain with this key, or the empty one where it belongs. */
static size_t find_slot(const struct snp_chain_cache *cache, const uint8_t key[SHA256_SIZE])
{
    size_t slot = 0;
    for (int i = 0; i < 4; i++)
        slot = slot << 8 | key[i];
    slot &= cache->mask;
    while (cache->table[slot] && memcmp(cache->table[slot]->key, key, SHA256_SIZE) != 0)
        slot = (slot + 1) & cache->mask;
    return slot;
}

const struct snp_cached_chain *snp_chain_cache_find(const struct snp_chain_cache *cache,
                                                    const struct snp_evidence *evidence)
{
    uint8_t key[SHA256_SIZE];
    return make_key(evidence, key) ? cache->table[find_slot(cache, key)] : NULL;
}

/* Verifies into `cached`; the error names the first check that failed. */
static int verify_chain(struct snp_cached_chain *cached, const struct snp_evidence *evidence,
                        const struct snp_chain_options *options, struct error *err)
{
    struct checks checks;
    checks_init(&checks);
    bool read = snp_chain_check(&cached->chain, evidence->certificates, evidence->certificate_count,
                                options, &checks);
    const struct check *failure = checks_first_failure(&checks);
    if (failure)
        return error_set(err, ERROR_REFUSED, "%s: %s", failure->rule->name, failure->found);
    if (!read || checks.overflow || checks.count > SNP_CHAIN_CHECKS_MAX)
        return error_set(err, ERROR_REFUSED, "the chain was not verified whole");
    memcpy(cached->checks, checks.items, checks.count * sizeof *checks.items);
    cached->check_count = checks.count;
    return 0;
}

struct snp_cached_chain *snp_cached_chain_new(const struct snp_chain_cache *cache,
                                              const struct snp_evidence *evidence, int64_t time,
                                              struct error *err)
{
    struct snp_chain_options options;
    struct snp_cached_chain *cached = calloc(1, sizeof *cached);
    if (!cached) {
        (void)error_memory(err);
        return NULL;
    }
    snp_chain_cache_options(cache, time, &options);
    if (!make_key(evidence, cached->key))
        (void)error_set(err, ERROR_REFUSED, "a chain is three certificates of at most %d bytes",
                        CERTIFICATE_DER_MAX);
    else if (verify_chain(cached, evidence, &options, err) == 0)
        return cached;
    free_chain(cached);
    return NULL;
}

void snp_chain_cache_put(struct snp_chain_cache *cache, struct snp_cached_chain *cached)
{
    bool full = cache->count == cache->capacity;
    if (cache->table[find_slot(cache, cached->key)]) {
        free_chain(cached);
        return;
    }
    free_chain(cache->chains[cache->next]);
    cache->chains[cache->next] = cached;
    cache->next = (cache->next + 1) % cache->capacity;
    cache->count += full ? 0 : 1;
    if (!full) {
        cache->table[find_slot(cache, cached->key)] = cached;
        return;
    }
    memset(cache->table, 0, (cache->mask + 1) * sizeof(const struct snp_cached_chain *));
    for (size_t i = 0; i < cache->count; i++)
        cache->table[find_slot(cache, cache->chains[i]->key)] = cache->chains[i];
}

int snp_chain_cache_add(struct snp_chain_cache *cache, const struct snp_evidence *evidence,
                        int64_t time, struct error *err)
{
    if (snp_chain_cache_find(cache, evidence))
        return 0;
    struct snp_cached_chain *cached = snp_cached_chain_new(cache, evidence, time, err);
    if (!cached)
        return -1;
    snp_chain_cache_put(cache, cached);
    return 0;
}

void snp_chain_cache_options(const struct snp_chain_cache *cache, int64_t time,
                             struct snp_chain_options *options)
{
    *options = cache->options;
    options->time = time;
}

size_t snp_chain_cache_count(const struct snp_chain_cache *cache)
{
    return cache->count;
}
