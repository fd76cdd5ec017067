/*
 * The vDSO: a small ELF file that the kernel maps into every process. It is read with bounds, as
 * any file is: a symbol is found, or not.
 */
#ifndef CAISSON_ENCLAVE_VDSO_H
#define CAISSON_ENCLAVE_VDSO_H

#include "base/error.h"
#include "base/span.h"

#define VDSO_SIZE_MAX 65536 /* bytes that are looked at */

/* Finds a function by its name among the dynamic symbols: its offset from the image's first byte.
 * ERROR_NOT_FOUND when there is no such symbol, ERROR_INVALID for an image that cannot be read. */
int vdso_find(struct span image, const char *name, uint64_t *offset, struct error *err);

#endif
