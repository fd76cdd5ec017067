/* A COSE_Sign1 message: what is read of it lies inside it. */
#include "fuzz.h"

#include "format/cose.h"

static void require_inside(struct span part, struct span whole)
{
    if (part.size == 0)
        return;
    fuzz_require(part.data >= whole.data && part.size <= whole.size &&
                 part.data + part.size <= whole.data + whole.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cose_sign1 message;
    struct span bytes = span_of(data, size);
    BUF_AUTO signed_bytes = BUF_WITH_LIMIT(size + 64);
    if (cose_parse(bytes, &message, NULL) < 0)
        return 0;
    fuzz_require(message.algorithm != 0 && message.x5chain_count <= COSE_CHAIN_MAX &&
                 message.receipt_count <= COSE_RECEIPTS_MAX);
    for (size_t i = 0; i < message.x5chain_count; i++)
        require_inside(message.x5chain[i], bytes);
    for (size_t i = 0; i < message.receipt_count; i++)
        require_inside(message.receipts[i], bytes);
    require_inside(message.issuer, bytes);
    require_inside(message.payload, bytes);
    require_inside(message.signature, bytes);
    fuzz_require(cose_to_be_signed(&message, &signed_bytes, NULL) == 0);
    fuzz_require(cose_algorithm_name(0) == NULL);
    return 0;
}
