/* What can be rewritten in a program's code (program/sites.h), by the file that it comes from. */
#ifndef CAISSON_ENCLAVE_LIBOS_CALLS_CODE_SITES_H
#define CAISSON_ENCLAVE_LIBOS_CALLS_CODE_SITES_H

#include <stddef.h>
#include <stdint.h>

struct file;
struct site;

/* Where code comes from: an open file, or NULL for one of this number in the first enclave. */
struct code_origin {
    struct file *file;
    uint64_t number;
    uint64_t offset;
};

/* SITES_MAX at most: how many, or a negative errno where nobody knows them. `origin` is a struct
 * code_origin. With the lock, which may be let go meanwhile. */
int code_sites_find(const void *origin, const uint8_t *code, size_t size, struct site *out);

#endif
