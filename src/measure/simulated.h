/*
 * The launch digest of a simulated machine: SEV-SNP's rule over what QEMU really starts there. It
 * has no firmware of ours, so the chain holds the hash table page of kernel, initrd and command
 * line, and one save area a virtual CPU. docs/evidence.md has the rule byte for byte.
 */
#ifndef CAISSON_MEASURE_SIMULATED_H
#define CAISSON_MEASURE_SIMULATED_H

#include "base/error.h"
#include "measure/kernel.h"

#define MEASURE_VCPUS_MAX 512

/* Writes the launch digest. ERROR_INVALID when vcpus is not 1 to MEASURE_VCPUS_MAX. */
int measure_simulated(const struct measure_kernel *kernel, uint32_t vcpus, uint8_t out[SHA384_SIZE],
                      struct error *err);

#endif
