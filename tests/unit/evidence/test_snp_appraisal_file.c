#include "../check.h"

#include <stdio.h>

#include "base/buf.h"
#include "evidence/snp_appraisal_file.h"

static struct error err;

#define HEX16 "000102030405060708090a0b0c0d0e0f"
#define HEX32 HEX16 HEX16
#define HEX48 HEX32 HEX16
#define HEX64 HEX32 HEX32

static int parse(const char *text, struct snp_appraisal_file *file)
{
    return snp_appraisal_file_parse(span_of_text(text), file, &err);
}

static void asks_nothing_when_empty(void **state)
{
    (void)state;
    static const struct snp_appraisal strict;
    SNP_APPRAISAL_FILE_AUTO file;
    check_ok(parse("{\"snp_appraisal\": 1}", &file), &err);
    assert_memory_equal(&file.appraisal, &strict, sizeof strict);
}

static void reads_every_key(void **state)
{
    (void)state;
    static const char text[] =
        "{\"snp_appraisal\": 1, \"allow_masked_chip_id\": true, \"allow_debug\": true,"
        "\"allow_migration_agent\": true, \"allow_provisional_firmware\": true,"
        "\"allow_old_launch_tcb\": true, \"vmpl_max\": 3, \"minimum_guest_svn\": 4294967295,"
        "\"minimum_abi\": {\"major\": 1, \"minor\": 51},"
        "\"minimum_firmware\": {\"major\": 1, \"minor\": 55, \"build\": 21},"
        "\"minimum_reported_tcb\": {\"bootloader\": 4, \"snp\": 24, \"microcode\": 219},"
        "\"minimum_committed_tcb\": {\"tee\": 1}, \"minimum_launch_tcb\": {\"fmc\": 2},"
        "\"policy_required\": [\"single_socket\", \"aes_256_xts\", \"rapl_dis\","
        "\"ciphertext_hiding\", \"page_swap_disable\"],"
        "\"policy_forbidden\": [\"smt\", \"migrate_ma\", \"debug\", \"cxl\"],"
        "\"platform_required\": [\"ecc\", \"alias_check\", \"ciphertext_hiding\", \"rapl_dis\"],"
        "\"platform_forbidden\": [\"smt\", \"tsme\", \"tio\"],"
        "\"launch_mitigations\": [0, 2], \"current_mitigations\": [63],"
        "\"report_data\": \"" HEX64 "\", \"host_data\": \"" HEX32 "\","
        "\"family_id\": \"" HEX16 "\", \"image_id\": \"" HEX16 "\","
        "\"id_key_digest\": \"" HEX48 "\", \"author_key_digest\": \"" HEX48 "\","
        "\"report_id\": \"" HEX32 "\", \"report_id_ma\": \"" HEX32 "\","
        "\"measurements\": [\"" HEX48 "\", \"" HEX48 "\"], \"chip_ids\": [\"" HEX64 "\"]}";
    SNP_APPRAISAL_FILE_AUTO file;
    check_ok(parse(text, &file), &err);
    const struct snp_appraisal *got = &file.appraisal;
    assert_true(got->allow_masked_chip_id && got->allow_debug && got->allow_migration_agent);
    assert_true(got->allow_provisional_firmware && got->allow_old_launch_tcb);
    assert_int_equal(got->vmpl_max, 3);
    assert_int_equal(got->minimum_guest_svn, 0xFFFFFFFF);
    assert_int_equal(got->minimum_abi, 0x0133);
    assert_int_equal(got->minimum_firmware.major, 1);
    assert_int_equal(got->minimum_firmware.minor, 55);
    assert_int_equal(got->minimum_firmware.build, 21);
    static const uint8_t parts[SNP_TCB_KIND_COUNT][SNP_TCB_PART_COUNT] = {
        {0, 4, 0, 24, 219}, {0, 0, 1, 0, 0}, {2, 0, 0, 0, 0}};
    for (int i = 0; i < SNP_TCB_KIND_COUNT; i++) {
        assert_true(got->minimum_tcb[i].wanted);
        assert_memory_equal(got->minimum_tcb[i].parts, parts[i], SNP_TCB_PART_COUNT);
    }
    assert_true(got->policy.required == 0x3D00000 && got->policy.forbidden == 0x2D0000);
    assert_true(got->platform.required == 0x3C && got->platform.forbidden == 0x83);
    assert_true(got->launch_mitigations == 5 && got->current_mitigations == UINT64_C(1) << 63);
    const uint8_t *const values[] = {got->report_data, got->host_data,     got->family_id,
                                     got->image_id,    got->id_key_digest, got->author_key_digest,
                                     got->report_id,   got->report_id_ma};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_non_null(values[i]);
        assert_int_equal(values[i][15], 15);
    }
    assert_int_equal(got->measurement_count, 2);
    assert_int_equal(got->measurements[1][47], 15);
    assert_int_equal(got->chip_id_count, 1);
    assert_int_equal(got->chip_ids[0][63], 15);
}

static void refuses_with_the_key(void **state)
{
    (void)state;
    static const struct {
        const char *member;
        const char *words;
    } refused[] = {
        {"\"allow_debugging\": true", "allow_debugging"},
        {"\"allow_debug\": 1", "allow_debug"},
        {"\"allow_debug\": null", "allow_debug"},
        {"\"allow_debug\": true, \"allow_debug\": true", "allow_debug"},
        {"\"vmpl_max\": 4", "vmpl_max"},
        {"\"vmpl_max\": -1", "vmpl_max"},
        {"\"vmpl_max\": 0.5", "vmpl_max"},
        {"\"minimum_guest_svn\": 4294967296", "minimum_guest_svn"},
        {"\"minimum_guest_svn\": \"1\"", "minimum_guest_svn"},
        {"\"minimum_abi\": \"1.51\"", "minimum_abi"},
        {"\"minimum_abi\": {\"major\": 1}", "minimum_abi"},
        {"\"minimum_abi\": {\"major\": 256, \"minor\": 0}", "minimum_abi"},
        {"\"minimum_abi\": {\"major\": 1, \"minor\": 0, \"build\": 0}", "minimum_abi"},
        {"\"minimum_firmware\": []", "minimum_firmware"},
        {"\"minimum_firmware\": {\"major\": 1, \"minor\": 55}", "minimum_firmware"},
        {"\"minimum_reported_tcb\": {}", "minimum_reported_tcb"},
        {"\"minimum_reported_tcb\": {\"ucode\": 1}", "minimum_reported_tcb"},
        {"\"minimum_reported_tcb\": {\"snp\": 256}", "minimum_reported_tcb"},
        {"\"minimum_committed_tcb\": 1", "minimum_committed_tcb"},
        {"\"minimum_launch_tcb\": \"04\"", "minimum_launch_tcb"},
        {"\"policy_required\": [\"SMT\"]", "policy_required[0]"},
        {"\"policy_required\": [\"cxl\", \"cxl\"]", "policy_required[1]"},
        {"\"policy_required\": \"cxl\"", "policy_required"},
        {"\"policy_required\": [\"cxl\"], \"policy_forbidden\": [\"cxl\"]", "policy_forbidden"},
        {"\"policy_forbidden\": [16]", "policy_forbidden[0]"},
        {"\"platform_required\": [\"single_socket\"]", "platform_required[0]"},
        {"\"platform_required\": [\"ecc\"], \"platform_forbidden\": [\"ecc\"]", "platform_"},
        {"\"launch_mitigations\": [64]", "launch_mitigations[0]"},
        {"\"launch_mitigations\": [-1]", "launch_mitigations[0]"},
        {"\"current_mitigations\": [\"1\"]", "current_mitigations[0]"},
        {"\"current_mitigations\": [1, 1]", "current_mitigations[1]"},
        {"\"report_data\": \"" HEX32 "\"", "report_data"},
        {"\"report_data\": \"\"", "report_data"},
        {"\"host_data\": \"" HEX48 "\"", "host_data"},
        {"\"host_data\": \"0x" HEX16 "0102030405060708090a0b0c0d0e0f\"", "host_data"},
        {"\"family_id\": 5", "family_id"},
        {"\"image_id\": \"zz0102030405060708090a0b0c0d0e0f\"", "image_id"},
        {"\"id_key_digest\": \"" HEX32 "\"", "id_key_digest"},
        {"\"author_key_digest\": [\"" HEX48 "\"]", "author_key_digest"},
        {"\"report_id\": \"" HEX16 "\"", "report_id"},
        {"\"report_id_ma\": \"" HEX64 "\"", "report_id_ma"},
        {"\"measurements\": []", "measurements"},
        {"\"measurements\": \"" HEX48 "\"", "measurements"},
        {"\"measurements\": [\"" HEX48 "\", \"" HEX32 "\"]", "measurements[1]"},
        {"\"measurements\": [[]]", "measurements[0]"},
        {"\"chip_ids\": [\"" HEX16 "\"]", "chip_ids[0]"},
        {"\"chip_ids\": [null]", "chip_ids[0]"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char text[1024];
        SNP_APPRAISAL_FILE_AUTO file;
        (void)snprintf(text, sizeof text, "{\"snp_appraisal\": 1, %s}", refused[i].member);
        check_refused(parse(text, &file), &err, refused[i].words);
    }
}

static void refuses_other_documents(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "{}",
                                        "[]",
                                        "{\"snp_appraisal\": 2}",
                                        "{\"snp_appraisal\": \"1\"}",
                                        "{\"snp_appraisal\": 1} x",
                                        "{\"snp_appraisal\": 1",
                                        "{\"allow_debug\": true}",
                                        "{\"snp_appraisal\": 1, \"measurements\": [[[1]]]}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        SNP_APPRAISAL_FILE_AUTO file;
        *(&err) = (struct error){0};
        assert_int_equal(parse(texts[i], &file), -1);
        assert_true(err.text[0] != '\0');
    }
}

static void refuses_more_values_than_it_keeps(void **state)
{
    (void)state;
    BUF_AUTO text = BUF_WITH_LIMIT(2 * SNP_APPRAISAL_FILE_MAX);
    SNP_APPRAISAL_FILE_AUTO file;
    check_ok(
        buf_append_text(&text, "{\"snp_appraisal\": 1, \"measurements\": [\"" HEX48 "\"", &err),
        &err);
    for (int i = 0; i < SNP_APPRAISAL_SET_MAX; i++)
        check_ok(buf_append_text(&text, ",\"" HEX48 "\"", &err), &err);
    check_ok(buf_append_text(&text, "]}", &err), &err);
    check_error(snp_appraisal_file_parse(buf_span(&text), &file, &err), &err, ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_nothing_when_empty),
        cmocka_unit_test(reads_every_key),
        cmocka_unit_test(refuses_with_the_key),
        cmocka_unit_test(refuses_other_documents),
        cmocka_unit_test(refuses_more_values_than_it_keeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
