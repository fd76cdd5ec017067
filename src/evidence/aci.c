#include "evidence/aci.h"

#include "evidence/runtime_data.h"
#include "evidence/thim.h"

static const struct check_rule rule_certificates = {
    "host_certificates", "docs/evidence.md",
    "host-amd-cert-base64 is not the host's certificates as JSON (vcekCert, certificateChain)"};
static const struct check_rule rule_tcb = {
    "host_tcb", "docs/evidence.md",
    "the host's certificates are for another firmware than the report's: take both anew"};
static const struct check_rule rule_policy = {
    "policy", "AMD 56860, section 7.3 (HOST_DATA)",
    "the guest enforces another policy than the one in the directory"};
static const struct check_rule rule_expected_policy = {
    "expected_policy", "docs/evidence.md",
    "the guest enforces another policy than yours (--policy)"};
static const struct check_rule rule_runtime_data = {
    "runtime_data", "AMD 56860, section 7.3 (REPORT_DATA)",
    "the report was not made for this runtime data: ask for a new one with it"};

static struct span digest_of(struct span bytes, uint8_t digest[SHA256_SIZE])
{
    sha256_digest(bytes, digest);
    return span_of(digest, SHA256_SIZE);
}

static void check_tcb(const struct thim *thim, const struct snp_report *report,
                      struct checks *checks)
{
    if (thim->has_tcb)
        (void)checks_compare(checks, &rule_tcb, span_of(report->reported_tcb, SNP_TCB_SIZE),
                             span_of(thim->tcb, THIM_TCB_SIZE));
    else
        (void)checks_add(checks, &rule_tcb, CHECK_SKIPPED, "the report's REPORTED_TCB",
                         "the host does not say");
}

static void check_policy(const struct aci_evidence *evidence,
                         const struct aci_expectation *expectation, struct aci_result *result)
{
    struct checks *checks = &result->snp.checks;
    struct span found = digest_of(evidence->policy, result->policy_digest);
    uint8_t expected[SHA256_SIZE];
    (void)checks_compare(checks, &rule_policy,
                         span_of(result->snp.report.host_data, sizeof result->snp.report.host_data),
                         found);
    if (expectation->policy.size > 0)
        (void)checks_compare(checks, &rule_expected_policy,
                             digest_of(expectation->policy, expected), found);
    else
        (void)checks_add(checks, &rule_expected_policy, CHECK_SKIPPED, "your policy",
                         "none was given: whether this policy is yours is not known");
}

static void check_runtime_data(struct span runtime_data, const struct snp_report *report,
                               struct checks *checks)
{
    uint8_t expected[REPORT_DATA_SIZE];
    if (runtime_data.size == 0) {
        (void)checks_add(checks, &rule_runtime_data, CHECK_SKIPPED, "your runtime data",
                         "none was given: whom the report answers is not known");
        return;
    }
    runtime_data_report_data(runtime_data, expected);
    (void)checks_compare(checks, &rule_runtime_data, span_of(expected, sizeof expected),
                         span_of(report->report_data, sizeof report->report_data));
}

static void verify(const struct aci_evidence *evidence, const struct aci_expectation *expectation,
                   const struct thim *thim, struct aci_result *result)
{
    struct checks *checks = &result->snp.checks;
    const struct snp_report *report = &result->snp.report;
    struct span chain[THIM_CERTIFICATES];
    struct uvm_expectation uvm = expectation->uvm;
    for (int i = 0; i < THIM_CERTIFICATES; i++)
        chain[i] = buf_span(&thim->certificates[i]);
    const struct snp_evidence snp = {evidence->report, chain, THIM_CERTIFICATES};
    (void)snp_verify(&snp, &expectation->chain, &expectation->snp, &result->snp);
    bool complete = checks->complete;
    checks->complete = false; /* until the rest is there too */
    check_tcb(thim, report, checks);
    check_policy(evidence, expectation, result);
    check_runtime_data(evidence->runtime_data, report, checks);
    uvm.measurement = report->measurement;
    uvm_endorsement_check(evidence->reference_info, &uvm, &result->endorsement, checks);
    if (complete)
        checks_complete(checks);
}

enum verdict aci_verify(const struct aci_evidence *evidence,
                        const struct aci_expectation *expectation, struct aci_result *result)
{
    struct error err = {0};
    THIM_AUTO thim;
    thim_init(&thim);
    memset(result, 0, sizeof *result);
    checks_init(&result->snp.checks);
    if (thim_parse(evidence->host_certificates, &thim, &err) < 0)
        (void)checks_add(&result->snp.checks, &rule_certificates, CHECK_FAILED,
                         "JSON with three certificates in PEM", err.text);
    else
        verify(evidence, expectation, &thim, result);
    return checks_verdict(&result->snp.checks);
}
