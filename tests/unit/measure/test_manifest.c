#include "../check.h"

#include <stdio.h>

#include "measure/manifest.h"
#include "measure/simulated.h"

static struct error err;

#define ONE "0101010101010101010101010101010101010101010101010101010101010101"
#define TWO "0202020202020202020202020202020202020202020202020202020202020202"
#define LD                                                                                         \
    "0303030303030303030303030303030303030303030303030303030303030303030303030303030303030303030"  \
    "30303"

#define HEAD  "{\"caisson_guest\":1,\"packages\":[],\"initrd\":{},"
#define LINES "\"cmdline\":{\"simulated\":\"quiet\",\"sev-snp\":\"loud\"},"
#define FILES                                                                                      \
    "\"files\":{\"vmlinux\":{\"sha256\":\"" ONE "\",\"size\":1},\"initrd\":{\"sha256\":\"" TWO     \
    "\",\"size\":1},\"bzImage\":{\"sha256\":\"" TWO "\",\"size\":1}}"
#define GOOD HEAD LINES FILES "}"

static int parse(const char *text, struct manifest *manifest)
{
    return manifest_parse(span_of_text(text), manifest, &err);
}

static void measures_simulated_machines_from_its_digests(void **state)
{
    (void)state;
    MANIFEST_AUTO manifest = {0};
    MANIFEST_MEASUREMENTS_AUTO list = {0};
    check_ok(parse(GOOD, &manifest), &err);
    check_ok(manifest_measure_simulated(&manifest, &list, &err), &err);
    assert_int_equal(list.count, MANIFEST_VCPUS_MAX);

    struct measure_kernel kernel;
    uint8_t digest[SHA384_SIZE];
    memset(kernel.kernel, 1, sizeof kernel.kernel);
    memset(kernel.initrd, 2, sizeof kernel.initrd);
    measure_cmdline("quiet", kernel.cmdline);
    check_ok(measure_simulated(&kernel, 3, digest, &err), &err);
    assert_int_equal(list.items[2].vcpus, 3);
    assert_memory_equal(list.items[2].digest, digest, sizeof digest);
}

static void each_tee_has_its_kernel_and_command_line(void **state)
{
    (void)state;
    MANIFEST_AUTO manifest = {0};
    struct measure_kernel simulated;
    struct measure_kernel snp;
    check_ok(parse(GOOD, &manifest), &err);
    check_ok(manifest_kernel(&manifest, "simulated", &simulated, &err), &err);
    check_ok(manifest_kernel(&manifest, "sev-snp", &snp, &err), &err);
    assert_int_equal(simulated.kernel[0], 1);
    assert_int_equal(snp.kernel[0], 2);
    assert_memory_not_equal(simulated.cmdline, snp.cmdline, SHA256_SIZE);
}

static void lists_are_set_read_and_written_the_same(void **state)
{
    (void)state;
    MANIFEST_AUTO manifest = {0};
    MANIFEST_AUTO again = {0};
    MANIFEST_MEASUREMENTS_AUTO list = {0};
    MANIFEST_MEASUREMENTS_AUTO read = {0};
    BUF_AUTO text = BUF_WITH_LIMIT(MANIFEST_SIZE_MAX);
    BUF_AUTO twice = BUF_WITH_LIMIT(MANIFEST_SIZE_MAX);
    check_ok(parse(GOOD, &manifest), &err);
    check_ok(manifest_measure_simulated(&manifest, &list, &err), &err);
    check_ok(manifest_set_list(&manifest, "simulated", &list, &err), &err);
    check_ok(manifest_set_list(&manifest, "simulated", &list, &err), &err);
    check_ok(manifest_write(&manifest, &text, &err), &err);
    check_ok(parse(buf_text(&text), &again), &err);
    check_ok(manifest_list(&again, "simulated", &read, &err), &err);
    assert_int_equal(read.count, list.count);
    assert_memory_equal(read.items, list.items, list.count * sizeof *list.items);
    check_ok(manifest_set_list(&again, "simulated", &read, &err), &err);
    check_ok(manifest_write(&again, &twice, &err), &err);
    assert_true(span_equal(buf_span(&text), buf_span(&twice)));
}

static void a_list_of_one_tee_leaves_the_other(void **state)
{
    (void)state;
    MANIFEST_AUTO manifest = {0};
    MANIFEST_MEASUREMENTS_AUTO list = {0};
    MANIFEST_MEASUREMENTS_AUTO read = {0};
    const struct manifest_measurements none = {0};
    check_ok(parse(HEAD LINES FILES ",\"measurements\":[{\"tee\":\"sev-snp\",\"vcpu_type\":\"x\","
                                    "\"vcpus\":1,\"digest\":\"" LD "\"}]}",
                   &manifest),
             &err);
    check_ok(manifest_measure_simulated(&manifest, &list, &err), &err);
    check_ok(manifest_set_list(&manifest, "simulated", &list, &err), &err);
    check_ok(manifest_list(&manifest, "sev-snp", &read, &err), &err);
    assert_int_equal(read.count, 1);
    assert_int_equal(read.items[0].digest[47], 3);
    manifest_measurements_fini(&read);
    check_ok(manifest_set_list(&manifest, "sev-snp", &none, &err), &err);
    check_error(manifest_list(&manifest, "sev-snp", &read, &err), &err, ERROR_NOT_FOUND);
}

static void refuses_other_formats_and_keys(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "[]",
        "{}",
        "{\"caisson_guest\":2}",
        "{\"caisson_guest\":\"1\"}",
        "{\"caisson_guest\":1,\"other\":1}",
        "{\"caisson_guest\":1,\"caisson_guest\":1}",
        GOOD "x",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        MANIFEST_AUTO manifest = {0};
        check_error(parse(refused[i], &manifest), &err, ERROR_INVALID);
    }
}

static void refuses_to_measure_without_digests_or_command_line(void **state)
{
    (void)state;
    static const char *const refused[] = {
        HEAD FILES "}",
        HEAD LINES "\"files\":{}}",
        HEAD LINES "\"files\":{\"vmlinux\":{\"sha256\":\"01\"},\"initrd\":{\"sha256\":\"" ONE
                   "\"}}}",
        HEAD LINES "\"files\":{\"vmlinux\":{\"sha256\":1}}}",
        HEAD "\"cmdline\":{\"sev-snp\":\"x\"}," FILES "}",
        HEAD "\"cmdline\":{\"simulated\":null}," FILES "}",
        HEAD "\"cmdline\":\"quiet\"," FILES "}",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        MANIFEST_AUTO manifest = {0};
        MANIFEST_MEASUREMENTS_AUTO list = {0};
        check_ok(parse(refused[i], &manifest), &err);
        check_error(manifest_measure_simulated(&manifest, &list, &err), &err, ERROR_INVALID);
        assert_null(list.items);
    }
}

static void refuses_malformed_lists(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "{}",
        "[1]",
        "[{}]",
        "[{\"tee\":\"sev-snp\",\"vcpu_type\":\"x\",\"vcpus\":1,\"digest\":\"00\"}]",
        "[{\"tee\":\"sev-snp\",\"vcpu_type\":\"x\",\"vcpus\":-1,\"digest\":\"" LD "\"}]",
        "[{\"tee\":\"sev-snp\",\"vcpu_type\":\"x\",\"vcpus\":1,\"digest\":\"" LD "\",\"k\":1}]",
        "[{\"tee\":\"sev-snp\",\"vcpu_type\":\"" LD "\",\"vcpus\":1,\"digest\":\"" LD "\"}]",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char text[2048];
        MANIFEST_AUTO manifest = {0};
        MANIFEST_MEASUREMENTS_AUTO list = {0};
        (void)snprintf(text, sizeof text, HEAD LINES FILES ",\"measurements\":%s}", refused[i]);
        check_ok(parse(text, &manifest), &err);
        check_error(manifest_list(&manifest, "sev-snp", &list, &err), &err, ERROR_INVALID);
        assert_null(list.items);
    }
}

static void says_how_to_get_a_list_that_is_not_there(void **state)
{
    (void)state;
    MANIFEST_AUTO manifest = {0};
    MANIFEST_MEASUREMENTS_AUTO list = {0};
    check_ok(parse(GOOD, &manifest), &err);
    check_refused(manifest_list(&manifest, "sev-snp", &list, &err), &err, "caisson measure guest");
}

static void refuses_firmware_that_is_none(void **state)
{
    (void)state;
    static const uint8_t zeros[8192];
    MANIFEST_AUTO manifest = {0};
    MANIFEST_MEASUREMENTS_AUTO list = {0};
    check_ok(parse(GOOD, &manifest), &err);
    check_error(manifest_measure_snp(&manifest, span_of(zeros, sizeof zeros), &list, &err), &err,
                ERROR_INVALID);
    assert_null(list.items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_simulated_machines_from_its_digests),
        cmocka_unit_test(each_tee_has_its_kernel_and_command_line),
        cmocka_unit_test(lists_are_set_read_and_written_the_same),
        cmocka_unit_test(a_list_of_one_tee_leaves_the_other),
        cmocka_unit_test(refuses_other_formats_and_keys),
        cmocka_unit_test(refuses_to_measure_without_digests_or_command_line),
        cmocka_unit_test(refuses_malformed_lists),
        cmocka_unit_test(says_how_to_get_a_list_that_is_not_there),
        cmocka_unit_test(refuses_firmware_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
