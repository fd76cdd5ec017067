/* The bodies of the key broker's clients: by the first byte an 'h' is a greeting, else evidence. */
#include "fuzz.h"

#include "service/kbs_request.h"

static void greet(struct span body)
{
    struct kbs_hello hello;
    if (kbs_hello_read(body, &hello, NULL) == 0)
        fuzz_require(hello.hash < KBS_HASH_COUNT && strlen(hello.tee) <= KBS_TEE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span body = span_of(data + 1, size - 1);
    if (data[0] == 'h') {
        greet(body);
        return 0;
    }
    KBS_ATTESTATION_AUTO attestation;
    enum kbs_hash hash = (enum kbs_hash)(data[0] % KBS_HASH_COUNT);
    if (kbs_attestation_read(body, hash, &attestation, NULL) == 0)
        fuzz_require(attestation.nonce && attestation.evidence && attestation.tee_pubkey);
    return 0;
}
