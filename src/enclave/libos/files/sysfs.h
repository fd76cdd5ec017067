/* /sys: the few files of it that programs read. */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_SYSFS_H
#define CAISSON_ENCLAVE_LIBOS_FILES_SYSFS_H

#include "enclave/libos/files/pseudo.h"

int sysfs_new(struct file_clock clock, struct tree **out);

#endif
