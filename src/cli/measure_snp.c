/* `caisson measure snp`: the launch digest of a machine of AMD's kinds. */
#include <stdlib.h>

#include "base/hex.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/measure_io.h"
#include "measure/sev.h"
#include "measure/simulated.h"
#include "measure/snp.h"
#include "measure/svsm.h"

enum mode { MODE_SNP, MODE_ES, MODE_SEV, MODE_SVSM, MODE_COUNT };

static const char *const mode_names[] = {"snp", "es", "sev", "svsm"};
_Static_assert(sizeof mode_names / sizeof *mode_names == MODE_COUNT, "a name for each mode");

static const char *const flavour_names[] = {
    [VMSA_QEMU] = "qemu", [VMSA_EC2] = "ec2", [VMSA_GCE] = "gce"};
#define FLAVOUR_COUNT (sizeof flavour_names / sizeof *flavour_names)

static const struct option_rule options[] = {
    {.name = "firmware", .operand = "FILE", .help = "The firmware image (OVMF)"},
    {.name = "kernel", .operand = "FILE", .help = "The kernel that QEMU is given"},
    {.name = "initrd", .operand = "FILE", .help = "The initial RAM disk"},
    {.name = "append", .operand = "TEXT", .help = "The kernel's command line"},
    {.name = "vcpus", .operand = "N|A-B", .help = "Virtual CPUs, one number or each of a range"},
    {.name = "vcpu-type", .operand = "MODEL", .help = "QEMU's CPU model: EPYC-Milan, EPYC-v4, …"},
    {.name = "vcpu-sig", .operand = "NUMBER", .help = "Its signature (CPUID 1, EAX) instead"},
    {.name = "vmm", .operand = "qemu|ec2|gce", .help = "Whose monitor starts the machine (qemu)"},
    {.name = "guest-features", .operand = "NUMBER", .help = "SEV_FEATURES (1; with es 0)"},
    {.name = "mode", .operand = "snp|es|sev|svsm", .help = "Which kind of machine (snp)"},
    {.name = "svsm", .operand = "FILE", .help = "With svsm: the SVSM's image"},
    {.name = "vars-size", .operand = "BYTES", .help = "With svsm: the variable store's size (0)"},
    {.name = "json", .help = "Print JSON"},
    {0},
};

struct request {
    enum mode mode;
    enum vmsa_flavour flavour;
    uint32_t first;
    uint32_t last;
    uint32_t cpuid_signature;
    uint64_t guest_features;
    bool has_kernel;
    struct measure_kernel kernel;
    size_t digest_size;
    uint8_t digests[MEASURE_VCPUS_MAX][SHA384_SIZE]; /* [n - 1]: of n processors */
};

static int find_name(const struct args *args, const char *option, const char *const names[],
                     size_t count, size_t *out, struct error *err)
{
    const char *text = args_get(args, option);
    *out = 0;
    if (!text)
        return 0;
    for (; *out < count; ++*out) {
        if (strcmp(names[*out], text) == 0)
            return 0;
    }
    return error_set(err, ERROR_USAGE, "--%s %s is unknown; see --help", option, text);
}

/* "4", or "1-64". */
static int read_vcpus(const struct args *args, struct request *request, struct error *err)
{
    const char *text = args_get(args, "vcpus");
    uint64_t first;
    uint64_t last;
    if (!text && request->mode == MODE_SEV)
        text = "1"; /* in no way part of it */
    if (!text)
        return error_set(err, ERROR_USAGE, "--vcpus is missing: how many processors?");
    const char *dash = strchr(text, '-');
    TEXT_AUTO begin = text_dup_span(span_of(text, dash ? (size_t)(dash - text) : strlen(text)));
    if (!begin)
        return error_memory(err);
    if (!text_to_u64(begin, MEASURE_VCPUS_MAX, &first) || first == 0 ||
        !text_to_u64(dash ? dash + 1 : begin, MEASURE_VCPUS_MAX, &last) || last < first)
        return error_set(err, ERROR_USAGE,
                         "--vcpus %s: a number from 1 to %d, or a range like 1-64", text,
                         MEASURE_VCPUS_MAX);
    request->first = (uint32_t)first;
    request->last = (uint32_t)last;
    return 0;
}

/* The monitors of EC2 and GCE have no CPU models, and SEV has no save areas. */
static int read_signature(const struct args *args, struct request *request, struct error *err)
{
    const char *type = args_get(args, "vcpu-type");
    uint64_t signature = 0;
    if (measure_number(args, "vcpu-sig", UINT32_MAX, &signature, err) < 0)
        return -1;
    if (type && args_has(args, "vcpu-sig"))
        return error_set(err, ERROR_USAGE, "give --vcpu-type or --vcpu-sig, not both");
    if (type)
        signature = measure_cpu_signature(type);
    if (type && signature == 0)
        return error_set(err, ERROR_USAGE,
                         "the CPU model %s is unknown: give its signature by --vcpu-sig", type);
    bool is_needed = request->mode != MODE_SEV && request->flavour == VMSA_QEMU;
    if (is_needed && !type && !args_has(args, "vcpu-sig"))
        return error_set(err, ERROR_USAGE, "--vcpu-type (or --vcpu-sig) is missing: which CPU?");
    request->cpuid_signature = (uint32_t)signature;
    return 0;
}

static int read_kernel(const struct args *args, struct request *request, struct error *err)
{
    const char *kernel = args_get(args, "kernel");
    const char *initrd = args_get(args, "initrd");
    const char *append = args_get(args, "append");
    if (!kernel && (initrd || append))
        return error_set(err, ERROR_USAGE, "--initrd and --append want a --kernel");
    if (!kernel)
        return 0;
    request->has_kernel = true;
    measure_cmdline(append ? append : "", request->kernel.cmdline);
    sha256_digest(span_of(NULL, 0), request->kernel.initrd);
    if (initrd && measure_digest_file(initrd, request->kernel.initrd, err) < 0)
        return -1;
    return measure_digest_file(kernel, request->kernel.kernel, err);
}

/* Options that would change nothing are refused: who gives them expects that they do. */
static int check_combination(const struct args *args, const struct request *request,
                             struct error *err)
{
    bool svsm = request->mode == MODE_SVSM;
    if (!svsm && (args_has(args, "svsm") || args_has(args, "vars-size")))
        return error_set(err, ERROR_USAGE, "--svsm and --vars-size want --mode svsm");
    if (svsm && (request->has_kernel || request->flavour != VMSA_QEMU))
        return error_set(err, ERROR_USAGE,
                         "with --mode svsm there is no --kernel, and no other --vmm than qemu");
    if ((svsm || request->mode == MODE_SEV) && args_has(args, "guest-features"))
        return error_set(err, ERROR_USAGE, "--guest-features is fixed with --mode %s",
                         mode_names[request->mode]);
    if (request->mode == MODE_SEV && args_has(args, "vmm"))
        return error_set(err, ERROR_USAGE, "--vmm is in no digest with --mode sev");
    return 0;
}

static int read_request(const struct args *args, struct request *request, struct error *err)
{
    size_t mode;
    size_t flavour;
    if (args_operand_count(args) != 0)
        return error_set(err, ERROR_USAGE, "measure snp takes options alone");
    if (find_name(args, "mode", mode_names, MODE_COUNT, &mode, err) < 0 ||
        find_name(args, "vmm", flavour_names, FLAVOUR_COUNT, &flavour, err) < 0)
        return -1;
    request->mode = (enum mode)mode;
    request->flavour = (enum vmsa_flavour)flavour;
    request->guest_features = request->mode == MODE_SNP ? SNP_FEATURES_DEFAULT : 0;
    request->digest_size = mode == MODE_SEV || mode == MODE_ES ? SHA256_SIZE : SHA384_SIZE;
    if (read_vcpus(args, request, err) < 0 || read_signature(args, request, err) < 0 ||
        measure_number(args, "guest-features", UINT64_MAX, &request->guest_features, err) < 0 ||
        read_kernel(args, request, err) < 0)
        return -1;
    return check_combination(args, request, err);
}

static int measure_sev_kinds(struct request *request, const struct ovmf *ovmf, struct error *err)
{
    uint8_t(*digests)[SHA256_SIZE] = calloc(request->last, sizeof *digests);
    const struct sev_machine machine = {.ovmf = ovmf,
                                        .kernel = request->has_kernel ? &request->kernel : NULL,
                                        .flavour = request->flavour,
                                        .cpuid_signature = request->cpuid_signature,
                                        .vcpus = request->last,
                                        .guest_features = request->guest_features};
    if (!digests)
        return error_memory(err);
    int result = request->mode == MODE_ES ? measure_sev_es_each(&machine, digests, err)
                                          : measure_sev(&machine, digests[0], err);
    for (uint32_t i = 0; i < request->last && result == 0; i++)
        memcpy(request->digests[i], digests[request->mode == MODE_ES ? i : 0], SHA256_SIZE);
    free(digests);
    return result;
}

static int measure_svsm_kind(const struct args *args, struct request *request,
                             const struct ovmf *ovmf, struct error *err)
{
    BUF_AUTO image = BUF_WITH_LIMIT(OVMF_SIZE_MAX);
    struct ovmf svsm;
    struct svsm_machine machine = {.firmware = ovmf,
                                   .svsm = &svsm,
                                   .cpuid_signature = request->cpuid_signature,
                                   .vcpus = request->last};
    if (measure_read_option(args, "svsm", &image, err) < 0 ||
        measure_number(args, "vars-size", UINT32_MAX, &machine.vars_size, err) < 0)
        return -1;
    if (ovmf_parse(buf_span(&image), &svsm, err) < 0)
        return error_context(err, "%s", args_get(args, "svsm"));
    return measure_svsm_each(&machine, request->digests, err);
}

static int measure_snp_kind(struct request *request, const struct ovmf *ovmf, struct error *err)
{
    uint8_t firmware[SHA384_SIZE];
    const struct snp_machine machine = {.ovmf = ovmf,
                                        .kernel = request->has_kernel ? &request->kernel : NULL,
                                        .flavour = request->flavour,
                                        .cpuid_signature = request->cpuid_signature,
                                        .vcpus = request->last,
                                        .guest_features = request->guest_features};
    if (measure_snp_firmware(ovmf->image, firmware, err) < 0)
        return -1;
    return measure_snp_each(&machine, firmware, request->digests, err);
}

static int measure_kind(const struct args *args, struct request *request, const struct ovmf *ovmf,
                        struct error *err)
{
    if (request->mode == MODE_SVSM)
        return measure_svsm_kind(args, request, ovmf, err);
    if (request->mode == MODE_SNP)
        return measure_snp_kind(request, ovmf, err);
    return measure_sev_kinds(request, ovmf, err);
}

static int print_json(const struct request *request, struct error *err)
{
    json_t *list = json_array();
    for (uint32_t i = request->first; list && i <= request->last; i++) {
        json_t *entry = json_pack("{s:I, s:o}", "vcpus", (json_int_t)i, "digest",
                                  measure_json_hex(request->digests[i - 1], request->digest_size));
        if (!entry || json_array_append_new(list, entry) < 0) {
            json_decref(list);
            list = NULL;
        }
    }
    if (!list)
        return error_memory(err);
    return measure_print_json(json_pack("{s:s, s:s, s:o}", "mode", mode_names[request->mode], "vmm",
                                        flavour_names[request->flavour], "measurements", list),
                              err);
}

/* One number of processors: the digest alone, for a script; more: a table. */
static void print_table(const struct request *request)
{
    char number[16];
    if (request->first == request->last) {
        char text[2 * SHA384_SIZE + 1];
        hex_encode(span_of(request->digests[request->first - 1], request->digest_size), text);
        (void)puts(text);
        return;
    }
    (void)printf("%-14s %s\n", "virtual CPUs", "launch digest");
    for (uint32_t i = request->first; i <= request->last; i++) {
        (void)snprintf(number, sizeof number, "%u", i);
        measure_print_hex(number, request->digests[i - 1], request->digest_size);
    }
}

static int run(const struct args *args, struct error *err)
{
    static struct request request; /* some 24 KiB */
    BUF_AUTO image = BUF_WITH_LIMIT(OVMF_SIZE_MAX);
    struct ovmf ovmf;
    request = (struct request){0};
    if (read_request(args, &request, err) < 0 ||
        measure_read_option(args, "firmware", &image, err) < 0)
        return -1;
    if (ovmf_parse(buf_span(&image), &ovmf, err) < 0 ||
        measure_kind(args, &request, &ovmf, err) < 0)
        return error_context(err, "%s", args_get(args, "firmware"));
    if (args_has(args, "json"))
        return print_json(&request, err) < 0 ? -1 : EXIT_OK;
    print_table(&request);
    return EXIT_OK;
}

const struct command command_measure_snp = {
    .name = "measure snp",
    .operands = "",
    .summary = "Compute the launch digest of an SEV-SNP, SEV-ES or SEV machine",
    .description =
        "Prints what a report of a machine that starts these files shows as MEASUREMENT: the pages "
        "of the firmware, the sections of its metadata, the digests of kernel, initial RAM disk "
        "and "
        "command line, and one save area a virtual CPU.\n\n"
        "--vcpus 1-64 prints a table for each number of virtual CPUs. The monitors differ in what "
        "they put into a save area: --vmm says whose it is; those of EC2 and GCE have no CPU "
        "models, so that no --vcpu-type is wanted.\n\n"
        "--mode svsm is a machine that QEMU starts in an SVSM from two images; an SVSM in an IGVM "
        "file is for measure igvm. --mode es and --mode sev print the SHA-256 that SEV-ES and SEV "
        "compute.\n\n"
        "A kernel that the firmware would not check is refused.",
    .options = options,
    .run = run,
};
