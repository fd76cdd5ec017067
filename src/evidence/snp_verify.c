#include "evidence/snp_verify.h"

#include <stdio.h>

#include "base/hex.h"

static const struct check_rule rule_format = {
    "report_format", "AMD 56860, section 7.3, table 23",
    "this is not an attestation report of a version from 2 to 5"};
static const struct check_rule rule_reserved = {
    "reserved_fields", "AMD 56860, section 7.3, table 23",
    "the report has content where its version has none: it is damaged, or newer than it says"};
static const struct check_rule rule_algorithm = {"signature_algorithm",
                                                 "AMD 56860, section 10, table 139",
                                                 "only ECDSA on P-384 with SHA-384 is known"};
static const struct check_rule rule_signing_key = {
    "signing_key", "AMD 56860, section 7.3 (KEY_INFO)",
    "give the certificate of the key that signed: a VCEK's and a VLEK's can't stand for each "
    "other"};
static const struct check_rule rule_range = {
    "signature_range", "FIPS 186-5, section 6.4.2; AMD 56860, section 10",
    "r and s must lie between 1 and the group's order, little endian, the fields' tails zero"};
static const struct check_rule rule_signature = {
    "signature", "AMD 56860, section 7.3",
    "the report was changed, or another chip's key signed it: fetch both again, together"};
static const struct check_rule rule_product = {
    "product", "AMD 57230, section 3.1; AMD 56860, section 7.3 (CPUID)",
    "the leaf is another processor generation's than the report"};
static const struct check_rule rule_tcb = {
    "reported_tcb", "AMD 57230, section 3.1; AMD 56860, section 7.3 (REPORTED_TCB)",
    "fetch the leaf for the report's REPORTED_TCB (not CURRENT_TCB)"};
static const struct check_rule rule_chip_id = {
    "chip_id", "AMD 57230, section 3.1 (HWID); AMD 56860, section 7.3 (CHIP_ID)",
    "the leaf is another chip's, or the host masks the chip's id; allow that only knowingly"};

/* The order of P-384's group, FIPS 186-5 (SP 800-186, section 3.2.1.4), big endian. */
static const uint8_t group_order[SNP_SCALAR_SIZE] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73};

#define SIGNATURE_FIELD_SIZE 72

struct signature {
    uint8_t r[SNP_SCALAR_SIZE]; /* big endian */
    uint8_t s[SNP_SCALAR_SIZE];
};

static void reverse(uint8_t out[SNP_SCALAR_SIZE], const uint8_t *little_endian)
{
    for (size_t i = 0; i < SNP_SCALAR_SIZE; i++)
        out[i] = little_endian[SNP_SCALAR_SIZE - 1 - i];
}

static bool is_scalar(const uint8_t number[SNP_SCALAR_SIZE])
{
    return !span_is_zero(span_of(number, SNP_SCALAR_SIZE)) &&
           memcmp(number, group_order, SNP_SCALAR_SIZE) < 0;
}

static bool has_zero_tail(const uint8_t field[SIGNATURE_FIELD_SIZE])
{
    return span_is_zero(span_of(field + SNP_SCALAR_SIZE, SIGNATURE_FIELD_SIZE - SNP_SCALAR_SIZE));
}

static void check_format(struct snp_result *result, struct span report, struct checks *checks)
{
    struct error err = {0};
    char found[CHECK_TEXT_SIZE];
    bool reserved = snp_report_check_reserved(report, &result->report, &err) == 0;
    (void)snprintf(found, sizeof found, "version %u", result->report.version);
    (void)checks_add(checks, &rule_format, CHECK_PASSED, "1184 bytes, version 2 to 5", found);
    (void)checks_judge(checks, &rule_reserved, reserved, "all zero",
                       reserved ? "all zero" : err.text);
    (void)snprintf(found, sizeof found, "%u", result->report.signature_algorithm);
    bool known = result->report.signature_algorithm == SNP_ALGORITHM_ECDSA_P384_SHA384;
    (void)checks_judge(checks, &rule_algorithm, known, "1 (ECDSA P-384 with SHA-384)", found);
}

static const char *signing_key_name(unsigned key)
{
    static const char *const names[8] = {
        [SNP_SIGNING_VCEK] = "VCEK", [SNP_SIGNING_VLEK] = "VLEK", [SNP_SIGNING_NONE] = "none"};
    return names[key & 7] ? names[key & 7] : "reserved";
}

static void check_signing_key(const struct snp_report *report, const struct snp_chain *chain,
                              struct checks *checks)
{
    unsigned key = snp_report_signing_key(report);
    unsigned expected = chain->leaf.is_vlek ? SNP_SIGNING_VLEK : SNP_SIGNING_VCEK;
    char text[CHECK_TEXT_SIZE];
    (void)snprintf(text, sizeof text, "%s, as the leaf %s", signing_key_name(expected),
                   certificate_name(chain->certificates[0]));
    (void)checks_judge(checks, &rule_signing_key, key == expected, text, signing_key_name(key));
}

static void check_signature(struct span bytes, const struct snp_report *report,
                            const struct snp_chain *chain, struct checks *checks)
{
    struct signature signature;
    reverse(signature.r, report->signature_r);
    reverse(signature.s, report->signature_s);
    bool in_range = is_scalar(signature.r) && is_scalar(signature.s) &&
                    has_zero_tail(report->signature_r) && has_zero_tail(report->signature_s);
    (void)checks_judge(checks, &rule_range, in_range, "1 to n-1, tails zero",
                       in_range ? "in range" : "out of range");
    uint8_t digest[SHA384_SIZE];
    struct error err = {0};
    sha384_digest(span_of(bytes.data, SNP_SIGNED_SIZE), digest);
    bool good = certificate_check_ecdsa_p384(chain->certificates[0], digest, signature.r,
                                             signature.s, &err) == 0;
    (void)checks_judge(checks, &rule_signature, good, "by the leaf's key, over bytes 0x0 to 0x29f",
                       good ? "good" : err.text);
}

/* A version 2 report does not name its product; a chip id that is zero from byte 8 on is Turin's.
 */
static const struct snp_product *product_of(const struct snp_report *report,
                                            const struct snp_chain *chain)
{
    if (report->version > 2)
        return snp_product_of_cpuid(report->cpuid_family, report->cpuid_model);
    struct span tail = span_of(report->chip_id + 8, sizeof report->chip_id - 8);
    bool masked = span_is_zero(span_of(report->chip_id, sizeof report->chip_id));
    if (!masked && span_is_zero(tail))
        return snp_product_by_name(span_of_text("Turin"));
    return chain->leaf.product;
}

static void write_product(const struct snp_report *report, const struct snp_product *product,
                          char out[CHECK_TEXT_SIZE])
{
    const char *name = product ? product->name : "unknown";
    const char *note = "";
    if (report->version == 2) {
        (void)snprintf(out, CHECK_TEXT_SIZE, "%s (version 2 does not say)", name);
        return;
    }
    if (!product && snp_product_name_of_cpuid(report->cpuid_family, report->cpuid_model)) {
        name = snp_product_name_of_cpuid(report->cpuid_family, report->cpuid_model);
        note = ": no root of AMD's is pinned for it";
    }
    (void)snprintf(out, CHECK_TEXT_SIZE, "%s (CPUID family %02xh, model %02xh)%s", name,
                   report->cpuid_family, report->cpuid_model, note);
}

static void check_product(const struct snp_report *report, const struct snp_chain *chain,
                          struct checks *checks)
{
    const struct snp_product *leaf = chain->leaf.product;
    const struct snp_product *product = product_of(report, chain);
    char found[CHECK_TEXT_SIZE];
    write_product(report, product, found);
    (void)checks_judge(checks, &rule_product, leaf && leaf == product,
                       leaf ? leaf->name : "a known product in the leaf", found);
}

static void check_tcb(const struct snp_report *report, const struct snp_chain *chain,
                      struct checks *checks)
{
    if (!chain->leaf.product) {
        (void)checks_add(checks, &rule_tcb, CHECK_FAILED, "the leaf's", "the leaf does not say");
        return;
    }
    (void)checks_compare(checks, &rule_tcb, span_of(chain->leaf.tcb, SNP_TCB_SIZE),
                         span_of(report->reported_tcb, SNP_TCB_SIZE));
}

static void check_chip_id(const struct snp_report *report, const struct snp_chain *chain,
                          bool allow_masked, struct checks *checks)
{
    struct span chip_id = span_of(report->chip_id, sizeof report->chip_id);
    if (chain->leaf.is_vlek) {
        (void)checks_add(checks, &rule_chip_id, CHECK_SKIPPED, "nothing",
                         "a VLEK is a provider's key, not a chip's");
        return;
    }
    struct span hwid = chain->leaf.hwid;
    if (hwid.size == 0) {
        (void)checks_add(checks, &rule_chip_id, CHECK_FAILED, "the leaf's HWID",
                         "the leaf does not say");
        return;
    }
    if ((report->key_info & SNP_KEY_INFO_MASK_CHIP) && span_is_zero(chip_id)) {
        (void)checks_add(checks, &rule_chip_id, allow_masked ? CHECK_SKIPPED : CHECK_FAILED,
                         "the leaf's HWID", "masked by the host (MASK_CHIP_KEY)");
        return;
    }
    /* Turin's HWID has 8 bytes; what follows in CHIP_ID is zero. */
    bool zero_tail = span_is_zero(span_of(chip_id.data + hwid.size, chip_id.size - hwid.size));
    (void)checks_compare(checks, &rule_chip_id, hwid,
                         zero_tail ? span_of(chip_id.data, hwid.size) : chip_id);
}

static void verify_under(const struct snp_chain *chain, struct span report,
                         const struct snp_appraisal *appraisal, struct snp_result *result)
{
    struct checks *checks = &result->checks;
    result->simulated = chain->simulated;
    result->product = chain->leaf.product ? chain->leaf.product->name : NULL;
    check_signing_key(&result->report, chain, checks);
    check_signature(report, &result->report, chain, checks);
    check_product(&result->report, chain, checks);
    check_tcb(&result->report, chain, checks);
    check_chip_id(&result->report, chain, appraisal->allow_masked_chip_id, checks);
    snp_appraise(&result->report, chain->leaf.product, appraisal, checks);
    checks_complete(checks);
}

void snp_result_init(struct snp_result *result)
{
    checks_init(&result->checks);
    memset(&result->report, 0, sizeof result->report);
    result->product = NULL;
    result->simulated = false;
}

/* The report by itself; false where it can't be read. */
static bool begin(struct span report, struct snp_result *result)
{
    struct error err = {0};
    snp_result_init(result);
    if (snp_report_parse(report, &result->report, &err) < 0)
        return checks_add(&result->checks, &rule_format, CHECK_FAILED, "1184 bytes, version 2 to 5",
                          err.text);
    check_format(result, report, &result->checks);
    return true;
}

enum verdict snp_verify(const struct snp_evidence *evidence,
                        const struct snp_chain_options *options,
                        const struct snp_appraisal *appraisal, struct snp_result *result)
{
    struct snp_chain chain;
    if (!begin(evidence->report, result))
        return VERDICT_REFUSED;
    if (snp_chain_check(&chain, evidence->certificates, evidence->certificate_count, options,
                        &result->checks))
        verify_under(&chain, evidence->report, appraisal, result);
    snp_chain_fini(&chain);
    return checks_verdict(&result->checks);
}

enum verdict snp_verify_found(const struct snp_chain_cache *cache,
                              const struct snp_cached_chain *found, struct span report,
                              int64_t time, const struct snp_appraisal *appraisal,
                              struct snp_result *result)
{
    struct snp_chain_options options;
    snp_chain_cache_options(cache, time, &options);
    if (!begin(report, result))
        return VERDICT_REFUSED;
    snp_chain_recheck(&found->chain, found->checks, found->check_count, &options, &result->checks);
    verify_under(&found->chain, report, appraisal, result);
    return checks_verdict(&result->checks);
}

enum verdict snp_verify_cached(const struct snp_chain_cache *cache,
                               const struct snp_evidence *evidence, int64_t time,
                               const struct snp_appraisal *appraisal, struct snp_result *result)
{
    struct snp_chain_options options;
    const struct snp_cached_chain *cached = snp_chain_cache_find(cache, evidence);
    if (cached)
        return snp_verify_found(cache, cached, evidence->report, time, appraisal, result);
    snp_chain_cache_options(cache, time, &options);
    return snp_verify(evidence, &options, appraisal, result);
}
