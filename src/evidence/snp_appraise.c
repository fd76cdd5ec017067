#include <stdio.h>

#include "base/hex.h"
#include "evidence/snp_appraisal.h"

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
static const struct check_rule rules_minimum[SNP_TCB_KIND_COUNT] = {
    [SNP_TCB_REPORTED] = {"minimum_reported_tcb", "AMD 56860, section 2.2; the caller",
                          "the platform's firmware is older than wanted: have it updated"},
    [SNP_TCB_COMMITTED] = {"minimum_committed_tcb", "AMD 56860, section 2.2; the caller",
                           "the host can go back to firmware that is older than wanted: have it "
                           "commit (SNP_COMMIT)"},
    [SNP_TCB_LAUNCH] = {"minimum_launch_tcb", "AMD 56860, section 2.2; the caller",
                        "the machine was launched under firmware that is older than wanted: launch "
                        "it again"},
};
static const struct check_rule rule_firmware = {
    "minimum_firmware", "AMD 56860, section 7.3 (COMMITTED_MAJOR, _MINOR, _BUILD); the caller",
    "the platform's firmware is older than wanted: have it updated and committed"};
static const struct check_rule rule_abi = {
    "minimum_abi", "AMD 56860, section 4.3 (ABI_MAJOR, ABI_MINOR); the caller",
    "the machine may run under an older firmware interface than wanted: launch it with another "
    "guest policy"};
static const struct check_rule rule_svn = {
    "guest_svn", "AMD 56860, section 7.3 (GUEST_SVN); the caller",
    "the guest's ID block has an older security version than wanted"};
static const struct check_rule rule_policy_bits = {"policy_bits",
                                                   "AMD 56860, section 4.3; the caller",
                                                   "launch the machine with another guest policy"};
static const struct check_rule rule_platform_bits = {
    "platform_bits", "AMD 56860, section 7.3 (PLATFORM_INFO); the caller",
    "the host is configured otherwise than wanted: its firmware's set-up decides this"};
static const struct check_rule rule_launch_mitigations = {
    "launch_mitigations", "AMD 56860, section 7.3 (LAUNCH_MIT_VECTOR); the caller",
    "a mitigation was not in force at launch, or the report is older than version 5"};
static const struct check_rule rule_current_mitigations = {
    "current_mitigations", "AMD 56860, section 7.3 (CURRENT_MIT_VECTOR); the caller",
    "a mitigation is not in force, or the report is older than version 5"};
static const struct check_rule rule_chip = {"allowed_chip_id",
                                            "AMD 56860, section 7.3 (CHIP_ID); the caller",
                                            "this is none of the processors that the caller knows"};
static const struct check_rule rule_measurement = {
    "measurement", "AMD 56860, section 7.3 (MEASUREMENT)",
    "another guest was launched than the manifest describes: compare versions, command line and "
    "number of CPUs"};

/* In the order of appraise_values(). */
static const struct check_rule rules_value[] = {
    {"host_data", "AMD 56860, section 7.3 (HOST_DATA)",
     "the machine was launched under another policy: this is the SHA-256 of the policy's bytes"},
    {"report_data", "AMD 56860, section 7.3 (REPORT_DATA); docs/evidence.md",
     "the report was made for another question: check the nonce"},
    {"family_id", "AMD 56860, section 7.3 (FAMILY_ID)",
     "the machine's ID block names another family"},
    {"image_id", "AMD 56860, section 7.3 (IMAGE_ID)", "the machine's ID block names another image"},
    {"id_key_digest", "AMD 56860, section 7.3 (ID_KEY_DIGEST)",
     "the machine was launched without this identity key"},
    {"author_key_digest", "AMD 56860, section 7.3 (AUTHOR_KEY_DIGEST)",
     "the machine was launched without this author key"},
    {"report_id", "AMD 56860, section 7.3 (REPORT_ID)",
     "this is another machine than the one wanted"},
    {"report_id_ma", "AMD 56860, section 7.3 (REPORT_ID_MA)",
     "the machine has another migration agent than the one wanted"},
};

static void appraise_policy(const struct snp_report *report, const struct snp_appraisal *appraisal,
                            struct checks *checks)
{
    char found[CHECK_TEXT_SIZE];
    (void)snprintf(found, sizeof found, "0x%llx", (unsigned long long)report->policy);
    (void)checks_judge(checks, &rule_policy,
                       (report->policy & SNP_POLICY_ONE) && !(report->policy & SNP_POLICY_RESERVED),
                       "bit 17 one, bits 26 to 63 zero", found);
    bool debug = (report->policy & SNP_POLICY_DEBUG) != 0;
    (void)checks_judge(checks, &rule_debug, !debug || appraisal->allow_debug,
                       appraisal->allow_debug ? "allowed" : "off", debug ? "on" : "off");
    bool migrates = (report->policy & SNP_POLICY_MIGRATE_MA) != 0;
    (void)checks_judge(checks, &rule_migration, !migrates || appraisal->allow_migration_agent,
                       appraisal->allow_migration_agent ? "allowed" : "none",
                       migrates ? "possible" : "none");
}

static void appraise_vmpl(const struct snp_report *report, const struct snp_appraisal *appraisal,
                          struct checks *checks)
{
    char expected[CHECK_TEXT_SIZE];
    char found[CHECK_TEXT_SIZE];
    (void)snprintf(expected, sizeof expected, appraisal->vmpl_max ? "0 to %u" : "%u",
                   appraisal->vmpl_max);
    (void)snprintf(found, sizeof found, "%u", report->vmpl);
    (void)checks_judge(checks, &rule_vmpl, report->vmpl <= appraisal->vmpl_max, expected, found);
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
    (void)checks_judge(checks, rule, passed, at_least, text);
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
}

static void append(char out[CHECK_TEXT_SIZE], const char *name, unsigned number)
{
    size_t len = strlen(out);
    (void)snprintf(out + len, CHECK_TEXT_SIZE - len, "%s%s %u", len ? ", " : "", name, number);
}

/* Part by part, by name: what a TCB's bytes mean depends on the product. */
static void appraise_minimum(const struct snp_product *product, const uint8_t tcb[SNP_TCB_SIZE],
                             const struct snp_tcb_minimum *minimum, const struct check_rule *rule,
                             struct checks *checks)
{
    char expected[CHECK_TEXT_SIZE] = "";
    char found[CHECK_TEXT_SIZE] = "";
    bool passed = product != NULL;
    for (enum snp_tcb_part part = 0; product && part < SNP_TCB_PART_COUNT; part++) {
        int at = product->tcb_at[part];
        unsigned least = minimum->parts[part];
        if (at == SNP_TCB_NOWHERE && least == 0)
            continue;
        passed = passed && at != SNP_TCB_NOWHERE && tcb[at] >= least;
        append(expected, snp_tcb_part_name((enum snp_tcb_part)part), least);
        if (at != SNP_TCB_NOWHERE)
            append(found, snp_tcb_part_name((enum snp_tcb_part)part), tcb[at]);
    }
    (void)checks_judge(checks, rule, passed, product ? expected : "a product whose parts are known",
                       product ? found : "the leaf does not say which");
}

static void appraise_minimums(const struct snp_report *report, const struct snp_product *product,
                              const struct snp_appraisal *appraisal, struct checks *checks)
{
    const uint8_t *const tcbs[SNP_TCB_KIND_COUNT] = {
        [SNP_TCB_REPORTED] = report->reported_tcb,
        [SNP_TCB_COMMITTED] = report->committed_tcb,
        [SNP_TCB_LAUNCH] = report->launch_tcb,
    };
    for (int kind = 0; kind < SNP_TCB_KIND_COUNT; kind++) {
        if (appraisal->minimum_tcb[kind].wanted)
            appraise_minimum(product, tcbs[kind], &appraisal->minimum_tcb[kind],
                             &rules_minimum[kind], checks);
    }
}

static unsigned number_of(const struct snp_firmware *firmware)
{
    return (unsigned)firmware->major << 16 | (unsigned)firmware->minor << 8 | firmware->build;
}

static void appraise_versions(const struct snp_report *report,
                              const struct snp_appraisal *appraisal, struct checks *checks)
{
    const struct snp_firmware *least = &appraisal->minimum_firmware;
    const struct snp_firmware *is = &report->committed;
    unsigned abi = (unsigned)(report->policy & 0xFFFF);
    char expected[CHECK_TEXT_SIZE];
    char found[CHECK_TEXT_SIZE];
    if (number_of(least) > 0) {
        (void)snprintf(expected, sizeof expected, "at least %u.%u.%u", least->major, least->minor,
                       least->build);
        (void)snprintf(found, sizeof found, "%u.%u.%u", is->major, is->minor, is->build);
        (void)checks_judge(checks, &rule_firmware, number_of(is) >= number_of(least), expected,
                           found);
    }
    if (appraisal->minimum_abi > 0) {
        (void)snprintf(expected, sizeof expected, "at least %d.%d", appraisal->minimum_abi >> 8,
                       appraisal->minimum_abi & 0xFF);
        (void)snprintf(found, sizeof found, "%u.%u", abi >> 8, abi & 0xFF);
        (void)checks_judge(checks, &rule_abi, abi >= appraisal->minimum_abi, expected, found);
    }
    if (appraisal->minimum_guest_svn > 0) {
        (void)snprintf(expected, sizeof expected, "at least %u", appraisal->minimum_guest_svn);
        (void)snprintf(found, sizeof found, "%u", report->guest_svn);
        (void)checks_judge(checks, &rule_svn, report->guest_svn >= appraisal->minimum_guest_svn,
                           expected, found);
    }
}

static void appraise_bits(const struct snp_bits *wanted, uint64_t bits,
                          const struct check_rule *rule, struct checks *checks)
{
    char expected[CHECK_TEXT_SIZE];
    char found[CHECK_TEXT_SIZE];
    if (wanted->required == 0 && wanted->forbidden == 0)
        return;
    (void)snprintf(expected, sizeof expected, "bits 0x%llx one, bits 0x%llx zero",
                   (unsigned long long)wanted->required, (unsigned long long)wanted->forbidden);
    (void)snprintf(found, sizeof found, "0x%llx", (unsigned long long)bits);
    (void)checks_judge(
        checks, rule,
        (bits & wanted->required) == wanted->required && (bits & wanted->forbidden) == 0, expected,
        found);
}

static void appraise_all_bits(const struct snp_report *report,
                              const struct snp_appraisal *appraisal, struct checks *checks)
{
    const struct snp_bits launch = {appraisal->launch_mitigations, 0};
    const struct snp_bits current = {appraisal->current_mitigations, 0};
    appraise_bits(&appraisal->policy, report->policy, &rule_policy_bits, checks);
    appraise_bits(&appraisal->platform, report->platform_info, &rule_platform_bits, checks);
    appraise_bits(&launch, report->launch_mit_vector, &rule_launch_mitigations, checks);
    appraise_bits(&current, report->current_mit_vector, &rule_current_mitigations, checks);
}

/* One of a set: values of `found.size` bytes each, one after the other. */
static void appraise_set(const uint8_t *set, size_t count, struct span found,
                         const struct check_rule *rule, struct checks *checks)
{
    char expected[CHECK_TEXT_SIZE] = "one of none";
    char text[CHECK_TEXT_SIZE];
    bool passed = false;
    for (size_t i = 0; !passed && i < count; i++)
        passed = memcmp(set + i * found.size, found.data, found.size) == 0;
    hex_encode(found, text);
    if (count == 1)
        hex_encode(span_of(set, found.size), expected);
    else if (count > 1)
        (void)snprintf(expected, sizeof expected, "one of %zu that the caller accepts", count);
    (void)checks_judge(checks, rule, passed, expected, text);
}

static void appraise_values(const struct snp_report *report, const struct snp_appraisal *appraisal,
                            struct checks *checks)
{
#define VALUE(member)                                                                              \
    {                                                                                              \
        appraisal->member, span_of(report->member, sizeof report->member)                          \
    }
    const struct {
        const uint8_t *expected;
        struct span found;
    } values[] = {
        VALUE(host_data),     VALUE(report_data),       VALUE(family_id), VALUE(image_id),
        VALUE(id_key_digest), VALUE(author_key_digest), VALUE(report_id), VALUE(report_id_ma),
    };
#undef VALUE
    _Static_assert(sizeof values / sizeof *values == sizeof rules_value / sizeof *rules_value,
                   "a rule for each value");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (values[i].expected)
            (void)checks_compare(checks, &rules_value[i],
                                 span_of(values[i].expected, values[i].found.size),
                                 values[i].found);
    }
}

void snp_appraise(const struct snp_report *report, const struct snp_product *product,
                  const struct snp_appraisal *appraisal, struct checks *checks)
{
    appraise_policy(report, appraisal, checks);
    appraise_vmpl(report, appraisal, checks);
    appraise_tcb(report, appraisal, checks);
    appraise_minimums(report, product, appraisal, checks);
    appraise_versions(report, appraisal, checks);
    appraise_all_bits(report, appraisal, checks);
    if (appraisal->measurements)
        appraise_set(appraisal->measurements[0], appraisal->measurement_count,
                     span_of(report->measurement, SNP_MEASUREMENT_SIZE), &rule_measurement, checks);
    appraise_values(report, appraisal, checks);
    if (appraisal->chip_ids)
        appraise_set(appraisal->chip_ids[0], appraisal->chip_id_count,
                     span_of(report->chip_id, SNP_CHIP_ID_SIZE), &rule_chip, checks);
}
