/* A quote, and the frame of a signature. */
#include "fuzz.h"

#include "evidence/tpm_quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tpm_quote quote;
    struct span signature;
    struct span bytes = span_of(data, size);
    if (tpm_quote_parse(bytes, &quote, NULL) == 0)
        fuzz_require(quote.pcrs != 0 && quote.pcrs >> TPM_PCR_COUNT == 0 &&
                     quote.extra_data.size <= TPM_NONCE_MAX);
    if (tpm_signature_parse(bytes, 16, &signature, NULL) == 0)
        fuzz_require(signature.size == 16);
    return 0;
}
