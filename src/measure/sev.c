#include "measure/sev.h"

#include "measure/simulated.h"

static int begin(struct sha256 *ctx, const struct sev_machine *machine, struct error *err)
{
    const struct ovmf *ovmf = machine->ovmf;
    uint8_t table[MEASURE_KERNEL_TABLE_SIZE];
    sha256_init(ctx);
    sha256_update(ctx, ovmf->image);
    if (!machine->kernel)
        return 0;
    if (!ovmf->has_hash_table || ovmf->hash_table_gpa == 0)
        return error_set(err, ERROR_INVALID,
                         "this firmware has no hash table, so it would start a kernel unmeasured: "
                         "use one built for it (OVMF.amdsev)");
    measure_kernel_table(machine->kernel, table);
    sha256_update(ctx, span_of(table, sizeof table));
    return 0;
}

int measure_sev(const struct sev_machine *machine, uint8_t out[SHA256_SIZE], struct error *err)
{
    struct sha256 ctx;
    if (begin(&ctx, machine, err) < 0)
        return -1;
    sha256_final(&ctx, out);
    return 0;
}

static int check_processors(const struct sev_machine *machine, struct error *err)
{
    if (machine->vcpus == 0 || machine->vcpus > MEASURE_VCPUS_MAX)
        return error_set(err, ERROR_INVALID, "%u virtual CPUs; 1 to %d can be measured",
                         machine->vcpus, MEASURE_VCPUS_MAX);
    if (!machine->ovmf->has_reset_eip)
        return error_set(err, ERROR_INVALID, "this firmware has no SEV-ES reset block");
    return 0;
}

int measure_sev_es_each(const struct sev_machine *machine, uint8_t (*out)[SHA256_SIZE],
                        struct error *err)
{
    struct sha256 ctx;
    if (check_processors(machine, err) < 0 || begin(&ctx, machine, err) < 0)
        return -1;
    const struct vmsa vmsa = {.flavour = machine->flavour,
                              .ap_eip = machine->ovmf->reset_eip,
                              .cpuid_signature = machine->cpuid_signature,
                              .guest_features = machine->guest_features};
    uint8_t page[MEASURE_PAGE_SIZE];
    for (uint32_t i = 0; i < machine->vcpus; i++) {
        if (i < 2)
            vmsa_write(&vmsa, i == 0, page);
        sha256_update(&ctx, span_of(page, sizeof page));
        struct sha256 whole = ctx;
        sha256_final(&whole, out[i]);
    }
    return 0;
}
