/*
 * The save area (VMSA) that a virtual CPU starts from, as each monitor fills it (AMD 24593, APM
 * volume 2, appendix B, table B-4): measured, so it must be known to the byte.
 */
#ifndef CAISSON_MEASURE_VMSA_H
#define CAISSON_MEASURE_VMSA_H

#include "base/span.h"
#include "measure/kernel.h"

enum vmsa_flavour { VMSA_QEMU, VMSA_EC2, VMSA_GCE };

#define VMSA_RESET_EIP 0xFFFFFFF0U /* where the boot processor starts */

struct vmsa {
    enum vmsa_flavour flavour;
    uint32_t ap_eip;          /* where the processors other than the first start */
    uint32_t cpuid_signature; /* CPUID 1 EAX of the CPU model */
    uint64_t guest_features;  /* SEV_FEATURES */
};

/* Fills the page for the boot processor, or for any other. */
void vmsa_write(const struct vmsa *vmsa, bool is_boot_cpu, uint8_t page[MEASURE_PAGE_SIZE]);

/* Fills the page for any processor of a machine that starts in an SVSM (QEMU alone does so): in
 * protected mode, at `eip`. sev-snp-measure's digests, which were compared with hardware, have the
 * x87 control word zero here. */
void vmsa_write_svsm(uint32_t eip, uint32_t cpuid_signature, uint8_t page[MEASURE_PAGE_SIZE]);

#endif
