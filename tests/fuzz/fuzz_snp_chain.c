/* A leaf certificate with its extensions, as leaf, intermediate and root at once. */
#include "fuzz.h"

#include "evidence/snp_chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct checks checks;
    struct snp_chain chain;
    struct span der = span_of(data, size);
    const struct span certificates[3] = {der, der, der};
    const struct snp_chain_options options = {.time = 1780272000, .crl = der};
    checks_init(&checks);
    if (snp_chain_check(&chain, certificates, 3, &options, &checks)) {
        checks_complete(&checks);
        fuzz_require(chain.leaf.hwid.size <= SNP_HWID_MAX);
    }
    fuzz_require(checks_verdict(&checks) == VERDICT_REFUSED);
    snp_chain_fini(&chain);
    return 0;
}
