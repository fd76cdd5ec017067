/* An endorsement: nothing that a fuzzer makes is signed by the published issuer. */
#include "fuzz.h"

#include "evidence/uvm_endorsement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct checks checks;
    struct uvm_endorsement endorsement;
    static const uint8_t measurement[UVM_MEASUREMENT_SIZE];
    const struct uvm_expectation expectation = {.at_signing_time = true,
                                                .measurement = measurement};
    fuzz_require(uvm_endorsement_verify(span_of(data, size), &expectation, &endorsement, &checks) ==
                 VERDICT_REFUSED);
    fuzz_require(checks_first_failure(&checks) != NULL);
    return 0;
}
