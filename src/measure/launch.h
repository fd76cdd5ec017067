/*
 * The running launch digest of SEV-SNP (AMD 56860, section 8.17.2, table "PAGE_INFO"): each page
 * that the hypervisor adds extends it by its content's SHA-384, its type and its address.
 */
#ifndef CAISSON_MEASURE_LAUNCH_H
#define CAISSON_MEASURE_LAUNCH_H

#include "base/error.h"
#include "crypto/digest.h"
#include "measure/kernel.h"

/* PAGE_TYPE of SNP_LAUNCH_UPDATE. */
enum launch_page {
    LAUNCH_PAGE_NORMAL = 1,
    LAUNCH_PAGE_VMSA = 2,
    LAUNCH_PAGE_ZERO = 3,
    LAUNCH_PAGE_UNMEASURED = 4,
    LAUNCH_PAGE_SECRETS = 5,
    LAUNCH_PAGE_CPUID = 6,
};

/* The address that the firmware uses for every save area. */
#define LAUNCH_VMSA_GPA UINT64_C(0xFFFFFFFFF000)

struct launch {
    uint8_t digest[SHA384_SIZE];
};

/* All zero. */
void launch_init(struct launch *launch);

/* Adds one page with content (LAUNCH_PAGE_NORMAL, LAUNCH_PAGE_VMSA). */
void launch_add_page(struct launch *launch, enum launch_page type, uint64_t gpa,
                     const uint8_t page[MEASURE_PAGE_SIZE]);

/* Adds the pages from gpa on for `size` bytes, whose content is not measured (the other types).
 * ERROR_INVALID when gpa or size is no multiple of the page size, or size is above 256 MiB. */
int launch_add_blank(struct launch *launch, enum launch_page type, uint64_t gpa, uint64_t size,
                     struct error *err);

/* Adds content from gpa on; its size must be a multiple of the page size. */
int launch_add_content(struct launch *launch, uint64_t gpa, struct span content, struct error *err);

#endif
