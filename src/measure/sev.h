/*
 * The launch digests of SEV and SEV-ES, the kinds before SEV-SNP: SHA-256 over what QEMU encrypts
 * with LAUNCH_UPDATE_DATA (the firmware, then the table of kernel digests) and, with SEV-ES, over
 * one save area a processor (AMD 55766, "SEV API", sections 6.2 to 6.5). The measurement that the
 * secure processor signs is made of this digest, the policy and a nonce.
 */
#ifndef CAISSON_MEASURE_SEV_H
#define CAISSON_MEASURE_SEV_H

#include "measure/kernel.h"
#include "measure/ovmf.h"
#include "measure/vmsa.h"

struct sev_machine {
    const struct ovmf *ovmf;
    const struct measure_kernel *kernel; /* NULL: the firmware boots from a disk */
    enum vmsa_flavour flavour;           /* of the save areas */
    uint32_t cpuid_signature;
    uint32_t vcpus;          /* 1 to MEASURE_VCPUS_MAX */
    uint64_t guest_features; /* SEV_FEATURES; 0 unless the monitor says otherwise */
};

/* The digest of SEV, which does not depend on the processors. ERROR_INVALID for a kernel where the
 * firmware has no hash table. */
int measure_sev(const struct sev_machine *machine, uint8_t out[SHA256_SIZE], struct error *err);

/* The digest of SEV-ES for each number of processors from 1 to machine->vcpus: out[n - 1]. */
int measure_sev_es_each(const struct sev_machine *machine, uint8_t (*out)[SHA256_SIZE],
                        struct error *err);

#endif
