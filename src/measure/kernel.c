#include "measure/kernel.h"

#include "format/guid.h"
#define TABLE_HEADER_SIZE 18
#define TABLE_ENTRY_SIZE  50
#define TABLE_SIZE        (TABLE_HEADER_SIZE + 3 * TABLE_ENTRY_SIZE)

/* target/i386/sev.c: SevHashTable, rounded up to 16 bytes. */
_Static_assert(TABLE_SIZE == 168, "QEMU's SevHashTable has 168 bytes");
_Static_assert(MEASURE_KERNEL_TABLE_SIZE == (TABLE_SIZE + 15) / 16 * 16, "QEMU pads to 16 bytes");

static const uint8_t guid_table[GUID_SIZE] = GUID(0x9438d606, 0x4f22, 0x4cc9, 0xb479,
                                                  0xa793d411fd21);
static const uint8_t guid_cmdline[GUID_SIZE] = GUID(0x97d02dd8, 0xbd20, 0x4c94, 0xaa78,
                                                    0xe7714d36ab2a);
static const uint8_t guid_initrd[GUID_SIZE] = GUID(0x44baf731, 0x3a2f, 0x4bd7, 0x9af1,
                                                   0x41e29169781d);
static const uint8_t guid_kernel[GUID_SIZE] = GUID(0x4de79437, 0xabd2, 0x427f, 0xb835,
                                                   0xd5b172d2045b);

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

void measure_kernel_table(const struct measure_kernel *kernel,
                          uint8_t table[MEASURE_KERNEL_TABLE_SIZE])
{
    memset(table, 0, MEASURE_KERNEL_TABLE_SIZE);
    uint8_t *at = write_guid_and_size(table, guid_table, TABLE_SIZE);
    at = write_entry(at, guid_cmdline, kernel->cmdline);
    at = write_entry(at, guid_initrd, kernel->initrd);
    (void)write_entry(at, guid_kernel, kernel->kernel);
}

bool measure_kernel_page(const struct measure_kernel *kernel, size_t offset,
                         uint8_t page[MEASURE_PAGE_SIZE])
{
    memset(page, 0, MEASURE_PAGE_SIZE);
    if (offset > MEASURE_PAGE_SIZE - MEASURE_KERNEL_TABLE_SIZE)
        return false;
    measure_kernel_table(kernel, page + offset);
    return true;
}
