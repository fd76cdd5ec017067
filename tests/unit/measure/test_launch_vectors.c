/* Launch digests that another implementation computed: sev-snp-measure, 8f2b337. */
#include "../check.h"
#include "../vectors.h"

#include "base/hex.h"
#include "format/json.h"
#include "measure/snp.h"

#define FILE_MAX (16 * 1024 * 1024)
#define FOLDER   "attest/launch-measure/"

static struct error err;

static void read_vector(const char *name, struct buf *out)
{
    char path[512];
    (void)snprintf(path, sizeof path, FOLDER "%s", name);
    vectors_read(path, out);
}

static const char *text_of(const json_t *item, const char *key)
{
    return json_string_value(json_object_get(item, key));
}

static void digest_file(const char *name, uint8_t out[SHA256_SIZE])
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(FILE_MAX);
    if (name && strcmp(name, "/dev/null") != 0)
        read_vector(name, &bytes);
    sha256_digest(buf_span(&bytes), out);
}

static enum vmsa_flavour flavour_of(const char *name)
{
    if (strcmp(name, "ec2") == 0)
        return VMSA_EC2;
    return strcmp(name, "gce") == 0 ? VMSA_GCE : VMSA_QEMU;
}

static int measure(const struct snp_machine *machine, struct span image, char text[97])
{
    uint8_t firmware[SHA384_SIZE];
    uint8_t digest[SHA384_SIZE];
    if (measure_snp_firmware(image, firmware, &err) < 0 ||
        measure_snp(machine, firmware, digest, &err) < 0)
        return -1;
    hex_encode(span_of(digest, sizeof digest), text);
    return 0;
}

static void run_case(const json_t *item)
{
    BUF_AUTO image = BUF_WITH_LIMIT(FILE_MAX);
    struct ovmf ovmf;
    struct measure_kernel kernel;
    read_vector(text_of(item, "ovmf"), &image);
    check_ok(ovmf_parse(buf_span(&image), &ovmf, &err), &err);
    digest_file(text_of(item, "kernel"), kernel.kernel);
    digest_file(text_of(item, "initrd"), kernel.initrd);
    measure_cmdline(text_of(item, "append"), kernel.cmdline);
    const struct snp_machine machine = {
        .ovmf = &ovmf,
        .kernel = text_of(item, "kernel") ? &kernel : NULL,
        .flavour = flavour_of(text_of(item, "vmm_type")),
        .cpuid_signature = (uint32_t)strtoul(text_of(item, "vcpu_sig"), NULL, 16),
        .vcpus = (uint32_t)json_integer_value(json_object_get(item, "vcpus")),
        .guest_features = strtoul(text_of(item, "guest_features"), NULL, 16)};
    assert_int_equal(measure_cpu_signature(text_of(item, "vcpu_type")), machine.cpuid_signature);

    const char *expected = text_of(item, "digest");
    char text[97];
    int outcome = measure(&machine, buf_span(&image), text);
    if (strncmp(expected, "ERROR", 5) == 0)
        assert_int_equal(outcome, -1);
    else if (outcome < 0)
        fail_msg("%s", err.text);
    else if (strcmp(text, expected) != 0)
        fail_msg("%s %s %s kernel %s: %s instead of %s", text_of(item, "ovmf"),
                 text_of(item, "vcpu_type"), text_of(item, "vmm_type"), text_of(item, "kernel"),
                 text, expected);
}

static void agrees_with_every_digest(void **state)
{
    (void)state;
    vectors_need(FOLDER "launch-digests.json");
    BUF_AUTO text = BUF_WITH_LIMIT(FILE_MAX);
    read_vector("launch-digests.json", &text);
    const struct json_limits limits = {FILE_MAX, 8};
    json_auto_t *document = json_parse_object(buf_span(&text), &limits, &err);
    json_t *cases = NULL;
    check_ok(json_get_array(document, "cases", &cases, &err), &err);
    size_t run = 0;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *item = json_array_get(cases, i);
        if (strcmp(text_of(item, "mode"), "SEV_SNP") != 0)
            continue; /* an SVSM is not started by this project */
        run_case(item);
        run++;
    }
    assert_int_equal(run, 91);
}

/* tests/test_guest.py of sev-snp-measure. */
static void agrees_with_published_values(void **state)
{
    (void)state;
    vectors_need(FOLDER "ovmf_AmdSev_suffix.bin");
    static const struct {
        uint64_t features;
        const char *append;
        const char *digest;
    } cases[] = {
        {0x21, "console=ttyS0 loglevel=7",
         "803f691094946e42068aaa3a8f9e26a5c89f36f7b73ecfb28c653360fe4b3aba7e534442e7e1e17895dfe778d"
         "0228977"},
        {0x1, "console=ttyS0 loglevel=7",
         "6d287813eb5222d770f75005c664e34c204f385ce832cc2ce7d0d6f354454362f390ef83a92046c042e706363"
         "b4b08fa"},
        {0x21, "",
         "329c8ce0972ae52343b64d34a434a86f245dfd74f5ed7aae15d22efc78fb9683632b9b50e4e1d7fa41179ef98"
         "a7ef198"},
    };
    BUF_AUTO image = BUF_WITH_LIMIT(FILE_MAX);
    struct ovmf ovmf;
    struct measure_kernel kernel;
    read_vector("ovmf_AmdSev_suffix.bin", &image);
    check_ok(ovmf_parse(buf_span(&image), &ovmf, &err), &err);
    sha256_digest(span_of(NULL, 0), kernel.kernel);
    sha256_digest(span_of(NULL, 0), kernel.initrd);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        measure_cmdline(cases[i].append, kernel.cmdline);
        const struct snp_machine machine = {.ovmf = &ovmf,
                                            .kernel = &kernel,
                                            .cpuid_signature = measure_cpu_signature("EPYC-v4"),
                                            .vcpus = 1,
                                            .guest_features = cases[i].features};
        char text[97];
        check_ok(measure(&machine, buf_span(&image), text), &err);
        assert_string_equal(text, cases[i].digest);
    }
    uint8_t firmware[SHA384_SIZE];
    char text[97];
    check_ok(measure_snp_firmware(buf_span(&image), firmware, &err), &err);
    hex_encode(span_of(firmware, sizeof firmware), text);
    assert_string_equal(text, "086e2e9149ebf45abdc3445fba5b2da8270bdbb04094d7a2c37faaa4b24af3aa16af"
                              "f8c374c2a55c467a50da6d466b74");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_every_digest),
        cmocka_unit_test(agrees_with_published_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
