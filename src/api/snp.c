/* SEV-SNP, exported. */
#include <stdlib.h>

#include "api/snp_input.h"
#include "base/text.h"

#define DER_SEQUENCE 0x30

struct caisson_snp_cache {
    struct snp_chain_cache *chains;
};

/* --- from the public structures to the library's own ------------------------------------------ */

static struct snp_chain_options options_of(const struct caisson_snp_input *in,
                                           const struct trusted_root *roots)
{
    return (struct snp_chain_options){.time = in->time,
                                      .roots = roots,
                                      .root_count = in->root_count,
                                      .crl = span_of_bytes(in->crl),
                                      .require_crl = in->require_crl,
                                      .allow_stale_crl = in->allow_stale_crl};
}

/* Three certificates in DER need no sorting when they come in the chain's order, and a cache is
 * asked for them as they are: nothing is allocated. */
static bool take_chain(const struct caisson_snp_input *in, struct span chain[SNP_CHAIN_LENGTH])
{
    if (in->certificate_count != SNP_CHAIN_LENGTH)
        return false;
    for (size_t i = 0; i < SNP_CHAIN_LENGTH; i++) {
        chain[i] = span_of_bytes(in->certificates[i]);
        if (chain[i].size == 0 || chain[i].data[0] != DER_SEQUENCE)
            return false;
    }
    return true;
}

/* --- verification ----------------------------------------------------------------------------- */

static int verify_anew(const struct caisson_snp_input *in, const struct snp_appraisal *appraisal,
                       struct caisson_result *result, struct error *err)
{
    SNP_CERTIFICATES_AUTO all;
    struct span chain[SNP_CHAIN_LENGTH];
    struct trusted_root roots[ROOTS_MAX];
    snp_certificates_init(&all);
    if (input_take_roots(in->roots, in->root_count, roots, err) < 0 ||
        input_order_certificates(in->certificates, in->certificate_count, &all, chain, err) < 0)
        return -1;
    const struct snp_evidence evidence = {span_of_bytes(in->report), chain, SNP_CHAIN_LENGTH};
    const struct snp_chain_options options = options_of(in, roots);
    result->verdict = snp_verify(&evidence, &options, appraisal, &result->of.snp);
    return 0;
}

static int verify_as(const struct caisson_snp_input *in, const struct snp_appraisal *appraisal,
                     struct caisson_result *result, struct error *err)
{
    struct span chain[SNP_CHAIN_LENGTH];
    if (!in->cache)
        return verify_anew(in, appraisal, result, err);
    if (!take_chain(in, chain))
        return error_set(
            err, ERROR_USAGE,
            "a cache is asked for three certificates in DER: leaf, intermediate, root");
    const struct snp_evidence evidence = {span_of_bytes(in->report), chain, SNP_CHAIN_LENGTH};
    result->verdict = snp_verify_cached(in->cache->chains, &evidence, in->time, appraisal,
                                        &result->of.snp);
    return 0;
}

static int verify(const struct caisson_snp_input *given, struct caisson_result *result,
                  struct error *err)
{
    struct caisson_snp_input in;
    SNP_APPRAISAL_FILE_AUTO wishes = {0};
    if (input_take(&in, sizeof in, given, "caisson_snp_input", err) < 0 ||
        input_check_certificates(in.certificates, in.certificate_count, err) < 0 ||
        input_take_snp_appraisal(in.appraisal, in.appraisal_file, &wishes, err) < 0)
        return -1;
    return verify_as(&in, &wishes.appraisal, result, err);
}

enum caisson_verdict caisson_verify_snp(const struct caisson_snp_input *input,
                                        struct caisson_result *result)
{
    result_reset(result);
    if (verify(input, result, &result->error) == 0)
        result->kind = RESULT_SNP;
    return caisson_result_verdict(result);
}

bool caisson_result_get_snp(const struct caisson_result *result, struct caisson_snp_claims *out)
{
    const struct snp_result *snp = result_snp(result);
    if (!snp || result->verdict != VERDICT_ACCEPTED)
        return false;
    const struct snp_report *report = &snp->report;
    *out = (struct caisson_snp_claims){
        .version = report->version,
        .guest_svn = report->guest_svn,
        .policy = report->policy,
        .vmpl = report->vmpl,
        .platform_info = report->platform_info,
        .product = snp->product,
        .family_id = report->family_id,
        .image_id = report->image_id,
        .report_data = report->report_data,
        .measurement = report->measurement,
        .host_data = report->host_data,
        .id_key_digest = report->id_key_digest,
        .author_key_digest = report->author_key_digest,
        .report_id = report->report_id,
        .chip_id = report->chip_id,
        .current_tcb = report->current_tcb,
        .reported_tcb = report->reported_tcb,
        .committed_tcb = report->committed_tcb,
        .launch_tcb = report->launch_tcb,
    };
    return true;
}

/* --- the cache -------------------------------------------------------------------------------- */

struct caisson_snp_cache *caisson_snp_cache_new(size_t capacity,
                                                const struct caisson_snp_input *input)
{
    struct caisson_snp_input in;
    struct trusted_root roots[ROOTS_MAX];
    struct caisson_snp_cache *cache = calloc(1, sizeof *cache);
    if (!cache || input_take(&in, sizeof in, input, "caisson_snp_input", NULL) < 0 ||
        input_take_roots(in.roots, in.root_count, roots, NULL) < 0) {
        free(cache);
        return NULL;
    }
    const struct snp_chain_options options = options_of(&in, roots);
    cache->chains = snp_chain_cache_new(capacity, &options, NULL);
    if (!cache->chains) {
        free(cache);
        return NULL;
    }
    return cache;
}

void caisson_snp_cache_free(struct caisson_snp_cache *cache)
{
    if (!cache)
        return;
    snp_chain_cache_free(cache->chains);
    free(cache);
}

static int add(struct caisson_snp_cache *cache, const struct caisson_snp_input *input,
               struct error *err)
{
    struct caisson_snp_input in;
    struct span chain[SNP_CHAIN_LENGTH];
    if (input_take(&in, sizeof in, input, "caisson_snp_input", err) < 0 ||
        input_check_certificates(in.certificates, in.certificate_count, err) < 0)
        return -1;
    if (!take_chain(&in, chain))
        return error_set(err, ERROR_USAGE,
                         "a cache takes three certificates in DER: leaf, intermediate, root");
    const struct snp_evidence evidence = {span_of_bytes(in.report), chain, SNP_CHAIN_LENGTH};
    return snp_chain_cache_add(cache->chains, &evidence, in.time, err);
}

bool caisson_snp_cache_add(struct caisson_snp_cache *cache, const struct caisson_snp_input *input,
                           char error[256])
{
    struct error err = {0};
    bool good = add(cache, input, &err) == 0;
    if (error)
        (void)text_copy(error, 256, err.text);
    return good;
}
