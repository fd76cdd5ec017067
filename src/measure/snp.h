/*
 * The launch digest that SEV-SNP's firmware computes for a machine: OVMF's pages, its metadata
 * sections in the order of the file, the page with the digests of kernel, initrd and command line,
 * and one save area a virtual CPU. It is what a verifier expects as MEASUREMENT.
 */
#ifndef CAISSON_MEASURE_SNP_H
#define CAISSON_MEASURE_SNP_H

#include "measure/kernel.h"
#include "measure/launch.h"
#include "measure/ovmf.h"
#include "measure/vmsa.h"

#define SNP_FEATURES_DEFAULT 1U /* SNPActive alone */

struct snp_machine {
    const struct ovmf *ovmf;
    const struct measure_kernel *kernel; /* NULL: the firmware boots from a disk */
    enum vmsa_flavour flavour;
    uint32_t cpuid_signature; /* measure_cpu_signature() */
    uint32_t vcpus;           /* 1 to MEASURE_VCPUS_MAX */
    uint64_t guest_features;
};

/* The digest of the firmware's pages alone: the first links of the chain, the same for any machine
 * with this image. */
int measure_snp_firmware(struct span image, uint8_t out[SHA384_SIZE], struct error *err);

/* The whole digest, from the firmware's one on (measure_snp_firmware), which takes most of the time
 * and is shared by machines of any number of CPUs. ERROR_INVALID when the image has no place for
 * what the machine needs: a kernel without a KERNEL_HASHES section, CPUs without a reset block. */
int measure_snp(const struct snp_machine *machine, const uint8_t firmware[SHA384_SIZE],
                uint8_t out[SHA384_SIZE], struct error *err);

/* As measure_snp(), for each number of processors from 1 to machine->vcpus: out[n - 1] is the
 * digest of a machine with n. */
int measure_snp_each(const struct snp_machine *machine, const uint8_t firmware[SHA384_SIZE],
                     uint8_t (*out)[SHA384_SIZE], struct error *err);

/* Adds what the metadata of machine->ovmf asks for: a step of measure_snp(), and of an SVSM's. */
int snp_add_sections(struct launch *launch, const struct snp_machine *machine, struct error *err);

/* CPUID 1 EAX of a CPU model of QEMU by its name, "EPYC-Milan" or "EPYC-Milan-v2"; 0 for an unknown
 * one. */
uint32_t measure_cpu_signature(const char *model);

#endif
