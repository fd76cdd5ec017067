#include <stdio.h>

#include "base/hex.h"
#include "evidence/snp_verify.h"

static const struct check_rule rule_policy = {"guest_policy", "AMD 56860, section 4.3",
                                              "no firmware launches a machine with this policy"};
static const struct check_rule rule_debug = {
    "debug", "AMD 56860, section 4.3 (DEBUG)",
    "the host can read this machine's memory: launch it without the DEBUG policy"};
static const struct check_rule rule_migration = {
    "migration_agent", "AMD 56860, section 4.3 (MIGRATE_MA)",
    "a migration agent may take this machine elsewhere: launch it without MIGRATE_MA"};
static const struct check_rule rule_vmpl = {
    "vmpl", "AMD 56860, section 7.3 (VMPL)",
    "the report was asked for by less privileged code than wanted"};
static const struct check_rule rule_tcb_order = {
    "current_tcb", "AMD 56860, section 3.3",
    "no genuine firmware reports or commits more than it runs"};
static const struct check_rule rule_committed = {
    "committed_tcb", "AMD 56860, section 3.3",
    "the host can still roll its firmware back: have it commit (SNP_COMMIT)"};
static const struct check_rule rule_launch_tcb = {
    "launch_tcb", "AMD 56860, section 7.3 (LAUNCH_TCB)",
    "the machine was launched under older firmware: launch it again"};
static const struct check_rule rule_minimum = {
    "minimum_tcb", "the caller", "the platform's firmware is older than wanted: have it updated"};
static const struct check_rule rule_measurement = {
    "measurement", "AMD 56860, section 7.3 (MEASUREMENT)",
    "another guest was launched than the manifest describes: compare versions, command line and "
    "number of CPUs"};
static const struct check_rule rule_host_data = {
    "host_data", "AMD 56860, section 7.3 (HOST_DATA)",
    "the machine was launched under another policy: this is the SHA-256 of the policy's bytes"};
static const struct check_rule rule_report_data = {
    "report_data", "AMD 56860, section 7.3 (REPORT_DATA); docs/evidence.md",
    "the report was made for another question: check the nonce"};
static const struct check_rule rule_id_key = {"id_key_digest",
                                              "AMD 56860, section 7.3 (ID_KEY_DIGEST)",
                                              "the machine was launched without this identity key"};
static const struct check_rule rule_author_key = {
    "author_key_digest", "AMD 56860, section 7.3 (AUTHOR_KEY_DIGEST)",
    "the machine was launched without this author key"};

static bool add(struct checks *checks, const struct check_rule *rule, bool passed,
                const char *expected, const char *found)
{
    return checks_add(checks, rule, passed ? CHECK_PASSED : CHECK_FAILED, expected, found);
}

static void appraise_policy(const struct snp_report *report, const struct snp_appraisal *appraisal,
                            struct checks *checks)
{
    char found[CHECK_TEXT_SIZE];
    (void)snprintf(found, sizeof found, "0x%llx", (unsigned long long)report->policy);
    add(checks, &rule_policy,
        (report->policy & SNP_POLICY_ONE) && !(report->policy & SNP_POLICY_RESERVED),
        "bit 17 one, bits 26 to 63 zero", found);
    bool debug = (report->policy & SNP_POLICY_DEBUG) != 0;
    add(checks, &rule_debug, !debug || appraisal->allow_debug,
        appraisal->allow_debug ? "allowed" : "off", debug ? "on" : "off");
    bool migrates = (report->policy & SNP_POLICY_MIGRATE_MA) != 0;
    add(checks, &rule_migration, !migrates || appraisal->allow_migration_agent,
        appraisal->allow_migration_agent ? "allowed" : "none", migrates ? "possible" : "none");
}

static void appraise_vmpl(const struct snp_report *report, const struct snp_appraisal *appraisal,
                          struct checks *checks)
{
    char expected[CHECK_TEXT_SIZE];
    char found[CHECK_TEXT_SIZE];
    (void)snprintf(expected, sizeof expected, appraisal->vmpl_max ? "0 to %u" : "%u",
                   appraisal->vmpl_max);
    (void)snprintf(found, sizeof found, "%u", report->vmpl);
    add(checks, &rule_vmpl, report->vmpl <= appraisal->vmpl_max, expected, found);
}

/* Each byte is a version of its own: all must be at least as high. */
static bool tcb_at_least(const uint8_t tcb[SNP_TCB_SIZE], const uint8_t least[SNP_TCB_SIZE])
{
    for (size_t i = 0; i < SNP_TCB_SIZE; i++) {
        if (tcb[i] < least[i])
            return false;
    }
    return true;
}

static void add_tcb(struct checks *checks, const struct check_rule *rule, bool passed,
                    const uint8_t expected[SNP_TCB_SIZE], const uint8_t found[SNP_TCB_SIZE])
{
    char at_least[CHECK_TEXT_SIZE] = "at least ";
    char text[CHECK_TEXT_SIZE];
    hex_encode(span_of(expected, SNP_TCB_SIZE), at_least + strlen(at_least));
    hex_encode(span_of(found, SNP_TCB_SIZE), text);
    add(checks, rule, passed, at_least, text);
}

static void appraise_tcb(const struct snp_report *report, const struct snp_appraisal *appraisal,
                         struct checks *checks)
{
    bool ordered = tcb_at_least(report->current_tcb, report->reported_tcb) &&
                   tcb_at_least(report->current_tcb, report->committed_tcb);
    add_tcb(checks, &rule_tcb_order, ordered, report->reported_tcb, report->current_tcb);
    add_tcb(checks, &rule_committed,
            appraisal->allow_provisional_firmware ||
                tcb_at_least(report->committed_tcb, report->current_tcb),
            report->current_tcb, report->committed_tcb);
    add_tcb(
        checks, &rule_launch_tcb,
        appraisal->allow_old_launch_tcb || tcb_at_least(report->launch_tcb, report->reported_tcb),
        report->reported_tcb, report->launch_tcb);
    if (appraisal->minimum_tcb)
        add_tcb(checks, &rule_minimum, tcb_at_least(report->reported_tcb, appraisal->minimum_tcb),
                appraisal->minimum_tcb, report->reported_tcb);
}

static void appraise_measurement(const struct snp_report *report,
                                 const struct snp_appraisal *appraisal, struct checks *checks)
{
    char expected[CHECK_TEXT_SIZE] = "one of none";
    char found[2 * SNP_MEASUREMENT_SIZE + 1];
    bool passed = false;
    for (size_t i = 0; !passed && i < appraisal->measurement_count; i++)
        passed = memcmp(appraisal->measurements[i], report->measurement, SNP_MEASUREMENT_SIZE) == 0;
    hex_encode(span_of(report->measurement, SNP_MEASUREMENT_SIZE), found);
    if (appraisal->measurement_count == 1)
        hex_encode(span_of(appraisal->measurements[0], SNP_MEASUREMENT_SIZE), expected);
    else if (appraisal->measurement_count > 1)
        (void)snprintf(expected, sizeof expected, "one of %zu that the caller accepts",
                       appraisal->measurement_count);
    add(checks, &rule_measurement, passed, expected, found);
}

static void compare(struct checks *checks, const struct check_rule *rule, const uint8_t *expected,
                    struct span found)
{
    if (expected)
        (void)checks_compare(checks, rule, span_of(expected, found.size), found);
}

void snp_appraise(const struct snp_report *report, const struct snp_appraisal *appraisal,
                  struct checks *checks)
{
    appraise_policy(report, appraisal, checks);
    appraise_vmpl(report, appraisal, checks);
    appraise_tcb(report, appraisal, checks);
    if (appraisal->measurements)
        appraise_measurement(report, appraisal, checks);
    compare(checks, &rule_host_data, appraisal->host_data, span_of(report->host_data, 32));
    compare(checks, &rule_report_data, appraisal->report_data, span_of(report->report_data, 64));
    compare(checks, &rule_id_key, appraisal->id_key_digest, span_of(report->id_key_digest, 48));
    compare(checks, &rule_author_key, appraisal->author_key_digest,
            span_of(report->author_key_digest, 48));
}
