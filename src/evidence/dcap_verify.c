#include "evidence/dcap_verify.h"

#include <stdio.h>

#include "evidence/dcap_tcb.h"
#include "format/timestamp.h"

#define QUOTE_FORMAT "Intel SGX ECDSA QuoteLibRef and TDX DCAP Quoting Library API, appendix A"
#define VERIFICATION "Intel SGX and TDX DCAP, quote verification, "
#define QE_IDENTITY  "Intel SGX and Intel TDX services API, version 4, get QE identity"

static const struct check_rule rule_collateral = {
    "collateral", VERIFICATION "collateral",
    "the collateral was refused; fetch it again, for this platform and this time"};
static const struct check_rule rule_format = {"quote_format", QUOTE_FORMAT,
                                              "this is not a DCAP quote of version 3, 4 or 5"};
static const struct check_rule rule_trailing = {
    "trailing_bytes", QUOTE_FORMAT,
    "cut the file where the quote ends: nobody signed what follows"};
static const struct check_rule rule_vendor = {"qe_vendor", QUOTE_FORMAT " (QE vendor id)",
                                              "only Intel's quoting enclaves are known"};
static const struct check_rule rule_reserved = {
    "reserved_fields", QUOTE_FORMAT,
    "the quote has content where none is defined: it is newer than what is known here"};
static const struct check_rule rule_tee = {
    "tee", QUOTE_FORMAT " (TEE type)",
    "an enclave was asked for and this is a trust domain, or the other way round"};
static const struct check_rule rule_kind = {
    "collateral_kind", VERIFICATION "collateral",
    "SGX quotes want TCB info SGX and identity QE; TDX quotes want TDX and TD_QE"};
static const struct check_rule rule_pck_certificates = {
    "pck_certificates", QUOTE_FORMAT " (certification data)",
    "the quote holds no PCK chain: give it as pck_certificate_chain in the collateral"};
static const struct check_rule rule_qe_signature = {
    "qe_report_signature", QUOTE_FORMAT " (QE report signature)",
    "the quoting enclave's report was changed, or is of another platform"};
static const struct check_rule rule_qe_binding = {
    "qe_report_data", QUOTE_FORMAT " (QE report, REPORTDATA)",
    "the attestation key is not the one that the quoting enclave made"};
static const struct check_rule rule_qe_misc = {"qe_miscselect", QE_IDENTITY " (miscselect)",
                                               "this is no quoting enclave that Intel knows"};
static const struct check_rule rule_qe_attributes = {"qe_attributes", QE_IDENTITY " (attributes)",
                                                     "this is no quoting enclave that Intel knows"};
static const struct check_rule rule_qe_signer = {"qe_mrsigner", QE_IDENTITY " (mrsigner)",
                                                 "this is no quoting enclave of Intel's"};
static const struct check_rule rule_qe_product = {"qe_isvprodid", QE_IDENTITY " (isvprodid)",
                                                  "this is another enclave of Intel's"};
static const struct check_rule rule_signature = {"quote_signature",
                                                 QUOTE_FORMAT " (quote signature)",
                                                 "the quote was changed after it was signed"};

static const uint8_t intel_vendor[DCAP_VENDOR_SIZE] = {
    0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

static void check_collateral(const struct dcap_collateral *collateral, struct checks *checks)
{
    char text[CHECK_TEXT_SIZE];
    char when[TIMESTAMP_SIZE];
    timestamp_write(collateral->time, when);
    (void)snprintf(text, sizeof text, "%s for %s", collateral->trusted ? "good" : "refused", when);
    (void)checks_judge(checks, &rule_collateral, collateral->trusted, "every check of it passed",
                       text);
}

static void check_trailing(const struct dcap_quote *quote, bool allowed, struct checks *checks)
{
    char found[CHECK_TEXT_SIZE] = "none";
    bool padding = span_is_zero(quote->trailing);
    if (quote->trailing.size > 0)
        (void)snprintf(found, sizeof found, "%zu bytes, %s", quote->trailing.size,
                       padding ? "all zero" : "not all zero");
    (void)checks_judge(checks, &rule_trailing, padding || allowed,
                       allowed ? "any, which nobody signed" : "none, or zeros alone", found);
}

/* Of the header, the report, and the quoting enclave's report. */
static int find_reserved(const struct dcap_quote *quote, struct error *err)
{
    if (quote->version > DCAP_VERSION_MIN && (quote->qe_svn != 0 || quote->pce_svn != 0))
        return error_set(err, ERROR_INVALID,
                         "bytes 8 to 11 of the header are reserved and hold 0x%04x 0x%04x",
                         quote->qe_svn, quote->pce_svn);
    if (dcap_report_check_reserved(quote->body, quote->report, err) < 0)
        return -1;
    if (dcap_report_check_reserved(DCAP_BODY_SGX, quote->qe_report, err) < 0)
        return error_context(err, "the quoting enclave's report");
    return 0;
}

static void check_reserved(const struct dcap_quote *quote, struct checks *checks)
{
    struct error err = {0};
    int outcome = find_reserved(quote, &err);
    (void)checks_add_outcome(checks, &rule_reserved, outcome, "all zero", "all zero", &err);
}

static void check_format(const struct dcap_quote *quote, const struct dcap_appraisal *appraisal,
                         struct checks *checks)
{
    char found[CHECK_TEXT_SIZE];
    (void)snprintf(found, sizeof found, "version %u, %s", quote->version,
                   dcap_body_name(quote->body));
    (void)checks_judge(checks, &rule_format, true, "version 3 to 5", found);
    check_trailing(quote, appraisal->allow_trailing_bytes, checks);
    (void)checks_compare(checks, &rule_vendor, span_of(intel_vendor, sizeof intel_vendor),
                         span_of(quote->qe_vendor, sizeof quote->qe_vendor));
    check_reserved(quote, checks);
}

static void check_tee(const struct dcap_quote *quote, enum dcap_tee wanted, struct checks *checks)
{
    static const char *const names[] = {[DCAP_SGX] = "an SGX quote", [DCAP_TDX] = "a TDX quote"};
    enum dcap_tee found = dcap_body_is_td(quote->body) ? DCAP_TDX : DCAP_SGX;
    if (wanted != DCAP_ANY_TEE)
        (void)checks_judge(checks, &rule_tee, found == wanted, names[wanted], names[found]);
}

static void check_kind(const struct dcap_quote *quote, const struct dcap_collateral *collateral,
                       struct checks *checks)
{
    char found[CHECK_TEXT_SIZE];
    bool is_td = dcap_body_is_td(quote->body);
    bool info = collateral->tcb_info.is_tdx;
    bool identity = collateral->qe_identity.is_td;
    (void)snprintf(found, sizeof found, "%s and %s", info ? "TDX" : "SGX",
                   identity ? "TD_QE" : "QE");
    (void)checks_judge(checks, &rule_kind, info == is_td && identity == is_td,
                       is_td ? "TDX and TD_QE" : "SGX and QE", found);
}

/* The collateral's platform, or the quote's own, which `own` then holds; NULL for neither. */
static const struct dcap_platform *find_platform(const struct dcap_quote *quote,
                                                 const struct dcap_collateral *collateral,
                                                 struct dcap_platform *own, struct checks *checks)
{
    struct error err = {0};
    char found[CHECK_TEXT_SIZE];
    const struct dcap_platform *platform = collateral->platform;
    const struct dcap_chain *chain;
    (void)snprintf(found, sizeof found, "certification data of type %u", quote->certification_type);
    if (!platform && quote->certification_type != DCAP_CERTIFICATION_PCK_CHAIN) {
        (void)checks_judge(checks, &rule_pck_certificates, false, "type 5 (PCK chain)", found);
        return NULL;
    }
    if (!platform) {
        if (dcap_platform_read(quote->certification_data, collateral, own, &err) < 0) {
            (void)checks_judge(checks, &rule_pck_certificates, false, "3 certificates in PEM",
                               err.text);
            return NULL;
        }
        dcap_platform_check(own, collateral);
        platform = own;
    }
    chain = &platform->chain;
    (void)snprintf(found, sizeof found, "%s, %s, %s", certificate_name(chain->items[0]),
                   certificate_name(chain->items[1]), certificate_name(chain->items[2]));
    (void)checks_judge(checks, &rule_pck_certificates, true, "3 certificates in PEM", found);
    return platform;
}

/* The quoting enclave vouches for the attestation key: SHA-256(key ‖ authentication data), then
 * zeros, in its REPORTDATA. */
static void check_binding(const struct dcap_quote *quote, struct checks *checks)
{
    uint8_t expected[DCAP_FIELD_SIZE_MAX] = {0};
    struct sha256 ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, quote->attestation_key);
    sha256_update(&ctx, quote->qe_auth_data);
    sha256_final(&ctx, expected);
    (void)checks_compare(checks, &rule_qe_binding, span_of(expected, sizeof expected),
                         dcap_report_get(DCAP_BODY_SGX, quote->qe_report, DCAP_REPORT_DATA));
}

static void check_masked(struct checks *checks, const struct check_rule *rule, struct span value,
                         const uint8_t *mask, const uint8_t *expected)
{
    uint8_t masked[DCAP_FIELD_SIZE_MAX];
    for (size_t i = 0; i < value.size; i++)
        masked[i] = value.data[i] & mask[i];
    (void)checks_compare(checks, rule, span_of(expected, value.size), span_of(masked, value.size));
}

static void check_qe(const struct dcap_quote *quote, const struct qe_identity *identity,
                     struct checks *checks)
{
    char expected[CHECK_TEXT_SIZE];
    char found[CHECK_TEXT_SIZE];
    struct span report = quote->qe_report;
    uint16_t product = dcap_report_get_u16(DCAP_BODY_SGX, report, DCAP_ISVPRODID);
    check_masked(checks, &rule_qe_misc, dcap_report_get(DCAP_BODY_SGX, report, DCAP_MISCSELECT),
                 identity->miscselect_mask, identity->miscselect);
    check_masked(checks, &rule_qe_attributes,
                 dcap_report_get(DCAP_BODY_SGX, report, DCAP_ATTRIBUTES), identity->attributes_mask,
                 identity->attributes);
    (void)checks_compare(checks, &rule_qe_signer,
                         span_of(identity->mrsigner, sizeof identity->mrsigner),
                         dcap_report_get(DCAP_BODY_SGX, report, DCAP_MRSIGNER));
    (void)snprintf(expected, sizeof expected, "%u", identity->isvprodid);
    (void)snprintf(found, sizeof found, "%u", product);
    (void)checks_judge(checks, &rule_qe_product, product == identity->isvprodid, expected, found);
}

static void check_signatures(const struct dcap_quote *quote, const struct certificate *pck,
                             struct checks *checks)
{
    struct error err = {0};
    uint8_t digest[SHA256_SIZE];
    sha256_digest(quote->qe_report, digest);
    int outcome = certificate_check_ecdsa_p256(pck, digest, quote->qe_signature.data, &err);
    (void)checks_add_outcome(checks, &rule_qe_signature, outcome, "by the PCK certificate's key",
                             "good", &err);
    check_binding(quote, checks);
    sha256_digest(quote->signed_bytes, digest);
    outcome = ecdsa_check_p256(quote->attestation_key.data, digest, quote->signature.data, &err);
    (void)checks_add_outcome(checks, &rule_signature, outcome,
                             "by the attestation key, over header and report", "good", &err);
}

static void verify_parsed(const struct dcap_collateral *collateral,
                          const struct dcap_appraisal *appraisal, struct dcap_result *result)
{
    const struct dcap_quote *quote = &result->quote;
    struct checks *checks = &result->checks;
    struct dcap_platform own = {0};
    check_format(quote, appraisal, checks);
    check_tee(quote, appraisal->tee, checks);
    check_kind(quote, collateral, checks);
    const struct dcap_platform *platform = find_platform(quote, collateral, &own, checks);
    if (platform) {
        bool has_pck = dcap_platform_add_checks(platform, checks);
        result->pck = platform->pck;
        check_signatures(quote, dcap_platform_leaf(platform), checks);
        check_qe(quote, &collateral->qe_identity, checks);
        if (has_pck)
            dcap_tcb_check(collateral, appraisal, result);
        dcap_appraise(quote, appraisal, checks);
        checks_complete(checks);
    }
    dcap_platform_fini(&own);
}

static enum verdict verify(struct span quote, const struct dcap_collateral *collateral,
                           const struct dcap_appraisal *appraisal, struct dcap_result *result)
{
    struct error err = {0};
    result->simulated = collateral->simulated;
    check_collateral(collateral, &result->checks);
    if (dcap_quote_parse(quote, &result->quote, &err) < 0) {
        memset(&result->quote, 0, sizeof result->quote);
        (void)checks_judge(&result->checks, &rule_format, false, "version 3 to 5", err.text);
    } else {
        verify_parsed(collateral, appraisal, result);
    }
    return checks_verdict(&result->checks);
}

enum verdict dcap_verify_quote(struct span quote, const struct dcap_collateral *collateral,
                               const struct dcap_appraisal *appraisal, struct dcap_result *result)
{
    memset(result, 0, sizeof *result);
    return verify(quote, collateral, appraisal, result);
}

enum verdict dcap_verify(struct span quote, const struct dcap_parts *parts,
                         const struct dcap_options *options, const struct dcap_appraisal *appraisal,
                         struct dcap_result *result)
{
    memset(result, 0, sizeof *result);
    DCAP_COLLATERAL_AUTO *collateral = dcap_collateral_new(parts, options, &result->checks);
    if (collateral)
        (void)verify(quote, collateral, appraisal, result);
    return checks_verdict(&result->checks);
}
