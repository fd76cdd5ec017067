#include "../check.h"
#include "image.h"

#include "measure/ovmf.h"
#include "measure/snp.h"

static struct error err;

static int parse(const struct image *image, struct ovmf *ovmf)
{
    return ovmf_parse(span_of(image->bytes, PAGE), ovmf, &err);
}

static int measure(const struct ovmf *ovmf, bool kernel, uint32_t vcpus)
{
    static const uint8_t firmware[SHA384_SIZE];
    static const struct measure_kernel digests;
    uint8_t out[SHA384_SIZE];
    const struct snp_machine machine = {.ovmf = ovmf,
                                        .kernel = kernel ? &digests : NULL,
                                        .vcpus = vcpus,
                                        .guest_features = SNP_FEATURES_DEFAULT};
    return measure_snp(&machine, firmware, out, &err);
}

static void reads_tables(void **state)
{
    (void)state;
    struct image image;
    struct ovmf ovmf;
    make_good(&image);
    check_ok(parse(&image, &ovmf), &err);
    assert_true(ovmf.has_reset_eip && ovmf.has_hash_table);
    assert_int_equal(ovmf.reset_eip, 0x80B004);
    assert_int_equal(ovmf.hash_table_gpa, 0x80C400);
    assert_int_equal(ovmf.section_count, 3);
    assert_int_equal(ovmf.sections[2].kind, OVMF_SECTION_KERNEL_HASHES);
}

static void refuses_an_image_without_footer_or_metadata(void **state)
{
    (void)state;
    struct image image;
    struct ovmf ovmf;
    make_good(&image);
    image.bytes[TABLE_END - 1] ^= 1;
    check_refused(parse(&image, &ovmf), &err, "OVMF");
    start(&image);
    add_entry(&image, guid_reset, 1);
    finish(&image);
    check_ok(parse(&image, &ovmf), &err); /* it may serve SEV-ES */
    check_refused(measure(&ovmf, false, 1), &err, "SEV-SNP");
}

static void refuses_other_sizes(void **state)
{
    (void)state;
    struct image image;
    struct ovmf ovmf;
    make_good(&image);
    for (size_t size = 0; size < PAGE; size++)
        check_error(ovmf_parse(span_of(image.bytes + PAGE - size, size), &ovmf, &err), &err,
                    ERROR_INVALID);
}

static void refuses_tables_of_impossible_size(void **state)
{
    (void)state;
    static const uint16_t refused[] = {0, 1, 17, PAGE, 0xFFFF, 19, 18 + 21};
    struct image image;
    struct ovmf ovmf;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        make_good(&image);
        put(image.bytes + TABLE_END - 18, 2, refused[i]);
        check_error(parse(&image, &ovmf), &err, ERROR_INVALID);
    }
    static const uint16_t entry_sizes[] = {0, 17, 18, 19, 0xFFFF};
    for (size_t i = 0; i < sizeof entry_sizes / sizeof *entry_sizes; i++) {
        make_good(&image);
        put(image.bytes + TABLE_END - 18 - 18, 2, entry_sizes[i]);
        check_error(parse(&image, &ovmf), &err, ERROR_INVALID);
    }
}

static void refuses_metadata_outside_the_image(void **state)
{
    (void)state;
    static const uint32_t refused[] = {PAGE + 1, 0xFFFFFFFF, 0, 15, PAGE - METADATA_AT - 1};
    struct image image;
    struct ovmf ovmf;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        make_good(&image);
        put(image.bytes + TABLE_END - 18 - 3 * 22, 4, refused[i]);
        check_error(parse(&image, &ovmf), &err, ERROR_INVALID);
    }
}

static void refuses_metadata_of_another_version_or_too_long(void **state)
{
    (void)state;
    struct image image;
    struct ovmf ovmf;
    make_good(&image);
    put(image.bytes + METADATA_AT + 8, 4, 2);
    check_error(parse(&image, &ovmf), &err, ERROR_INVALID);
    make_good(&image);
    put(image.bytes + METADATA_AT + 12, 4, OVMF_SECTION_MAX + 1);
    check_error(parse(&image, &ovmf), &err, ERROR_LIMIT);
}

static void refuses_metadata_that_is_there_twice(void **state)
{
    (void)state;
    struct image image;
    struct ovmf ovmf;
    make_good(&image);
    add_entry(&image, guid_metadata, PAGE - METADATA_AT);
    finish(&image);
    check_refused(parse(&image, &ovmf), &err, "twice");
}

static void refuses_sections_of_unknown_kind_or_no_whole_pages(void **state)
{
    (void)state;
    static const struct ovmf_section refused[] = {
        {0x800000, 0x1000, 0}, {0x800000, 0x1000, 5}, {0x800000, 0x1000, 0x11},
        {0x800001, 0x1000, 1}, {0x800000, 0x1001, 1}, {0xFFFFF000, 0x2000, 1},
    };
    struct image image;
    struct ovmf ovmf;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        make_good(&image);
        add_section(&image, refused[i].gpa, refused[i].size, refused[i].kind);
        check_error(parse(&image, &ovmf), &err, ERROR_INVALID);
    }
}

static void refuses_a_kernel_that_the_firmware_would_not_check(void **state)
{
    (void)state;
    struct image image;
    struct ovmf ovmf;
    make_good(&image);
    check_ok(parse(&image, &ovmf), &err);
    check_ok(measure(&ovmf, true, 1), &err);
    ovmf.section_count = 2;
    check_refused(measure(&ovmf, true, 1), &err, "unmeasured");
    check_ok(measure(&ovmf, false, 1), &err);
    ovmf.section_count = 3;
    ovmf.hash_table_gpa = 0x80B400;
    check_refused(measure(&ovmf, true, 1), &err, "0x80b400");
    ovmf.hash_table_gpa = 0x80CFF0; /* it would reach beyond the page */
    check_refused(measure(&ovmf, true, 1), &err, "0x80cff0");
    ovmf.has_hash_table = false;
    check_error(measure(&ovmf, true, 1), &err, ERROR_INVALID);
}

static void refuses_impossible_numbers_of_cpus(void **state)
{
    (void)state;
    struct image image;
    struct ovmf ovmf;
    make_good(&image);
    check_ok(parse(&image, &ovmf), &err);
    check_error(measure(&ovmf, true, 0), &err, ERROR_INVALID);
    check_error(measure(&ovmf, true, 513), &err, ERROR_INVALID);
    ovmf.has_reset_eip = false;
    check_error(measure(&ovmf, true, 1), &err, ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_tables),
        cmocka_unit_test(refuses_an_image_without_footer_or_metadata),
        cmocka_unit_test(refuses_other_sizes),
        cmocka_unit_test(refuses_tables_of_impossible_size),
        cmocka_unit_test(refuses_metadata_outside_the_image),
        cmocka_unit_test(refuses_metadata_of_another_version_or_too_long),
        cmocka_unit_test(refuses_metadata_that_is_there_twice),
        cmocka_unit_test(refuses_sections_of_unknown_kind_or_no_whole_pages),
        cmocka_unit_test(refuses_a_kernel_that_the_firmware_would_not_check),
        cmocka_unit_test(refuses_impossible_numbers_of_cpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
