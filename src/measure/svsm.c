#include "measure/svsm.h"

#include "measure/simulated.h"

#define FOUR_GIB      UINT64_C(0x100000000)
#define VARS_SIZE_MAX (UINT64_C(16) * 1024 * 1024)

static int check_machine(const struct svsm_machine *machine, struct error *err)
{
    if (!machine->svsm->has_svsm_entry)
        return error_set(err, ERROR_INVALID,
                         "the second image has no SVSM entry in its table: is it an SVSM?");
    if (machine->vars_size % MEASURE_PAGE_SIZE != 0 || machine->vars_size > VARS_SIZE_MAX)
        return error_set(err, ERROR_INVALID,
                         "a variable store of %llu bytes; whole pages up to 16 MiB are allowed",
                         (unsigned long long)machine->vars_size);
    if (machine->vcpus == 0 || machine->vcpus > MEASURE_VCPUS_MAX)
        return error_set(err, ERROR_INVALID, "%u virtual CPUs; 1 to %d can be measured",
                         machine->vcpus, MEASURE_VCPUS_MAX);
    return 0;
}

static int add_images(struct launch *launch, const struct svsm_machine *machine, uint64_t svsm_gpa,
                      struct error *err)
{
    const struct span firmware = machine->firmware->image;
    const struct snp_machine parts = {.ovmf = machine->svsm};
    launch_init(launch);
    if (launch_add_content(launch, FOUR_GIB - firmware.size, firmware, err) < 0 ||
        launch_add_content(launch, svsm_gpa, machine->svsm->image, err) < 0)
        return -1;
    return snp_add_sections(launch, &parts, err);
}

int measure_svsm_each(const struct svsm_machine *machine, uint8_t (*out)[SHA384_SIZE],
                      struct error *err)
{
    if (check_machine(machine, err) < 0)
        return -1;
    /* ovmf_parse() bounds both images, so that nothing here wraps. */
    const uint64_t gpa = FOUR_GIB - machine->firmware->image.size - machine->vars_size -
                         machine->svsm->image.size;
    struct launch launch;
    uint8_t page[MEASURE_PAGE_SIZE];
    if (add_images(&launch, machine, gpa, err) < 0)
        return -1;
    if (machine->svsm->svsm_entry >= machine->svsm->image.size)
        return error_set(err, ERROR_INVALID, "the SVSM's entry 0x%x lies behind its %zu bytes",
                         machine->svsm->svsm_entry, machine->svsm->image.size);
    vmsa_write_svsm((uint32_t)(gpa + machine->svsm->svsm_entry), machine->cpuid_signature, page);
    for (uint32_t i = 0; i < machine->vcpus; i++) {
        launch_add_page(&launch, LAUNCH_PAGE_VMSA, LAUNCH_VMSA_GPA, page);
        memcpy(out[i], launch.digest, SHA384_SIZE);
    }
    return 0;
}
