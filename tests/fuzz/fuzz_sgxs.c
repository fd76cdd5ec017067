/* An SGXS stream: what is counted fits what is there. */
#include "fuzz.h"

#include "measure/sgxs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sgxs sgxs;
    if (sgxs_measure(span_of(data, size), &sgxs, NULL) < 0)
        return 0;
    const uint64_t chunks = (uint64_t)sgxs.chunk_count + sgxs.unmeasured;
    fuzz_require(64 + (uint64_t)sgxs.page_count * 64 + chunks * 320 == size);
    fuzz_require(sgxs.tcs_count <= sgxs.page_count && sgxs.partial_pages <= sgxs.page_count);
    fuzz_require(chunks <= (uint64_t)sgxs.page_count * 16);
    fuzz_require((uint64_t)sgxs.page_count * 4096 <= sgxs.size);
    return 0;
}
