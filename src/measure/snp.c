#include "measure/snp.h"

#include "measure/simulated.h"

#define FOUR_GIB UINT64_C(0x100000000)

int measure_snp_firmware(struct span image, uint8_t out[SHA384_SIZE], struct error *err)
{
    struct launch launch;
    launch_init(&launch);
    if (image.size == 0 || image.size > OVMF_SIZE_MAX)
        return error_set(err, ERROR_INVALID, "a firmware image of %zu bytes", image.size);
    if (launch_add_content(&launch, FOUR_GIB - image.size, image, err) < 0)
        return -1;
    memcpy(out, launch.digest, SHA384_SIZE);
    return 0;
}

static int add_kernel_hashes(struct launch *launch, const struct snp_machine *machine,
                             const struct ovmf_section *section, struct error *err)
{
    if (!machine->kernel)
        return launch_add_blank(launch, LAUNCH_PAGE_ZERO, section->gpa, section->size, err);
    uint32_t table = machine->ovmf->hash_table_gpa;
    uint8_t page[MEASURE_PAGE_SIZE];
    if (!machine->ovmf->has_hash_table || section->size != MEASURE_PAGE_SIZE ||
        table - table % MEASURE_PAGE_SIZE != section->gpa ||
        !measure_kernel_page(machine->kernel, table % MEASURE_PAGE_SIZE, page))
        return error_set(err, ERROR_INVALID,
                         "the firmware's hash table at 0x%x is not in its KERNEL_HASHES section",
                         table);
    launch_add_page(launch, LAUNCH_PAGE_NORMAL, section->gpa, page);
    return 0;
}

static enum launch_page page_of(const struct snp_machine *machine, uint32_t kind)
{
    if (kind == OVMF_SECTION_SECRETS)
        return LAUNCH_PAGE_SECRETS;
    if (kind == OVMF_SECTION_CPUID)
        return LAUNCH_PAGE_CPUID;
    if (kind == OVMF_SECTION_SEC_MEM && machine->flavour == VMSA_GCE)
        return LAUNCH_PAGE_UNMEASURED;
    return LAUNCH_PAGE_ZERO;
}

static int add_section(struct launch *launch, const struct snp_machine *machine,
                       const struct ovmf_section *section, struct error *err)
{
    if (section->kind == OVMF_SECTION_KERNEL_HASHES)
        return add_kernel_hashes(launch, machine, section, err);
    uint64_t size = section->size;
    /* The secrets and CPUID pages are one page each, whatever the section says. */
    if (section->kind == OVMF_SECTION_SECRETS || section->kind == OVMF_SECTION_CPUID)
        size = MEASURE_PAGE_SIZE;
    return launch_add_blank(launch, page_of(machine, section->kind), section->gpa, size, err);
}

/* EC2 adds the CPUID page after all else. */
int snp_add_sections(struct launch *launch, const struct snp_machine *machine, struct error *err)
{
    const struct ovmf *ovmf = machine->ovmf;
    bool late_cpuid = machine->flavour == VMSA_EC2;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < ovmf->section_count; i++) {
            bool late = late_cpuid && ovmf->sections[i].kind == OVMF_SECTION_CPUID;
            if (late == (pass == 1) && add_section(launch, machine, &ovmf->sections[i], err) < 0)
                return -1;
        }
    }
    return 0;
}

static int check_machine(const struct snp_machine *machine, struct error *err)
{
    const struct ovmf *ovmf = machine->ovmf;
    bool has_hashes = false;
    if (ovmf->section_count == 0)
        return error_set(err, ERROR_INVALID,
                         "this firmware has no SEV metadata: it is not built for SEV-SNP");
    for (size_t i = 0; i < ovmf->section_count; i++)
        has_hashes = has_hashes || ovmf->sections[i].kind == OVMF_SECTION_KERNEL_HASHES;
    if (machine->kernel && !has_hashes)
        return error_set(err, ERROR_INVALID,
                         "this firmware has no KERNEL_HASHES section, so it would start a kernel "
                         "unmeasured: use one built for it (OVMF.amdsev)");
    if (machine->vcpus == 0 || machine->vcpus > MEASURE_VCPUS_MAX)
        return error_set(err, ERROR_INVALID, "%u virtual CPUs; 1 to %d can be measured",
                         machine->vcpus, MEASURE_VCPUS_MAX);
    if (!ovmf->has_reset_eip)
        return error_set(err, ERROR_INVALID, "this firmware has no SEV-ES reset block");
    return 0;
}

/* The save areas come last, so that each one more gives the digest of one more processor. */
static void add_save_areas(struct launch *launch, const struct snp_machine *machine,
                           uint8_t (*out)[SHA384_SIZE])
{
    const struct vmsa vmsa = {.flavour = machine->flavour,
                              .ap_eip = machine->ovmf->reset_eip,
                              .cpuid_signature = machine->cpuid_signature,
                              .guest_features = machine->guest_features};
    uint8_t page[MEASURE_PAGE_SIZE];
    for (uint32_t i = 0; i < machine->vcpus; i++) {
        if (i < 2)
            vmsa_write(&vmsa, i == 0, page);
        launch_add_page(launch, LAUNCH_PAGE_VMSA, LAUNCH_VMSA_GPA, page);
        if (out)
            memcpy(out[i], launch->digest, SHA384_SIZE);
    }
}

static int run(struct launch *launch, const struct snp_machine *machine,
               const uint8_t firmware[SHA384_SIZE], uint8_t (*each)[SHA384_SIZE], struct error *err)
{
    memcpy(launch->digest, firmware, SHA384_SIZE);
    if (check_machine(machine, err) < 0 || snp_add_sections(launch, machine, err) < 0)
        return -1;
    add_save_areas(launch, machine, each);
    return 0;
}

int measure_snp(const struct snp_machine *machine, const uint8_t firmware[SHA384_SIZE],
                uint8_t out[SHA384_SIZE], struct error *err)
{
    struct launch launch;
    if (run(&launch, machine, firmware, NULL, err) < 0)
        return -1;
    memcpy(out, launch.digest, SHA384_SIZE);
    return 0;
}

int measure_snp_each(const struct snp_machine *machine, const uint8_t firmware[SHA384_SIZE],
                     uint8_t (*out)[SHA384_SIZE], struct error *err)
{
    struct launch launch;
    return run(&launch, machine, firmware, out, err);
}

uint32_t measure_cpu_signature(const char *model)
{
    static const struct {
        const char *name;
        uint32_t signature;
    } models[] = {
        {"EPYC", 0x800F12},       {"EPYC-Rome", 0x830F10},  {"EPYC-Milan", 0xA00F11},
        {"EPYC-Genoa", 0xA10F10}, {"EPYC-Turin", 0xB00F00}, {"EPYC-IBPB", 0x800F12},
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        size_t len = strlen(models[i].name);
        if (strncmp(model, models[i].name, len) == 0 &&
            (model[len] == '\0' || strncmp(model + len, "-v", 2) == 0))
            return models[i].signature;
    }
    return 0;
}
