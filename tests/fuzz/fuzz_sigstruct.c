/* A SIGSTRUCT: whatever is accepted has the header that Intel defines and a signer. */
#include "fuzz.h"

#include "measure/sigstruct.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sigstruct sigstruct;
    if (sigstruct_check(span_of(data, size), &sigstruct, NULL) < 0)
        return 0;
    fuzz_require(size == SIGSTRUCT_SIZE && data[0] == 6);
    fuzz_require(!span_is_zero(span_of(sigstruct.mrsigner, SHA256_SIZE)));
    (void)sigstruct_allows_debug(&sigstruct);
    return 0;
}
