/* An HCL report and its claims: no quote vouches for it, and nothing that a fuzzer makes is signed.
 */
#include "fuzz.h"

#include "evidence/hcl_verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hcl_result result;
    struct hcl_claims claims;
    struct span bytes = span_of(data, size);
    const struct hcl_evidence evidence = {.report = bytes,
                                          .quote = {.quote = bytes, .signature = bytes}};
    const struct hcl_expectation expectation = {.quote = {.nonce = span_of("n", 1)}};
    fuzz_require(hcl_verify(&evidence, &expectation, &result) == VERDICT_REFUSED);
    (void)hcl_claims_parse(bytes, &claims, NULL);
    return 0;
}
