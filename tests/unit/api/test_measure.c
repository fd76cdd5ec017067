/* libcaisson's measurements as a program asks for them, against the library's own and against
 * vectors. */
#include "../check.h"
#include "../measure/image.h"
#include "../vectors.h"

#include <caisson/measure.h>

#include "base/hex.h"
#include "format/json.h"
#include "measure/snp.h"

#define FILE_MAX (16 * 1024 * 1024)
#define FOLDER   "attest/launch-measure/"

static struct image image;
static char error[CAISSON_ERROR_SIZE];

static struct caisson_machine make_machine(void)
{
    struct caisson_machine machine = CAISSON_INIT(machine);
    make_good(&image);
    machine.firmware = (struct caisson_bytes){image.bytes, sizeof image.bytes};
    machine.vcpu_type = "EPYC-Milan";
    machine.vcpus = 2;
    return machine;
}

static void check_refused_by(const struct caisson_machine *machine, const char *words)
{
    uint8_t digest[48];
    assert_false(caisson_measure_snp(machine, digest, error));
    if (!strstr(error, words))
        fail_msg("\"%s\" does not hold \"%s\"", error, words);
}

static void measures_what_the_machine_says(void **state)
{
    (void)state;
    uint8_t digest[48], firmware[SHA384_SIZE], expected[SHA384_SIZE], each[2][48];
    struct error err;
    struct ovmf ovmf;
    struct measure_kernel kernel;
    struct caisson_machine machine = make_machine();
    machine.kernel = (struct caisson_bytes){(const uint8_t *)"kernel", 6};
    machine.initrd = (struct caisson_bytes){(const uint8_t *)"initrd", 6};
    machine.command_line = "quiet";
    sha256_digest(span_of_text("kernel"), kernel.kernel);
    sha256_digest(span_of_text("initrd"), kernel.initrd);
    sha256_digest(span_of("quiet", 6), kernel.cmdline);
    check_ok(ovmf_parse(span_of(image.bytes, sizeof image.bytes), &ovmf, &err), &err);
    const struct snp_machine own = {.ovmf = &ovmf,
                                    .kernel = &kernel,
                                    .cpuid_signature = 0xa00f11,
                                    .vcpus = 2,
                                    .guest_features = 1};
    check_ok(measure_snp_firmware(ovmf.image, firmware, &err), &err);
    check_ok(measure_snp(&own, firmware, expected, &err), &err);
    assert_true(caisson_measure_snp(&machine, digest, error));
    assert_string_equal(error, "");
    assert_memory_equal(digest, expected, sizeof digest);
    assert_true(caisson_measure_snp_each(&machine, each, NULL));
    assert_memory_equal(each[1], expected, sizeof digest);
    machine.vcpus = 1;
    assert_true(caisson_measure_snp(&machine, digest, NULL));
    assert_memory_equal(each[0], digest, sizeof digest);
}

static void each_member_changes_the_digest(void **state)
{
    (void)state;
    const struct caisson_machine good = make_machine();
    struct caisson_machine others[6];
    uint8_t digest[48], other[48];
    for (size_t i = 0; i < 6; i++)
        others[i] = good;
    others[0].vcpus = 3;
    others[1].vcpu_type = "EPYC-Genoa";
    others[2].vmm = CAISSON_VMM_EC2;
    others[3].guest_features = 5;
    others[4].kernel = (struct caisson_bytes){(const uint8_t *)"k", 1};
    others[5].vmm = CAISSON_VMM_GCE;
    assert_true(caisson_measure_snp(&good, digest, error));
    for (size_t i = 0; i < 6; i++) {
        if (!caisson_measure_snp(&others[i], other, error))
            fail_msg("%zu: %s", i, error);
        assert_memory_not_equal(digest, other, sizeof digest);
    }
}

static void refuses_what_is_no_machine(void **state)
{
    (void)state;
    struct caisson_machine machine = make_machine();
    check_refused_by(NULL, "no struct caisson_machine");
    machine.size = 8;
    check_refused_by(&machine, "CAISSON_INIT");
    machine = make_machine();
    machine.vcpus = 0;
    check_refused_by(&machine, "512");
    machine.vcpus = CAISSON_VCPUS_MAX + 1;
    check_refused_by(&machine, "512");
    machine = make_machine();
    machine.vcpu_type = "80386";
    check_refused_by(&machine, "80386");
    machine = make_machine();
    machine.vmm = (enum caisson_vmm)9;
    check_refused_by(&machine, "monitor 9");
    machine = make_machine();
    machine.firmware.size = 100;
    assert_false(caisson_measure_snp(&machine, (uint8_t[48]){0}, NULL));
}

static void refuses_files_that_are_none(void **state)
{
    (void)state;
    const struct caisson_bytes junk = {(const uint8_t *)"no such file at all", 19};
    uint8_t digest[48];
    struct caisson_machine machine = make_machine();
    assert_false(caisson_measure_igvm(junk, digest, error));
    assert_true(*error);
    assert_false(caisson_measure_sgxs(junk, digest, error));
    assert_true(*error);
    assert_false(caisson_check_sigstruct(junk, digest, digest, error));
    assert_true(*error);
    assert_false(caisson_check_id_block(junk, junk, digest, digest, digest, error));
    assert_true(*error);
    assert_false(caisson_measure_svsm(&machine, junk, 0, digest, error));
    assert_non_null(strstr(error, "SVSM"));
    assert_false(caisson_measure_sev(NULL, digest, error));
    assert_false(caisson_measure_sev_es(NULL, digest, error));
}

static void sev_es_counts_processors_and_sev_does_not(void **state)
{
    (void)state;
    uint8_t one[32], two[32], plain_one[32], plain_two[32];
    struct caisson_machine machine = make_machine();
    assert_true(caisson_measure_sev_es(&machine, two, error));
    assert_true(caisson_measure_sev(&machine, plain_two, error));
    machine.vcpus = 1;
    assert_true(caisson_measure_sev_es(&machine, one, error));
    assert_true(caisson_measure_sev(&machine, plain_one, error));
    assert_memory_not_equal(one, two, sizeof one);
    assert_memory_equal(plain_one, plain_two, sizeof plain_one);
}

/* --- another implementation's answers --------------------------------------------------------- */

static const char *text_of(const json_t *item, const char *key)
{
    return json_string_value(json_object_get(item, key));
}

static struct caisson_bytes read_vector(const char *name, struct buf *out)
{
    char path[512];
    if (!name || strcmp(name, "/dev/null") == 0)
        return (struct caisson_bytes){NULL, 0};
    (void)snprintf(path, sizeof path, FOLDER "%s", name);
    vectors_read(path, out);
    return (struct caisson_bytes){out->data, out->size};
}

static void run_case(const json_t *item)
{
    BUF_AUTO firmware = BUF_WITH_LIMIT(FILE_MAX);
    BUF_AUTO kernel = BUF_WITH_LIMIT(FILE_MAX);
    BUF_AUTO initrd = BUF_WITH_LIMIT(FILE_MAX);
    const char *vmm = text_of(item, "vmm_type");
    uint8_t digest[48];
    char text[97];
    struct caisson_machine machine = CAISSON_INIT(machine);
    machine.firmware = read_vector(text_of(item, "ovmf"), &firmware);
    machine.kernel = read_vector(text_of(item, "kernel"), &kernel);
    machine.initrd = read_vector(text_of(item, "initrd"), &initrd);
    machine.command_line = text_of(item, "append");
    machine.vmm = strcmp(vmm, "ec2") == 0   ? CAISSON_VMM_EC2
                  : strcmp(vmm, "gce") == 0 ? CAISSON_VMM_GCE
                                            : CAISSON_VMM_QEMU;
    machine.cpuid_signature = (uint32_t)strtoul(text_of(item, "vcpu_sig"), NULL, 16);
    machine.vcpus = (uint32_t)json_integer_value(json_object_get(item, "vcpus"));
    machine.guest_features = strtoul(text_of(item, "guest_features"), NULL, 16);
    bool measured = caisson_measure_snp(&machine, digest, error);
    if (strncmp(text_of(item, "digest"), "ERROR", 5) == 0) {
        assert_false(measured);
        return;
    }
    if (!measured)
        fail_msg("%s", error);
    hex_encode(span_of(digest, sizeof digest), text);
    assert_string_equal(text, text_of(item, "digest"));
}

static void agrees_with_another_implementation(void **state)
{
    (void)state;
    BUF_AUTO text = BUF_WITH_LIMIT(FILE_MAX);
    struct error err;
    size_t count = 0;
    const struct json_limits limits = {FILE_MAX, 8};
    vectors_need(FOLDER "launch-digests.json");
    vectors_read(FOLDER "launch-digests.json", &text);
    json_auto_t *document = json_parse_object(buf_span(&text), &limits, &err);
    const json_t *cases = json_object_get(document, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *item = json_array_get(cases, i);
        if (strcmp(text_of(item, "mode"), "SEV_SNP") != 0)
            continue;
        run_case(item);
        count++;
    }
    assert_true(count > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_what_the_machine_says),
        cmocka_unit_test(each_member_changes_the_digest),
        cmocka_unit_test(refuses_what_is_no_machine),
        cmocka_unit_test(refuses_files_that_are_none),
        cmocka_unit_test(sev_es_counts_processors_and_sev_does_not),
        cmocka_unit_test(agrees_with_another_implementation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
