/* Kernel modules. */
#ifndef CAISSON_OS_MODULE_H
#define CAISSON_OS_MODULE_H

#include "base/error.h"
#include "base/span.h"

/* Loads an uncompressed module. One that is loaded already counts as loaded. ERROR_UNAVAILABLE
 * where the machine lacks what the module drives (ENODEV). */
int module_load(const char *path, struct error *err);

/* The same from memory; `name` is for errors. */
int module_load_bytes(const char *name, struct span module, struct error *err);

#endif
