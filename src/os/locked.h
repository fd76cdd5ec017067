/* Memory for secrets that stay: not swapped, not in a core dump, wiped when it is freed. */
#ifndef CAISSON_OS_LOCKED_H
#define CAISSON_OS_LOCKED_H

#include <stddef.h>

#include "base/error.h"

/* Zeroed bytes, in pages of their own. NULL with ERROR_SYSTEM where the process may lock no more
 * memory (RLIMIT_MEMLOCK). */
void *locked_new(size_t size, struct error *err);
void locked_free(void *memory, size_t size);

#endif
