/* A did:x509, resolved against a chain that has neither its authority nor its leaf. */
#include "fuzz.h"

#include "evidence/did_x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct did_x509 did;
    const struct span chain[2] = {span_of("leaf", 4), span_of("root", 4)};
    if (did_x509_parse(span_of(data, size), &did, NULL) < 0)
        return 0;
    fuzz_require(did.predicate_count > 0 && did.predicate_count <= DID_X509_PREDICATES_MAX);
    fuzz_require(did_x509_resolve(&did, chain, 2, NULL) < 0);
    /* Now it pins the authority, and the leaf meets nothing, being no certificate. */
    did.fingerprint_size = SHA256_SIZE;
    sha256_digest(chain[1], did.fingerprint);
    fuzz_require(did_x509_resolve(&did, chain, 2, NULL) < 0);
    return 0;
}
