/* What a caller may want of a machine: each demand met, and each missed by the least there is. */
#include "synthetic.h"

static struct snp_report report;
static struct snp_appraisal appraisal;
static struct checks checks;
static struct span milan_name;

static const struct snp_product *product(void)
{
    milan_name = span_of_text("Milan");
    return snp_product_by_name(milan_name);
}

/* A report in which every field that can be wanted has a value of its own. */
static int start(void **state)
{
    (void)state;
    static const uint8_t tcb[SNP_TCB_SIZE] = {4, 1, 0, 0, 0, 0, 24, 0xDB};
    report = (struct snp_report){.version = 5,
                                 .guest_svn = 7,
                                 .policy = SNP_POLICY_ONE | SNP_POLICY_SMT | 0x0133,
                                 .platform_info = SNP_PLATFORM_ECC | SNP_PLATFORM_ALIAS_CHECK,
                                 .current = {21, 55, 1},
                                 .committed = {21, 55, 1},
                                 .launch_mit_vector = 5,
                                 .current_mit_vector = 7};
    appraisal = (struct snp_appraisal){0};
    memcpy(report.current_tcb, tcb, sizeof tcb);
    memcpy(report.reported_tcb, tcb, sizeof tcb);
    memcpy(report.committed_tcb, tcb, sizeof tcb);
    memcpy(report.launch_tcb, tcb, sizeof tcb);
    memset(report.host_data, 1, sizeof report.host_data);
    memset(report.report_data, 2, sizeof report.report_data);
    memset(report.family_id, 3, sizeof report.family_id);
    memset(report.image_id, 4, sizeof report.image_id);
    memset(report.id_key_digest, 5, sizeof report.id_key_digest);
    memset(report.author_key_digest, 6, sizeof report.author_key_digest);
    memset(report.report_id, 7, sizeof report.report_id);
    memset(report.report_id_ma, 8, sizeof report.report_id_ma);
    memset(report.measurement, 9, sizeof report.measurement);
    memset(report.chip_id, 10, sizeof report.chip_id);
    return 0;
}

static void appraise(void)
{
    checks_init(&checks);
    snp_appraise(&report, product(), &appraisal, &checks);
    checks_complete(&checks);
}

static void meets(const char *name)
{
    appraise();
    const struct check *failure = checks_first_failure(&checks);
    if (failure)
        fail_msg("refused by %s: %s", failure->rule->name, failure->found);
    if (name)
        assert_non_null(checks_find(&checks, name));
}

static void misses(const char *name)
{
    appraise();
    assert_int_equal(checks_verdict(&checks), VERDICT_REFUSED);
    const struct check *failure = checks_first_failure(&checks);
    assert_non_null(failure);
    assert_string_equal(failure->rule->name, name);
}

static void asks_nothing_particular_by_default(void **state)
{
    (void)state;
    meets(NULL);
    assert_null(checks_find(&checks, "host_data"));
    assert_null(checks_find(&checks, "policy_bits"));
    assert_null(checks_find(&checks, "minimum_reported_tcb"));
}

static void compares_each_value(void **state)
{
    (void)state;
    static uint8_t wanted[64];
    const struct {
        const char *name;
        const uint8_t **member;
        uint8_t value;
        size_t size;
    } values[] = {{"host_data", &appraisal.host_data, 1, 32},
                  {"report_data", &appraisal.report_data, 2, 64},
                  {"family_id", &appraisal.family_id, 3, 16},
                  {"image_id", &appraisal.image_id, 4, 16},
                  {"id_key_digest", &appraisal.id_key_digest, 5, 48},
                  {"author_key_digest", &appraisal.author_key_digest, 6, 48},
                  {"report_id", &appraisal.report_id, 7, 32},
                  {"report_id_ma", &appraisal.report_id_ma, 8, 32}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        memset(wanted, 0xFF, sizeof wanted);
        memset(wanted, values[i].value, values[i].size);
        *values[i].member = wanted;
        meets(values[i].name);
        for (size_t at = 0; at < values[i].size; at += values[i].size - 1) {
            wanted[at] ^= 1;
            misses(values[i].name);
            wanted[at] ^= 1;
        }
        *values[i].member = NULL;
    }
}

static void takes_any_of_a_set_and_nothing_else(void **state)
{
    (void)state;
    static uint8_t measurements[3][SNP_MEASUREMENT_SIZE];
    static uint8_t chips[2][SNP_CHIP_ID_SIZE];
    appraisal.measurements = (const uint8_t(*)[SNP_MEASUREMENT_SIZE])measurements;
    appraisal.measurement_count = 3;
    misses("measurement");
    memset(measurements[2], 9, SNP_MEASUREMENT_SIZE);
    meets("measurement");
    appraisal.measurement_count = 2;
    misses("measurement");
    appraisal.measurement_count = 0; /* a set of none is a demand that nothing meets */
    misses("measurement");
    appraisal.measurements = NULL;
    appraisal.chip_ids = (const uint8_t(*)[SNP_CHIP_ID_SIZE])chips;
    appraisal.chip_id_count = 2;
    misses("allowed_chip_id");
    memset(chips[1], 10, SNP_CHIP_ID_SIZE);
    meets("allowed_chip_id");
    chips[1][63] = 0;
    misses("allowed_chip_id");
}

static void wants_minimum_tcbs_part_by_part(void **state)
{
    (void)state;
    static const struct {
        enum snp_tcb_part part;
        uint8_t has;
    } parts[] = {
        {SNP_TCB_BOOTLOADER, 4}, {SNP_TCB_TEE, 1}, {SNP_TCB_SNP, 24}, {SNP_TCB_MICROCODE, 0xDB}};
    static const char *const names[SNP_TCB_KIND_COUNT] = {
        "minimum_reported_tcb", "minimum_committed_tcb", "minimum_launch_tcb"};
    for (int kind = 0; kind < SNP_TCB_KIND_COUNT; kind++) {
        struct snp_tcb_minimum *minimum = &appraisal.minimum_tcb[kind];
        minimum->wanted = true;
        meets(names[kind]);
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            minimum->parts[parts[i].part] = parts[i].has;
            meets(names[kind]);
            minimum->parts[parts[i].part]++;
            misses(names[kind]);
            minimum->parts[parts[i].part] = 0;
        }
        minimum->parts[SNP_TCB_FMC] = 1; /* a Milan has none */
        misses(names[kind]);
        *minimum = (struct snp_tcb_minimum){.wanted = false};
    }
    appraisal.minimum_tcb[SNP_TCB_REPORTED].wanted = true;
    checks_init(&checks);
    snp_appraise(&report, NULL, &appraisal, &checks);
    assert_string_equal(checks_first_failure(&checks)->rule->name, "minimum_reported_tcb");
}

/* The parts of a Turin lie elsewhere: the same numbers mean the same parts. */
static void finds_the_parts_of_a_turin(void **state)
{
    (void)state;
    struct synthetic evidence;
    const struct snp_appraisal wanted = {
        .minimum_tcb[SNP_TCB_REPORTED] = {true, {2, 3, 1, 5, 0x48}}};
    synthetic_turin(&evidence);
    (void)synthetic_check(&evidence, &wanted, NULL);
    for (int part = 0; part < SNP_TCB_PART_COUNT; part++) {
        struct snp_appraisal more = wanted;
        more.minimum_tcb[SNP_TCB_REPORTED].parts[part]++;
        (void)synthetic_check(&evidence, &more, "minimum_reported_tcb");
    }
}

static void wants_minimum_versions(void **state)
{
    (void)state;
    appraisal.minimum_guest_svn = 7;
    meets("guest_svn");
    appraisal.minimum_guest_svn = 8;
    misses("guest_svn");
    appraisal.minimum_guest_svn = 0;
    appraisal.minimum_abi = 0x0133;
    meets("minimum_abi");
    appraisal.minimum_abi = 0x0134;
    misses("minimum_abi");
    appraisal.minimum_abi = 0x0200;
    misses("minimum_abi");
    appraisal.minimum_abi = 0;
    appraisal.minimum_firmware = (struct snp_firmware){21, 55, 1};
    meets("minimum_firmware");
    appraisal.minimum_firmware.build = 22;
    misses("minimum_firmware");
    appraisal.minimum_firmware = (struct snp_firmware){0, 56, 1};
    misses("minimum_firmware");
    appraisal.minimum_firmware = (struct snp_firmware){0, 0, 2};
    misses("minimum_firmware");
    appraisal.minimum_firmware = (struct snp_firmware){255, 54, 1};
    meets("minimum_firmware");
}

static void wants_bits_of_policy_and_platform(void **state)
{
    (void)state;
    appraisal.policy.required = SNP_POLICY_SMT;
    meets("policy_bits");
    appraisal.policy.forbidden = SNP_POLICY_SMT;
    misses("policy_bits");
    appraisal.policy = (struct snp_bits){SNP_POLICY_SINGLE_SOCKET, 0};
    misses("policy_bits");
    report.policy |= SNP_POLICY_SINGLE_SOCKET;
    meets("policy_bits");
    appraisal.platform = (struct snp_bits){SNP_PLATFORM_ECC, SNP_PLATFORM_SMT};
    meets("platform_bits");
    report.platform_info |= SNP_PLATFORM_SMT;
    misses("platform_bits");
    report.platform_info = SNP_PLATFORM_TIO; /* ECC is gone */
    misses("platform_bits");
}

static void wants_mitigations(void **state)
{
    (void)state;
    appraisal.launch_mitigations = 5;
    appraisal.current_mitigations = 7;
    meets("launch_mitigations");
    appraisal.launch_mitigations = 2;
    misses("launch_mitigations");
    appraisal.launch_mitigations = 0;
    appraisal.current_mitigations = 8;
    misses("current_mitigations");
}

/* A report before version 5 says nothing of mitigations: that is not a yes. */
static void refuses_an_old_report_where_mitigations_are_wanted(void **state)
{
    (void)state;
    struct synthetic evidence;
    const struct snp_appraisal wanted = {.current_mitigations = 1};
    synthetic_milan(&evidence);
    evidence.report.current_mit_vector = 1; /* not written in version 3 */
    (void)synthetic_check(&evidence, &wanted, "current_mitigations");
    synthetic_turin(&evidence);
    evidence.report.current_mit_vector = 1;
    (void)synthetic_check(&evidence, &wanted, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(asks_nothing_particular_by_default, start),
        cmocka_unit_test_setup(compares_each_value, start),
        cmocka_unit_test_setup(takes_any_of_a_set_and_nothing_else, start),
        cmocka_unit_test_setup(wants_minimum_tcbs_part_by_part, start),
        cmocka_unit_test(finds_the_parts_of_a_turin),
        cmocka_unit_test_setup(wants_minimum_versions, start),
        cmocka_unit_test_setup(wants_bits_of_policy_and_platform, start),
        cmocka_unit_test_setup(wants_mitigations, start),
        cmocka_unit_test(refuses_an_old_report_where_mitigations_are_wanted),
    };
    return cmocka_run_group_tests(tests, synthetic_start, synthetic_end);
}
