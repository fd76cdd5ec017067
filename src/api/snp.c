/* SEV-SNP, exported. */
#include <stdlib.h>

#include "api/result.h"
#include "base/text.h"
#include "evidence/snp_appraisal_file.h"
#include "evidence/snp_certificates.h"

#define ROOTS_MAX    64
#define DER_SEQUENCE 0x30

struct caisson_snp_cache {
    struct snp_chain_cache *chains;
};

/* --- from the public structures to the library's own ------------------------------------------ */

static void take_tcb(const struct caisson_snp_tcb *tcb, struct snp_tcb_minimum *out)
{
    out->parts[SNP_TCB_FMC] = tcb->fmc;
    out->parts[SNP_TCB_BOOTLOADER] = tcb->bootloader;
    out->parts[SNP_TCB_TEE] = tcb->tee;
    out->parts[SNP_TCB_SNP] = tcb->snp;
    out->parts[SNP_TCB_MICROCODE] = tcb->microcode;
    out->wanted = !span_is_zero(span_of(out->parts, sizeof out->parts));
}

static int take_appraisal(const struct caisson_snp_appraisal *given, struct snp_appraisal *out,
                          struct error *err)
{
    struct caisson_snp_appraisal in;
    *out = (struct snp_appraisal){0};
    if (!given)
        return 0;
    if (input_take(&in, sizeof in, given, "caisson_snp_appraisal", err) < 0)
        return -1;
    *out = (struct snp_appraisal){
        .allow_masked_chip_id = in.allow_masked_chip_id,
        .allow_debug = in.allow_debug,
        .allow_migration_agent = in.allow_migration_agent,
        .allow_provisional_firmware = in.allow_provisional_firmware,
        .allow_old_launch_tcb = in.allow_old_launch_tcb,
        .vmpl_max = in.vmpl_max,
        .minimum_guest_svn = in.minimum_guest_svn,
        .policy = {in.policy_required, in.policy_forbidden},
        .platform = {in.platform_required, in.platform_forbidden},
        .report_data = in.report_data,
        .host_data = in.host_data,
        .family_id = in.family_id,
        .image_id = in.image_id,
        .id_key_digest = in.id_key_digest,
        .author_key_digest = in.author_key_digest,
        .report_id = in.report_id,
        .measurements = in.measurements,
        .measurement_count = in.measurement_count,
        .chip_ids = in.chip_ids,
        .chip_id_count = in.chip_id_count,
    };
    take_tcb(&in.minimum_reported_tcb, &out->minimum_tcb[SNP_TCB_REPORTED]);
    take_tcb(&in.minimum_committed_tcb, &out->minimum_tcb[SNP_TCB_COMMITTED]);
    take_tcb(&in.minimum_launch_tcb, &out->minimum_tcb[SNP_TCB_LAUNCH]);
    return 0;
}

static int take_roots(const struct caisson_snp_input *in, struct trusted_root roots[ROOTS_MAX],
                      struct error *err)
{
    if (in->root_count > ROOTS_MAX || (in->root_count > 0 && !in->roots))
        return error_set(err, ERROR_USAGE, "%zu roots were given; up to %d can be", in->root_count,
                         ROOTS_MAX);
    for (size_t i = 0; i < in->root_count; i++) {
        memcpy(roots[i].digest, in->roots[i].sha256, SHA256_SIZE);
        roots[i].simulated = in->roots[i].simulated;
    }
    return 0;
}

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

static int check_certificates(const struct caisson_snp_input *in, struct error *err)
{
    if (!in->certificates || in->certificate_count == 0 ||
        in->certificate_count > SNP_CERTIFICATES_MAX)
        return error_set(err, ERROR_USAGE, "%zu pieces of certificates were given; 1 to %d can be",
                         in->certificate_count, SNP_CERTIFICATES_MAX);
    return 0;
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

static int order_chain(const struct caisson_snp_input *in, struct snp_certificates *all,
                       struct span chain[SNP_CHAIN_LENGTH], struct error *err)
{
    for (size_t i = 0; i < in->certificate_count; i++) {
        if (snp_certificates_add(all, span_of_bytes(in->certificates[i]), err) < 0)
            return error_context(err, "certificates[%zu]", i);
    }
    return snp_certificates_order(all, chain, err);
}

/* --- verification ----------------------------------------------------------------------------- */

static int verify_anew(const struct caisson_snp_input *in, const struct snp_appraisal *appraisal,
                       struct caisson_result *result, struct error *err)
{
    SNP_CERTIFICATES_AUTO all;
    struct span chain[SNP_CHAIN_LENGTH];
    struct trusted_root roots[ROOTS_MAX];
    snp_certificates_init(&all);
    if (take_roots(in, roots, err) < 0 || order_chain(in, &all, chain, err) < 0)
        return -1;
    const struct snp_evidence evidence = {span_of_bytes(in->report), chain, SNP_CHAIN_LENGTH};
    const struct snp_chain_options options = options_of(in, roots);
    result->verdict = snp_verify(&evidence, &options, appraisal, &result->snp);
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
                                        &result->snp);
    return 0;
}

static int verify_by_file(const struct caisson_snp_input *in, struct caisson_result *result,
                          struct error *err)
{
    SNP_APPRAISAL_FILE_AUTO file = {0};
    if (in->appraisal)
        return error_set(err, ERROR_USAGE, "give an appraisal or an appraisal file, not both");
    if (snp_appraisal_file_parse(span_of_bytes(in->appraisal_file), &file, err) < 0)
        return error_context(err, "appraisal_file");
    return verify_as(in, &file.appraisal, result, err);
}

static int verify(const struct caisson_snp_input *given, struct caisson_result *result,
                  struct error *err)
{
    struct caisson_snp_input in;
    struct snp_appraisal appraisal;
    if (input_take(&in, sizeof in, given, "caisson_snp_input", err) < 0 ||
        check_certificates(&in, err) < 0)
        return -1;
    if (in.appraisal_file.size > 0)
        return verify_by_file(&in, result, err);
    if (take_appraisal(in.appraisal, &appraisal, err) < 0)
        return -1;
    return verify_as(&in, &appraisal, result, err);
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
    const struct snp_report *report = &result->snp.report;
    if (result->kind != RESULT_SNP || result->verdict != VERDICT_ACCEPTED)
        return false;
    *out = (struct caisson_snp_claims){
        .version = report->version,
        .guest_svn = report->guest_svn,
        .policy = report->policy,
        .vmpl = report->vmpl,
        .platform_info = report->platform_info,
        .product = result->snp.product,
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
        take_roots(&in, roots, NULL) < 0) {
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
        check_certificates(&in, err) < 0)
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
