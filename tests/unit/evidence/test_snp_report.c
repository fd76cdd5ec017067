#include "../check.h"

#include "evidence/snp_report.h"

static struct error err;

/* A report of this version in which every byte of every field differs from its neighbour. */
static void make_report(uint32_t version, uint8_t bytes[SNP_REPORT_SIZE])
{
    struct snp_report report;
    uint8_t *raw = (uint8_t *)&report;
    for (size_t i = 0; i < sizeof report; i++)
        raw[i] = (uint8_t)(i * 7 + 1);
    report.version = version;
    snp_report_write(&report, bytes);
}

static void writes_fields_where_the_specification_has_them(void **state)
{
    (void)state;
    struct snp_report report = {.version = 5,
                                .guest_svn = 0x01020304,
                                .policy = UINT64_C(0x1122334455667788),
                                .vmpl = 3,
                                .signature_algorithm = 1,
                                .key_info = 6,
                                .cpuid_family = 0x19,
                                .cpuid_model = 0x11,
                                .cpuid_stepping = 2,
                                .current = {1, 2, 3},
                                .committed = {4, 5, 6},
                                .launch_mit_vector = 0xAA,
                                .current_mit_vector = 0xBB};
    uint8_t bytes[SNP_REPORT_SIZE];
    report.report_data[0] = 0x50;
    report.measurement[0] = 0x90;
    report.host_data[31] = 0xC0;
    report.chip_id[63] = 0xA0;
    report.signature_r[0] = 0xF0;
    report.signature_s[71] = 0xF1;
    snp_report_write(&report, bytes);
    static const struct {
        size_t at;
        uint8_t value;
    } expected[] = {
        {0x000, 5},    {0x004, 4},    {0x007, 1},    {0x008, 0x88}, {0x00F, 0x11},
        {0x030, 3},    {0x034, 1},    {0x048, 6},    {0x050, 0x50}, {0x090, 0x90},
        {0x0DF, 0xC0}, {0x188, 0x19}, {0x189, 0x11}, {0x18A, 2},    {0x1DF, 0xA0},
        {0x1E8, 1},    {0x1E9, 2},    {0x1EA, 3},    {0x1EC, 4},    {0x1ED, 5},
        {0x1EE, 6},    {0x1F8, 0xAA}, {0x200, 0xBB}, {0x2A0, 0xF0}, {0x32F, 0xF1},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        if (bytes[expected[i].at] != expected[i].value)
            fail_msg("byte 0x%zx is 0x%02x", expected[i].at, bytes[expected[i].at]);
    }
    assert_int_equal(snp_report_signing_key(&report), SNP_SIGNING_VLEK);
}

static void reads_what_it_writes_in_every_version(void **state)
{
    (void)state;
    for (uint32_t version = SNP_VERSION_MIN; version <= SNP_VERSION_MAX; version++) {
        uint8_t bytes[SNP_REPORT_SIZE];
        uint8_t again[SNP_REPORT_SIZE];
        struct snp_report report;
        make_report(version, bytes);
        struct span span = span_of(bytes, sizeof bytes);
        check_ok(snp_report_parse(span, &report, &err), &err);
        check_ok(snp_report_check_reserved(span, &report, &err), &err);
        snp_report_write(&report, again);
        assert_memory_equal(again, bytes, sizeof bytes);
    }
}

static void refuses_every_other_size(void **state)
{
    (void)state;
    uint8_t bytes[SNP_REPORT_SIZE + 1];
    struct snp_report report;
    make_report(3, bytes);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        if (size != SNP_REPORT_SIZE)
            check_error(snp_report_parse(span_of(bytes, size), &report, &err), &err, ERROR_INVALID);
    }
}

static void refuses_every_other_version(void **state)
{
    (void)state;
    static const uint32_t refused[] = {0, 1, 6, 9, 0x0300, 0x01000003, 0xFFFFFFFF};
    struct snp_report report;
    uint8_t bytes[SNP_REPORT_SIZE];
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        make_report(refused[i], bytes);
        check_error(snp_report_parse(span_of(bytes, sizeof bytes), &report, &err), &err,
                    ERROR_INVALID);
    }
}

struct range {
    size_t from;
    size_t to;
};

/* Every byte here must be zero, and every other may be anything. */
static void check_reserved_ranges(uint32_t version, const struct range *ranges, size_t count)
{
    uint8_t bytes[SNP_REPORT_SIZE];
    struct snp_report report;
    make_report(version, bytes);
    for (size_t at = 4; at < sizeof bytes; at++) {
        bool reserved = false;
        for (size_t i = 0; i < count; i++)
            reserved = reserved || (ranges[i].from <= at && at < ranges[i].to);
        uint8_t before = bytes[at];
        bytes[at] = 0x80;
        check_ok(snp_report_parse(span_of(bytes, sizeof bytes), &report, &err), &err);
        int outcome = snp_report_check_reserved(span_of(bytes, sizeof bytes), &report, &err);
        if (outcome != (reserved ? -1 : 0))
            fail_msg("version %u, byte 0x%zx: %d", version, at, outcome);
        bytes[at] = before;
    }
}

static void refuses_content_in_reserved_bytes_of_each_version(void **state)
{
    (void)state;
    static const struct range version_2[] = {{0x4C, 0x50},   {0x188, 0x1A0}, {0x1EB, 0x1EC},
                                             {0x1EF, 0x1F0}, {0x1F8, 0x2A0}, {0x330, 0x4A0}};
    static const struct range version_3[] = {{0x4C, 0x50},   {0x18B, 0x1A0}, {0x1EB, 0x1EC},
                                             {0x1EF, 0x1F0}, {0x1F8, 0x2A0}, {0x330, 0x4A0}};
    static const struct range version_5[] = {{0x4C, 0x50},   {0x18B, 0x1A0}, {0x1EB, 0x1EC},
                                             {0x1EF, 0x1F0}, {0x208, 0x2A0}, {0x330, 0x4A0}};
    check_reserved_ranges(2, version_2, sizeof version_2 / sizeof *version_2);
    check_reserved_ranges(3, version_3, sizeof version_3 / sizeof *version_3);
    check_reserved_ranges(4, version_3, sizeof version_3 / sizeof *version_3);
    check_reserved_ranges(5, version_5, sizeof version_5 / sizeof *version_5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_fields_where_the_specification_has_them),
        cmocka_unit_test(reads_what_it_writes_in_every_version),
        cmocka_unit_test(refuses_every_other_size),
        cmocka_unit_test(refuses_every_other_version),
        cmocka_unit_test(refuses_content_in_reserved_bytes_of_each_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
