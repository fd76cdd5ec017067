/*
 * Chains that were verified once, for a caller that verifies many reports: under these roots and
 * this revocation list, each is found again by the SHA-256 of its certificates. What depends on the
 * time (validity, whether the list is current) is checked at each use.
 *
 * A cache takes no lock. Any number of threads may read one at once (snp_verify_cached); who adds
 * must be alone with it, by a lock of its own. What was added never changes, but adding to a full
 * cache frees the chain that was added first.
 */
#ifndef CAISSON_EVIDENCE_SNP_CHAIN_CACHE_H
#define CAISSON_EVIDENCE_SNP_CHAIN_CACHE_H

#include "evidence/snp_chain.h"

#define SNP_CHAIN_CACHE_MAX  65536 /* chains in one cache */
#define SNP_CHAIN_CHECKS_MAX 16    /* checks of one chain */

struct snp_cached_chain {
    uint8_t key[SHA256_SIZE];
    struct snp_chain chain;
    struct check checks[SNP_CHAIN_CHECKS_MAX];
    size_t check_count;
};

struct snp_chain_cache;

/* An empty cache for up to `capacity` chains. The options' roots and revocation list are copied,
 * their time is not used. The caller frees it. */
struct snp_chain_cache *snp_chain_cache_new(size_t capacity,
                                            const struct snp_chain_options *options,
                                            struct error *err);
void snp_chain_cache_free(struct snp_chain_cache *cache);
void snp_chain_cache_cleanup(struct snp_chain_cache **cache);
#define SNP_CHAIN_CACHE_AUTO                                                                       \
    __attribute__((cleanup(snp_chain_cache_cleanup))) struct snp_chain_cache

/* Verifies the evidence's certificates as of `time` and keeps the chain when every check of it
 * passes; one that is there already stays. ERROR_REFUSED with the check that failed, or
 * ERROR_MEMORY; nothing is kept then. */
int snp_chain_cache_add(struct snp_chain_cache *cache, const struct snp_evidence *evidence,
                        int64_t time, struct error *err);

/* The same in two steps, for a caller whose other threads must not wait while a chain is verified:
 * the first one needs no lock, the second takes what the first made, for good. */
struct snp_cached_chain *snp_cached_chain_new(const struct snp_chain_cache *cache,
                                              const struct snp_evidence *evidence, int64_t time,
                                              struct error *err);
void snp_chain_cache_put(struct snp_chain_cache *cache, struct snp_cached_chain *cached);

/* The chain of these very certificates, or NULL. */
const struct snp_cached_chain *snp_chain_cache_find(const struct snp_chain_cache *cache,
                                                    const struct snp_evidence *evidence);

/* The cache's roots and revocation list, borrowed, with this time. */
void snp_chain_cache_options(const struct snp_chain_cache *cache, int64_t time,
                             struct snp_chain_options *options);

size_t snp_chain_cache_count(const struct snp_chain_cache *cache);

#endif
