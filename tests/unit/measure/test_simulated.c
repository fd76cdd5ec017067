#include "../check.h"

#include "base/hex.h"
#include "measure/launch.h"
#include "measure/simulated.h"

static struct error err;

static void measure(const struct measure_kernel *kernel, uint32_t vcpus, char text[97])
{
    uint8_t digest[SHA384_SIZE];
    check_ok(measure_simulated(kernel, vcpus, digest, &err), &err);
    hex_encode(span_of(digest, sizeof digest), text);
}

/* Computed apart from this code, by Python's hashlib and docs/evidence.md. */
static void agrees_with_the_rule_as_it_is_written(void **state)
{
    (void)state;
    struct measure_kernel kernel = {.kernel = {1}, .initrd = {2}};
    char text[97];
    measure_cmdline("quiet", kernel.cmdline);
    measure(&kernel, 1, text);
    assert_string_equal(text, "d436745804e8e952ea84d2856220d2301b9ff70d590000176725f5db804e3129f8b2"
                              "f1ddaa45bb96db62b6697a51ef0b");
    measure(&kernel, 2, text);
    assert_string_equal(text, "56c2347c42c0b5b83b31263087aad5bf60fd9f16a3f88443cee522d1e0b0301fd2f4"
                              "9ef5deb7b4ab8b01b1f9c425ba27");
}

static void every_part_changes_the_digest(void **state)
{
    (void)state;
    const struct measure_kernel base = {{1}, {2}, {3}};
    char texts[5][97];
    struct measure_kernel other = base;
    measure(&base, 1, texts[0]);
    other.kernel[31] ^= 1;
    measure(&other, 1, texts[1]);
    other = base;
    other.initrd[31] ^= 1;
    measure(&other, 1, texts[2]);
    other = base;
    other.cmdline[31] ^= 1;
    measure(&other, 1, texts[3]);
    measure(&base, 3, texts[4]);
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < i; j++)
            assert_string_not_equal(texts[i], texts[j]);
    }
}

/* Else a kernel could be measured as the initrd of another machine. */
static void parts_can_not_stand_for_each_other(void **state)
{
    (void)state;
    const struct measure_kernel one = {{1}, {2}, {3}};
    const struct measure_kernel swapped = {{2}, {1}, {3}};
    char a[97];
    char b[97];
    measure(&one, 1, a);
    measure(&swapped, 1, b);
    assert_string_not_equal(a, b);
}

static void a_command_line_ends_with_a_zero_byte(void **state)
{
    (void)state;
    uint8_t digest[SHA256_SIZE];
    uint8_t expected[SHA256_SIZE];
    measure_cmdline("", digest);
    sha256_digest(span_of("", 1), expected);
    assert_memory_equal(digest, expected, sizeof digest);
}

static void refuses_impossible_numbers_of_cpus(void **state)
{
    (void)state;
    static const uint32_t refused[] = {0, MEASURE_VCPUS_MAX + 1, UINT32_MAX};
    const struct measure_kernel kernel = {{1}, {2}, {3}};
    uint8_t digest[SHA384_SIZE];
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_error(measure_simulated(&kernel, refused[i], digest, &err), &err, ERROR_INVALID);
}

static void refuses_a_table_that_crosses_the_page(void **state)
{
    (void)state;
    const struct measure_kernel kernel = {{1}, {2}, {3}};
    uint8_t page[MEASURE_PAGE_SIZE];
    assert_true(measure_kernel_page(&kernel, 4096 - 176, page));
    assert_int_equal(page[4096 - 176], 0x06);
    assert_false(measure_kernel_page(&kernel, 4096 - 175, page));
    assert_false(measure_kernel_page(&kernel, SIZE_MAX, page));
}

static void refuses_pages_that_are_not_whole_or_too_many(void **state)
{
    (void)state;
    static const struct {
        uint64_t gpa;
        uint64_t size;
    } refused[] = {{1, 4096}, {0, 1}, {0, UINT64_C(1) << 40}, {UINT64_MAX - 4095, 8192}};
    struct launch launch;
    launch_init(&launch);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_error(
            launch_add_blank(&launch, LAUNCH_PAGE_ZERO, refused[i].gpa, refused[i].size, &err),
            &err, ERROR_INVALID);
    check_error(launch_add_content(&launch, 0, span_of("x", 1), &err), &err, ERROR_INVALID);
    assert_true(span_is_zero(span_of(launch.digest, sizeof launch.digest)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_rule_as_it_is_written),
        cmocka_unit_test(every_part_changes_the_digest),
        cmocka_unit_test(parts_can_not_stand_for_each_other),
        cmocka_unit_test(a_command_line_ends_with_a_zero_byte),
        cmocka_unit_test(refuses_impossible_numbers_of_cpus),
        cmocka_unit_test(refuses_a_table_that_crosses_the_page),
        cmocka_unit_test(refuses_pages_that_are_not_whole_or_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
