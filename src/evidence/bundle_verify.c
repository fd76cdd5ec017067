#include "evidence/bundle_verify.h"

#include <stdio.h>

#include "evidence/bundle_checks.h"

static const struct check_rule rule_tee = {
    "tee", "docs/evidence.md",
    "the bundle calls itself what its root is not: neither simulated nor real evidence may pass "
    "for the other"};
static const struct check_rule rule_nonce = {
    "nonce", "docs/evidence.md", "this evidence answers another question: ask again and compare"};
static const struct check_rule rule_containers = {
    "containers", "docs/evidence.md",
    "the host has not started all of the policy's containers, or some have failed: ask again, see "
    "caisson inspect, or accept a part of them by --partial"};
static const struct check_rule rule_policy = {
    "policy", "docs/evidence.md", "the bundle carries another policy than the one given"};
static const struct check_rule rule_kernel = {
    "guest_kernel", "docs/evidence.md", "the host launched another kernel than the manifest's"};
static const struct check_rule rule_initrd = {
    "guest_initrd", "docs/evidence.md",
    "the host launched another initial RAM disk than the manifest's"};
static const struct check_rule rule_cmdline = {
    "guest_cmdline", "docs/evidence.md",
    "the host launched another command line than the manifest's"};

static void check_tee(const struct bundle *bundle, struct snp_result *result)
{
    bool simulated = bundle->tee == BUNDLE_TEE_SIMULATED;
    (void)checks_judge(&result->checks, &rule_tee, simulated == result->simulated,
                       result->simulated
                           ? "simulated, as the root"
                           : "sev-snp, for the root is no simulated one that was named",
                       bundle_tee_name(bundle->tee));
}

void bundle_check_nonce(const struct runtime_data *data, const struct error *unread,
                        struct span nonce, struct checks *checks)
{
    if (data->nonce_size == 0)
        (void)checks_add(checks, &rule_nonce, CHECK_FAILED, "the guest's runtime data",
                         unread->text);
    else
        (void)checks_compare(checks, &rule_nonce, nonce, span_of(data->nonce, data->nonce_size));
}

void bundle_check_containers(const struct runtime_data *data, bool partial, struct checks *checks)
{
    char expected[CHECK_TEXT_SIZE];
    char found[CHECK_TEXT_SIZE];
    bool whole = data->nonce_size > 0 && runtime_data_is_whole(data);
    (void)snprintf(expected, sizeof expected, "all %u of the policy", data->demanded);
    (void)snprintf(found, sizeof found, "%u run, %u have ended well", data->running, data->done);
    if (partial && data->nonce_size > 0 && !whole)
        (void)checks_add(checks, &rule_containers, CHECK_SKIPPED, expected, found);
    else
        (void)checks_judge(checks, &rule_containers, whole, expected, found);
}

void bundle_check_policy(const struct bundle *bundle, const uint8_t expected[SHA256_SIZE],
                         struct checks *checks)
{
    uint8_t found[SHA256_SIZE];
    sha256_digest(buf_span(&bundle->policy), found);
    (void)checks_compare(checks, &rule_policy, span_of(expected, SHA256_SIZE),
                         span_of(found, SHA256_SIZE));
}

static void check_guest(const struct bundle *bundle, const struct bundle_expectation *expectation,
                        struct checks *checks)
{
    (void)checks_compare(checks, &rule_kernel, span_of(expectation->kernel, SHA256_SIZE),
                         span_of(bundle->kernel, SHA256_SIZE));
    (void)checks_compare(checks, &rule_initrd, span_of(expectation->initrd, SHA256_SIZE),
                         span_of(bundle->initrd, SHA256_SIZE));
    bool same = strcmp(expectation->cmdline, bundle->cmdline) == 0;
    (void)checks_judge(checks, &rule_cmdline, same, expectation->cmdline, bundle->cmdline);
}

int bundle_expect_report_data(struct span nonce, const struct runtime_data *found,
                              uint8_t out[REPORT_DATA_SIZE])
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(RUNTIME_DATA_SIZE_MAX);
    struct runtime_data data = *found;
    if (nonce.size > sizeof data.nonce)
        return -1;
    memcpy(data.nonce, nonce.data, nonce.size);
    data.nonce_size = nonce.size;
    if (runtime_data_write(&data, &bytes, NULL) < 0)
        return -1;
    runtime_data_report_data(buf_span(&bytes), out);
    return 0;
}

enum verdict bundle_verify(const struct bundle *bundle,
                           const struct bundle_expectation *expectation, struct snp_result *result)
{
    /* A list without entries is still a demand, which nothing meets. */
    static const uint8_t none[1][SNP_MEASUREMENT_SIZE];
    struct span certificates[BUNDLE_CERTIFICATES_MAX];
    uint8_t host_data[SHA256_SIZE];
    uint8_t report_data[REPORT_DATA_SIZE];
    RUNTIME_STATEMENT_AUTO found;
    struct error unread = {0};
    memset(result, 0, sizeof *result);
    (void)runtime_statement_read(buf_span(&bundle->runtime_data), &found, &unread);
    /* Only a nonce of impossible size fails here; then nothing has been checked: refused. */
    if (bundle_expect_report_data(expectation->nonce, &found.data, report_data) < 0)
        return VERDICT_REFUSED;
    for (size_t i = 0; i < bundle->certificate_count; i++)
        certificates[i] = buf_span(&bundle->certificates[i]);
    sha256_digest(expectation->policy, host_data);

    const struct snp_evidence evidence = {buf_span(&bundle->report), certificates,
                                          bundle->certificate_count};
    const struct snp_appraisal appraisal = {
        .report_data = report_data,
        .host_data = host_data,
        .measurements = expectation->measurements ? expectation->measurements : none,
        .measurement_count = expectation->measurements ? expectation->measurement_count : 0};
    (void)snp_verify(&evidence, &expectation->chain, &appraisal, result);
    check_tee(bundle, result);
    bundle_check_policy(bundle, host_data, &result->checks);
    bundle_check_nonce(&found.data, &unread, expectation->nonce, &result->checks);
    bundle_check_containers(&found.data, expectation->partial, &result->checks);
    fragment_demands_check(&expectation->fragments, &found.data, &result->checks);
    check_guest(bundle, expectation, &result->checks);
    return checks_verdict(&result->checks);
}
