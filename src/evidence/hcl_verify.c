#include "evidence/hcl_verify.h"

#include <stdio.h>

#include "evidence/runtime_data.h"

/* REPORTMACSTRUCT, TEE_TCB_INFO and TDINFO_STRUCT in a TDREPORT: Intel, "TDX Module ABI
 * Specification", TDREPORT_STRUCT. */
#define SNP_REPORT_DATA        0x50 /* AMD 56860, table 23 */
#define TDREPORT_TYPE          0x81
#define TDREPORT_TCB_HASH      32
#define TDREPORT_TD_HASH       80
#define TDREPORT_REPORT_DATA   128
#define TDREPORT_TCB_INFO      256
#define TDREPORT_TCB_INFO_SIZE 239
#define TDREPORT_TD_INFO       512
#define TDREPORT_TD_INFO_SIZE  512
#define TDREPORT_MRTD          (TDREPORT_TD_INFO + 16)

static const struct check_rule rule_format = {
    "hcl_format", "docs/evidence.md",
    "this is not an HCL report: read the vTPM's index 0x01400001"};
static const struct check_rule rule_binding = {
    "hcl_claims_hash", "docs/evidence.md",
    "the runtime claims are not those that the processor's report vouches for: read both again"};
static const struct check_rule rule_claims = {
    "hcl_claims", "docs/evidence.md", "the runtime claims do not name the vTPM's attestation key"};
static const struct check_rule rule_tdreport = {
    "tdreport", "TDX Module ABI, TDREPORT_STRUCT",
    "the TDREPORT is damaged: its hashes are not those of its parts"};
static const struct check_rule rule_td_quote = {
    "td_quote", "docs/evidence.md",
    "a TDREPORT's MAC says nothing to others: have it turned into a quote, and verify that"};
static const struct check_rule rule_quote = {
    "tpm_quote", "docs/evidence.md",
    "ask the vTPM for a quote with your nonce: the report alone is as old as the machine's start"};

static struct span part(struct span report, size_t offset, size_t size)
{
    return span_of(report.data + offset, size);
}

static struct span report_data_of(const struct hcl_report *report)
{
    return part(report->hardware, report->kind == HCL_TDX ? TDREPORT_REPORT_DATA : SNP_REPORT_DATA,
                HCL_REPORT_DATA_SIZE);
}

static bool has_hash(struct span report, size_t hash, size_t offset, size_t size)
{
    uint8_t digest[SHA384_SIZE];
    sha384_digest(part(report, offset, size), digest);
    return span_equal(part(report, hash, SHA384_SIZE), span_of(digest, sizeof digest));
}

static void check_tdreport(struct span report, struct checks *checks)
{
    static const char expected[] = "type 0x81, and the SHA-384 of TEE_TCB_INFO and TDINFO";
    bool typed = report.data[0] == TDREPORT_TYPE;
    bool good = typed &&
                has_hash(report, TDREPORT_TCB_HASH, TDREPORT_TCB_INFO, TDREPORT_TCB_INFO_SIZE) &&
                has_hash(report, TDREPORT_TD_HASH, TDREPORT_TD_INFO, TDREPORT_TD_INFO_SIZE);
    (void)checks_judge(checks, &rule_tdreport, good, expected,
                       good    ? "as expected"
                       : typed ? "another hash"
                               : "another type");
}

struct hcl_td_quote hcl_td_quote_of(const struct dcap_result *result, enum verdict verdict)
{
    struct hcl_td_quote quote = {.simulated = result->simulated, .checks = &result->checks};
    struct span report_data = dcap_quote_get(&result->quote, DCAP_REPORT_DATA);
    struct span mrtd = dcap_quote_get(&result->quote, DCAP_MRTD);
    if (report_data.size != sizeof quote.report_data || mrtd.size != sizeof quote.mrtd)
        return quote;
    quote.verdict = verdict;
    memcpy(quote.report_data, report_data.data, report_data.size);
    memcpy(quote.mrtd, mrtd.data, mrtd.size);
    return quote;
}

static void check_td_quote(struct span report, const struct hcl_td_quote *quote,
                           struct checks *checks)
{
    static const char expected[] = "a verified quote with the TDREPORT's REPORT_DATA and MRTD";
    const char *found = "as expected";
    if (!quote)
        found = "none: a TDREPORT alone proves nothing away from its processor";
    else if (quote->verdict != VERDICT_ACCEPTED)
        found = "a quote that was refused";
    else if (!span_equal(part(report, TDREPORT_REPORT_DATA, HCL_REPORT_DATA_SIZE),
                         span_of(quote->report_data, HCL_REPORT_DATA_SIZE)))
        found = "a quote with another REPORT_DATA";
    else if (!span_equal(part(report, TDREPORT_MRTD, HCL_MRTD_SIZE),
                         span_of(quote->mrtd, HCL_MRTD_SIZE)))
        found = "a quote with another MRTD";
    else
        (void)checks_add(checks, &rule_td_quote, CHECK_PASSED, expected, found);
    if (strcmp(found, "as expected") != 0)
        (void)checks_add(checks, &rule_td_quote, CHECK_FAILED, expected, found);
}

/* Each adds the checks of the processor's own report; whether they are all of them is returned. */
static bool verify_snp(const struct hcl_evidence *evidence,
                       const struct hcl_expectation *expectation, struct hcl_result *result)
{
    const struct snp_evidence snp = {result->report.hardware, evidence->certificates,
                                     evidence->certificate_count};
    (void)snp_verify(&snp, &expectation->chain, &expectation->snp, &result->snp);
    bool complete = result->snp.checks.complete;
    result->snp.checks.complete = false; /* until the rest is there too */
    return complete;
}

static void take_checks(const struct checks *from, struct checks *checks)
{
    for (size_t i = 0; i < from->count; i++)
        (void)checks_add(checks, from->items[i].rule, from->items[i].result,
                         from->items[i].expected, from->items[i].found);
    checks->overflow = checks->overflow || from->overflow;
}

static bool verify_tdx(const struct hcl_evidence *evidence, struct hcl_result *result)
{
    if (evidence->td_quote && evidence->td_quote->checks)
        take_checks(evidence->td_quote->checks, &result->snp.checks);
    result->snp.simulated = evidence->td_quote && evidence->td_quote->simulated;
    check_tdreport(result->report.hardware, &result->snp.checks);
    check_td_quote(result->report.hardware, evidence->td_quote, &result->snp.checks);
    return true;
}

static void check_format(const struct hcl_report *report, struct checks *checks)
{
    char found[CHECK_TEXT_SIZE];
    (void)snprintf(found, sizeof found, "version %u, %s, %zu bytes of claims", report->version,
                   report->kind == HCL_TDX ? "TDX" : "SEV-SNP", report->runtime_data.size);
    (void)checks_add(checks, &rule_format, CHECK_PASSED, "an HCL report", found);
}

static void check_binding(const struct hcl_report *report, struct checks *checks)
{
    uint8_t expected[REPORT_DATA_SIZE];
    runtime_data_report_data(report->runtime_data, expected);
    (void)checks_compare(checks, &rule_binding, span_of(expected, sizeof expected),
                         report_data_of(report));
}

static void check_quote(const struct hcl_evidence *evidence,
                        const struct hcl_expectation *expectation, struct hcl_result *result)
{
    struct checks *checks = &result->snp.checks;
    struct error err = {0};
    const struct hcl_claims *claims = &result->claims;
    if (evidence->quote.quote.size == 0) {
        bool wanted = expectation->quote.nonce.size > 0 || expectation->quote.pcr_count > 0;
        (void)checks_add(checks, &rule_quote, wanted ? CHECK_FAILED : CHECK_SKIPPED,
                         "a quote by HCLAkPub with your nonce",
                         "none was given: what runs now, and what booted, is not known");
        return;
    }
    PUBLIC_KEY_AUTO *key = public_key_from_rsa(span_of(claims->modulus, claims->modulus_size),
                                               span_of(claims->exponent, claims->exponent_size),
                                               &err);
    if (!key) {
        (void)checks_add(checks, &rule_quote, CHECK_FAILED, "an RSA key", err.text);
        return;
    }
    result->has_quote = true;
    tpm_quote_check(&evidence->quote, &expectation->quote, key, &result->quote, checks);
}

static void check_claims(const struct hcl_evidence *evidence,
                         const struct hcl_expectation *expectation, struct hcl_result *result)
{
    struct checks *checks = &result->snp.checks;
    struct error err = {0};
    char found[CHECK_TEXT_SIZE];
    static const char expected[] = "JSON with the key HCLAkPub";
    if (hcl_claims_parse(result->report.runtime_data, &result->claims, &err) < 0) {
        result->claims = (struct hcl_claims){0};
        (void)checks_add(checks, &rule_claims, CHECK_FAILED, expected, err.text);
        return;
    }
    (void)snprintf(found, sizeof found, "RSA of %zu bits", 8 * result->claims.modulus_size);
    (void)checks_add(checks, &rule_claims, CHECK_PASSED, expected, found);
    check_quote(evidence, expectation, result);
}

enum verdict hcl_verify(const struct hcl_evidence *evidence,
                        const struct hcl_expectation *expectation, struct hcl_result *result)
{
    struct error err = {0};
    struct checks *checks = &result->snp.checks;
    memset(result, 0, sizeof *result);
    checks_init(checks);
    if (hcl_parse(evidence->report, &result->report, &err) < 0) {
        (void)checks_add(checks, &rule_format, CHECK_FAILED, "an HCL report", err.text);
        return checks_verdict(checks);
    }
    bool complete = result->report.kind == HCL_SNP ? verify_snp(evidence, expectation, result)
                                                   : verify_tdx(evidence, result);
    check_format(&result->report, checks);
    check_binding(&result->report, checks);
    check_claims(evidence, expectation, result);
    if (complete)
        checks_complete(checks);
    return checks_verdict(checks);
}
