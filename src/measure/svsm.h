/*
 * The launch digest of a machine that starts in an SVSM (COCONUT-SVSM, as its QEMU starts it from
 * two images): the firmware's pages, the SVSM's pages below them, what the SVSM's own metadata asks
 * for, and one save area a processor, all of them at the SVSM's entry. An SVSM in an IGVM file is
 * measured by measure/igvm.h.
 */
#ifndef CAISSON_MEASURE_SVSM_H
#define CAISSON_MEASURE_SVSM_H

#include "measure/ovmf.h"
#include "measure/snp.h"

struct svsm_machine {
    const struct ovmf *firmware; /* its metadata is the SVSM's affair, and in no measurement */
    const struct ovmf *svsm;
    uint64_t vars_size;       /* bytes of variable store between the two images */
    uint32_t cpuid_signature; /* measure_cpu_signature() */
    uint32_t vcpus;           /* 1 to MEASURE_VCPUS_MAX */
};

/* Writes the digest for each number of processors from 1 to machine->vcpus: out[n - 1].
 * ERROR_INVALID when the second image is no SVSM, or the images do not fit below 4 GiB. */
int measure_svsm_each(const struct svsm_machine *machine, uint8_t (*out)[SHA384_SIZE],
                      struct error *err);

#endif
