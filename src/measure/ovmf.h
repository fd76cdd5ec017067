/*
 * What a launch measurement needs to know of an OVMF image: the table of GUIDed entries that ends
 * 32 bytes before the image's end, and in it SEV's metadata (edk2, OvmfPkg/ResetVector/Ia16,
 * ResetVectorVtf0.asm and X64/OvmfSevMetadata.asm). The image is hostile until its digest is known.
 */
#ifndef CAISSON_MEASURE_OVMF_H
#define CAISSON_MEASURE_OVMF_H

#include "base/error.h"
#include "base/span.h"

#define OVMF_SIZE_MAX    (16U * 1024 * 1024)
#define OVMF_SECTION_MAX 64

enum ovmf_section_kind {
    OVMF_SECTION_SEC_MEM = 1,
    OVMF_SECTION_SECRETS = 2,
    OVMF_SECTION_CPUID = 3,
    OVMF_SECTION_SVSM_CAA = 4,
    OVMF_SECTION_KERNEL_HASHES = 0x10,
};

struct ovmf_section {
    uint32_t gpa;
    uint32_t size;
    uint32_t kind; /* one of enum ovmf_section_kind */
};

struct ovmf {
    struct span image; /* borrowed */
    bool has_reset_eip;
    uint32_t reset_eip; /* where the second and later processors start */
    bool has_svsm_entry;
    uint32_t svsm_entry; /* in an SVSM: where all processors start, from its first byte */
    bool has_hash_table;
    uint32_t hash_table_gpa; /* where QEMU puts the digests of kernel, initrd and command line */
    struct ovmf_section sections[OVMF_SECTION_MAX];
    size_t section_count; /* 0: no metadata; the image is not built for SEV-SNP */
};

/* Reads the tables. ERROR_INVALID for an image without the footer, with a table or a section that
 * is malformed, of unknown kind, or no whole pages. An SVSM image has the same tables. */
int ovmf_parse(struct span image, struct ovmf *ovmf, struct error *err);

#endif
