#include "measure/simulated.h"

#include "measure/launch.h"
#include "measure/vmsa.h"

/* Fixed by docs/evidence.md: a change here is another kind of machine. */
#define KERNEL_PAGE_GPA UINT64_C(0x10000)
#define CPUID_MILAN     0xA00F11U
#define FEATURES_SNP    1U

int measure_simulated(const struct measure_kernel *kernel, uint32_t vcpus, uint8_t out[SHA384_SIZE],
                      struct error *err)
{
    if (vcpus == 0 || vcpus > MEASURE_VCPUS_MAX)
        return error_set(err, ERROR_INVALID, "%u virtual CPUs; 1 to %d can be measured", vcpus,
                         MEASURE_VCPUS_MAX);
    const struct vmsa vmsa = {.flavour = VMSA_QEMU,
                              .ap_eip = VMSA_RESET_EIP,
                              .cpuid_signature = CPUID_MILAN,
                              .guest_features = FEATURES_SNP};
    uint8_t page[MEASURE_PAGE_SIZE];
    struct launch launch;
    launch_init(&launch);
    (void)measure_kernel_page(kernel, 0, page);
    launch_add_page(&launch, LAUNCH_PAGE_NORMAL, KERNEL_PAGE_GPA, page);
    for (uint32_t i = 0; i < vcpus; i++) {
        vmsa_write(&vmsa, i == 0, page);
        launch_add_page(&launch, LAUNCH_PAGE_VMSA, LAUNCH_VMSA_GPA, page);
    }
    memcpy(out, launch.digest, SHA384_SIZE);
    return 0;
}
