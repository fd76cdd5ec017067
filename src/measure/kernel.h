/*
 * What a measured direct boot names: the digests of kernel, initial RAM disk and command line, as
 * they stand in QEMU's hash table page (the guest firmware checks the files against it; in a
 * simulated machine the monitor does).
 */
#ifndef CAISSON_MEASURE_KERNEL_H
#define CAISSON_MEASURE_KERNEL_H

#include "base/span.h"
#include "crypto/digest.h"

#define MEASURE_PAGE_SIZE         4096
#define MEASURE_KERNEL_TABLE_SIZE 176

struct measure_kernel {
    uint8_t kernel[SHA256_SIZE];  /* of the file as given to QEMU */
    uint8_t initrd[SHA256_SIZE];  /* SHA-256 of nothing where there is none */
    uint8_t cmdline[SHA256_SIZE]; /* of the text with its terminating zero byte */
};

/* The digest of a command line: its text and one zero byte. */
void measure_cmdline(const char *cmdline, uint8_t out[SHA256_SIZE]);

/* Writes the table alone, as QEMU pads it. */
void measure_kernel_table(const struct measure_kernel *kernel,
                          uint8_t table[MEASURE_KERNEL_TABLE_SIZE]);

/* Writes the page that holds the table at `offset` (the table's address modulo the page size);
 * all else is zero. False when the table does not fit between offset and the page's end. */
bool measure_kernel_page(const struct measure_kernel *kernel, size_t offset,
                         uint8_t page[MEASURE_PAGE_SIZE]);

#endif
