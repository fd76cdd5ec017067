/*
 * SGX by the kernel's driver: /dev/sgx_enclave and the vDSO's __vdso_sgx_enter_enclave(). What the
 * system does for it goes through a table, which a test fills.
 */
#ifndef CAISSON_ENCLAVE_HARDWARE_H
#define CAISSON_ENCLAVE_HARDWARE_H

#include <sys/types.h>

#include "enclave/driver.h"

#define HARDWARE_DEVICE "/dev/sgx_enclave"

extern const struct driver driver_hardware;

struct hardware_calls {
    int (*open)(const char *path, int flags);
    int (*close)(int fd);
    int (*ioctl)(int fd, unsigned long request, void *argument);
    void *(*mmap)(void *address, size_t size, int protection, int flags, int fd, off_t offset);
    int (*munmap)(void *address, size_t size);
    const void *(*find_entry)(struct error *err); /* __vdso_sgx_enter_enclave(), or NULL */
};

/* For tests: NULL for the system's own. Of enclaves that are created from now on. */
void hardware_set_calls(const struct hardware_calls *calls);

#endif
