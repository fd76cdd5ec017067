#include "measure/kernel.h"

#define TABLE_HEADER_SIZE 18
#define TABLE_ENTRY_SIZE  50
#define TABLE_SIZE        (TABLE_HEADER_SIZE + 3 * TABLE_ENTRY_SIZE)
#define TABLE_PADDED_SIZE 176 /* QEMU rounds the table up to 16 bytes (target/i386/sev.c) */

_Static_assert(TABLE_SIZE == 168, "QEMU's SevHashTable has 168 bytes");

/* GUIDs as they lie in memory: the first three groups little endian. */
static const uint8_t guid_table[16] = {0x06, 0xd6, 0x38, 0x94, 0x22, 0x4f, 0xc9, 0x4c,
                                       0xb4, 0x79, 0xa7, 0x93, 0xd4, 0x11, 0xfd, 0x21};
static const uint8_t guid_cmdline[16] = {0xd8, 0x2d, 0xd0, 0x97, 0x20, 0xbd, 0x94, 0x4c,
                                         0xaa, 0x78, 0xe7, 0x71, 0x4d, 0x36, 0xab, 0x2a};
static const uint8_t guid_initrd[16] = {0x31, 0xf7, 0xba, 0x44, 0x2f, 0x3a, 0xd7, 0x4b,
                                        0x9a, 0xf1, 0x41, 0xe2, 0x91, 0x69, 0x78, 0x1d};
static const uint8_t guid_kernel[16] = {0x37, 0x94, 0xe7, 0x4d, 0xd2, 0xab, 0x7f, 0x42,
                                        0xb8, 0x35, 0xd5, 0xb1, 0x72, 0xd2, 0x04, 0x5b};

void measure_cmdline(const char *cmdline, uint8_t out[SHA256_SIZE])
{
    sha256_digest(span_of(cmdline, strlen(cmdline) + 1), out);
}

static uint8_t *write_guid_and_size(uint8_t *at, const uint8_t guid[16], uint8_t size)
{
    memcpy(at, guid, 16);
    at[16] = size; /* u16 little endian, below 256 here */
    at[17] = 0;
    return at + TABLE_HEADER_SIZE;
}

static uint8_t *write_entry(uint8_t *at, const uint8_t guid[16], const uint8_t digest[SHA256_SIZE])
{
    at = write_guid_and_size(at, guid, TABLE_ENTRY_SIZE);
    memcpy(at, digest, SHA256_SIZE);
    return at + SHA256_SIZE;
}

bool measure_kernel_page(const struct measure_kernel *kernel, size_t offset,
                         uint8_t page[MEASURE_PAGE_SIZE])
{
    memset(page, 0, MEASURE_PAGE_SIZE);
    if (offset > MEASURE_PAGE_SIZE - TABLE_PADDED_SIZE)
        return false;
    uint8_t *at = write_guid_and_size(page + offset, guid_table, TABLE_SIZE);
    at = write_entry(at, guid_cmdline, kernel->cmdline);
    at = write_entry(at, guid_initrd, kernel->initrd);
    (void)write_entry(at, guid_kernel, kernel->kernel);
    return true;
}
