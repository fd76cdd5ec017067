/* Launch digests that another implementation computed: sev-snp-measure, 8f2b337. */
#include "../check.h"
#include "../vectors.h"

#include "base/hex.h"
#include "format/json.h"
#include "measure/sev.h"
#include "measure/snp.h"
#include "measure/svsm.h"

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

#define VCPUS_MAX 8

static void check_svsm(const char *firmware_name, const char *svsm_name, uint64_t vars_size,
                       uint32_t vcpus, const char *expected)
{
    BUF_AUTO firmware_image = BUF_WITH_LIMIT(FILE_MAX);
    BUF_AUTO svsm_image = BUF_WITH_LIMIT(FILE_MAX);
    struct ovmf firmware;
    struct ovmf svsm;
    uint8_t digests[VCPUS_MAX][SHA384_SIZE];
    char text[97];
    read_vector(firmware_name, &firmware_image);
    read_vector(svsm_name, &svsm_image);
    check_ok(ovmf_parse(buf_span(&firmware_image), &firmware, &err), &err);
    check_ok(ovmf_parse(buf_span(&svsm_image), &svsm, &err), &err);
    assert_true(vcpus >= 1 && vcpus <= VCPUS_MAX);
    const struct svsm_machine machine = {.firmware = &firmware,
                                         .svsm = &svsm,
                                         .vars_size = vars_size,
                                         .cpuid_signature = measure_cpu_signature("EPYC-v4"),
                                         .vcpus = vcpus};
    check_ok(measure_svsm_each(&machine, digests, &err), &err);
    hex_encode(span_of(digests[vcpus - 1], SHA384_SIZE), text);
    assert_string_equal(text, expected);
}

static void run_svsm_case(const json_t *item)
{
    assert_string_equal(text_of(item, "vcpu_type"), "EPYC-v4");
    check_svsm(text_of(item, "ovmf"), text_of(item, "svsm"),
               (uint64_t)json_integer_value(json_object_get(item, "ovmf_vars_size")),
               (uint32_t)json_integer_value(json_object_get(item, "vcpus")),
               text_of(item, "digest"));
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
    assert_int_equal(json_array_size(cases), 93);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *item = json_array_get(cases, i);
        if (strcmp(text_of(item, "mode"), "SEV_SNP_SVSM") == 0)
            run_svsm_case(item);
        else
            run_case(item);
    }
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

/* tests/test_guest.py of sev-snp-measure, with the images that it has. */
static void agrees_with_published_values_of_other_monitors(void **state)
{
    (void)state;
    vectors_need(FOLDER "ovmf_AmdSev_suffix.bin");
    static const struct {
        enum vmsa_flavour flavour;
        uint32_t vcpus;
        uint64_t features;
        const char *digest;
    } cases[] = {
        {VMSA_EC2, 1, 0x21,
         "0ce9ccc06bab55eebe8abc234f3df6514883977a68a591b71052498ab52b2f1aa415db338033946ef93aa8278"
         "c0d67fb"},
        {VMSA_EC2, 1, 0x1,
         "0883bd0eeb716e65b7b977a321c278d1e51b33b5c655fab985443bbcc65c086b9c15e8a0bd8811050dec7e249"
         "64e5056"},
        {VMSA_GCE, 1, 0x1,
         "5da7106cf14cf46b1725ebab123eb9e53bd46a1e9f400cd0c08e7827b04b688ea8b4e403c8404efed4397ea5d"
         "5d0722e"},
        {VMSA_GCE, 4, 0x1,
         "5c5debf100fc339f90276e761ee1f1658d08922c3b20e2a2e6c7a6c3370b2452a15a00eae11886a93d6fd1e7a"
         "b81e29d"},
        {VMSA_QEMU, 4, 0x21,
         "4953b1fb416fa874980e8442b3706d345926d5f38879134e00813c5d7abcbe78eafe7b422907be0b4698e2414"
         "a631942"},
        {VMSA_QEMU, 4, 0x1,
         "5061fffb019493a903613d56d54b94912a1a2f9e4502385f5c194616753720a92441310ba6c4933de877c36e2"
         "3046ad5"},
    };
    BUF_AUTO image = BUF_WITH_LIMIT(FILE_MAX);
    struct ovmf ovmf;
    struct measure_kernel kernel;
    read_vector("ovmf_AmdSev_suffix.bin", &image);
    check_ok(ovmf_parse(buf_span(&image), &ovmf, &err), &err);
    sha256_digest(span_of(NULL, 0), kernel.kernel);
    sha256_digest(span_of(NULL, 0), kernel.initrd);
    measure_cmdline("", kernel.cmdline);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct snp_machine machine = {.ovmf = &ovmf,
                                            .kernel = &kernel,
                                            .flavour = cases[i].flavour,
                                            .cpuid_signature = measure_cpu_signature("EPYC-v4"),
                                            .vcpus = cases[i].vcpus,
                                            .guest_features = cases[i].features};
        char text[97];
        check_ok(measure(&machine, buf_span(&image), text), &err);
        assert_string_equal(text, cases[i].digest);
    }
}

static void agrees_with_published_values_of_an_svsm(void **state)
{
    (void)state;
    vectors_need(FOLDER "svsm.bin");
    check_svsm("svsm_ovmf.fd", "svsm.bin", 540672, 4,
               "27d154c27b7b359c935e250ec6fee72aa0ae8c1225e3b0e1cf46a9567e938066d7d6f94bbdc4a857818"
               "bdb79277a44b2");
    check_svsm("svsm_ovmf.fd", "svsm.bin", 540672, 2,
               "9b94745036aafddf4f7f8b00c7513abb5b7703178cb95aaa57928bd963d68d3bfcb715d6019b9167ee2"
               "517b11b0d9be7");
}

static void agrees_with_published_values_of_sev(void **state)
{
    (void)state;
    vectors_need(FOLDER "ovmf_AmdSev_suffix.bin");
    static const struct {
        const char *ovmf;
        const char *append; /* NULL: no kernel */
        uint32_t vcpus;     /* 0: SEV, else SEV-ES */
        const char *digest;
    } cases[] = {
        {"ovmf_AmdSev_suffix.bin", "console=ttyS0 loglevel=7", 0,
         "82a3ee5d537c3620628270c292ae30cb40c3c878666a7890ee7ef2a08fb535ff"},
        {"ovmf_AmdSev_suffix.bin", "", 0,
         "77f613d7bbcdf12a73782ea9e88b0172aeda50d1a54201cb903594ff52846898"},
        {"ovmf_OvmfX64_suffix.bin", NULL, 0,
         "b4c021e085fb83ceffe6571a3d357b4a98773c83c474e47f76c876708fe316da"},
        {"ovmf_AmdSev_suffix.bin", "", 1,
         "13810ae661ea11e2bb205621f582fee268f0367c8f97bc297b7fadef3e12002c"},
        {"ovmf_AmdSev_suffix.bin", "", 4,
         "0dccbcaba8e90b261bd0d2e1863a2f9da714768b7b2a19363cd6ae35aa90de91"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BUF_AUTO image = BUF_WITH_LIMIT(FILE_MAX);
        struct ovmf ovmf;
        struct measure_kernel kernel;
        uint8_t digests[VCPUS_MAX][SHA256_SIZE];
        char text[65];
        read_vector(cases[i].ovmf, &image);
        check_ok(ovmf_parse(buf_span(&image), &ovmf, &err), &err);
        sha256_digest(span_of(NULL, 0), kernel.kernel);
        sha256_digest(span_of(NULL, 0), kernel.initrd);
        measure_cmdline(cases[i].append ? cases[i].append : "", kernel.cmdline);
        const struct sev_machine machine = {.ovmf = &ovmf,
                                            .kernel = cases[i].append ? &kernel : NULL,
                                            .cpuid_signature = measure_cpu_signature("EPYC-v4"),
                                            .vcpus = cases[i].vcpus};
        if (cases[i].vcpus == 0)
            check_ok(measure_sev(&machine, digests[0], &err), &err);
        else
            check_ok(measure_sev_es_each(&machine, digests, &err), &err);
        hex_encode(span_of(digests[cases[i].vcpus ? cases[i].vcpus - 1 : 0], SHA256_SIZE), text);
        assert_string_equal(text, cases[i].digest);
    }
}

static void refuses_a_kernel_for_sev_without_a_hash_table(void **state)
{
    (void)state;
    vectors_need(FOLDER "ovmf_OvmfX64_suffix.bin");
    BUF_AUTO image = BUF_WITH_LIMIT(FILE_MAX);
    struct ovmf ovmf;
    static const struct measure_kernel kernel;
    uint8_t digests[1][SHA256_SIZE];
    read_vector("ovmf_OvmfX64_suffix.bin", &image);
    check_ok(ovmf_parse(buf_span(&image), &ovmf, &err), &err);
    const struct sev_machine machine = {.ovmf = &ovmf, .kernel = &kernel, .vcpus = 1};
    check_refused(measure_sev(&machine, digests[0], &err), &err, "hash table");
    check_refused(measure_sev_es_each(&machine, digests, &err), &err, "hash table");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_every_digest),
        cmocka_unit_test(agrees_with_published_values),
        cmocka_unit_test(agrees_with_published_values_of_other_monitors),
        cmocka_unit_test(agrees_with_published_values_of_an_svsm),
        cmocka_unit_test(agrees_with_published_values_of_sev),
        cmocka_unit_test(refuses_a_kernel_for_sev_without_a_hash_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
