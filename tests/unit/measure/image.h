/* Makes firmware images as OVMF and an SVSM have them. */
#ifndef CAISSON_TESTS_MEASURE_IMAGE_H
#define CAISSON_TESTS_MEASURE_IMAGE_H

#include <string.h>

#include "format/guid.h"
#include "measure/ovmf.h"

#define PAGE 4096

/* A firmware image of one page: metadata, then the table of GUIDed entries that ends 32 bytes
 * before its end. Built from the end towards the front, as the reader walks it. */
struct image {
    uint8_t bytes[PAGE];
    size_t at; /* the first byte of the table so far */
};

#define TABLE_END (PAGE - 32)

static const uint8_t guid_footer[GUID_SIZE] = GUID(0x96b582de, 0x1fb2, 0x45f7, 0xbaea,
                                                   0xa366c55a082d);
static const uint8_t guid_reset[GUID_SIZE] = GUID(0x00f771de, 0x1a7e, 0x4fcb, 0x890e,
                                                  0x68c77e2fb44e);
static const uint8_t guid_hashes[GUID_SIZE] = GUID(0x7255371f, 0x3a3b, 0x4b04, 0x927b,
                                                   0x1da6efa8d454);
static const uint8_t guid_svsm[GUID_SIZE] = GUID(0xa789a612, 0x0597, 0x4c4b, 0xa49f,
                                                 0xcbb1fe9d1ddd);
static const uint8_t guid_metadata[GUID_SIZE] = GUID(0xdc886566, 0x984a, 0x4798, 0xa75e,
                                                     0x5585a7bf67cc);

#define METADATA_AT 0x100

static inline void put(uint8_t *out, size_t size, uint64_t value)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static inline void add_entry(struct image *image, const uint8_t guid[16], uint32_t value)
{
    image->at -= 16;
    memcpy(image->bytes + image->at, guid, 16);
    image->at -= 2;
    put(image->bytes + image->at, 2, 22);
    image->at -= 4;
    put(image->bytes + image->at, 4, value);
}

static inline void add_section(struct image *image, uint32_t gpa, uint32_t size, uint32_t kind)
{
    uint8_t *head = image->bytes + METADATA_AT;
    uint8_t *at = head + 16 + 12 * head[12];
    head[12]++;
    put(at, 4, gpa);
    put(at + 4, 4, size);
    put(at + 8, 4, kind);
}

static inline void start(struct image *image)
{
    memset(image, 0, sizeof *image);
    memcpy(image->bytes + METADATA_AT, "ASEV", 4);
    put(image->bytes + METADATA_AT + 8, 4, 1);
    memcpy(image->bytes + TABLE_END - 16, guid_footer, 16);
    image->at = TABLE_END - 18;
}

static inline void finish(struct image *image)
{
    put(image->bytes + TABLE_END - 18, 2, TABLE_END - image->at);
}

/* What a firmware for SEV-SNP with kernel hashes has. */
static inline void make_good(struct image *image)
{
    start(image);
    add_entry(image, guid_reset, 0x80B004);
    add_entry(image, guid_hashes, 0x80C400);
    add_entry(image, guid_metadata, PAGE - METADATA_AT);
    add_section(image, 0x800000, 0x9000, OVMF_SECTION_SEC_MEM);
    add_section(image, 0x80D000, 0x1000, OVMF_SECTION_SECRETS);
    add_section(image, 0x80C000, 0x1000, OVMF_SECTION_KERNEL_HASHES);
    finish(image);
}

/* What COCONUT-SVSM has. */
static inline void make_svsm(struct image *image)
{
    start(image);
    add_entry(image, guid_svsm, 0x120);
    add_entry(image, guid_metadata, PAGE - METADATA_AT);
    add_section(image, 0x806000, 0x1000, OVMF_SECTION_SECRETS);
    add_section(image, 0x807000, 0x1000, OVMF_SECTION_CPUID);
    finish(image);
}

#endif
