/* What a fuzz target defines. It returns 0 and must neither crash, leak, nor run for long. */
#ifndef CAISSON_TESTS_FUZZ_H
#define CAISSON_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that holds for every input; a violation is a finding. */
#define fuzz_require(condition)                                                                    \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

#endif
