/* A vDSO: a function that is found lies inside. */
#include "fuzz.h"

#include "enclave/vdso.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t offset;
    if (vdso_find(span_of(data, size), "enter", &offset, NULL) == 0)
        fuzz_require(offset < size);
    return 0;
}
