/* Certificates as a host or a user hands them over: PEM, DER, a certificate table. */
#include "fuzz.h"

#include "evidence/snp_certificates.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span chain[SNP_CHAIN_LENGTH];
    SNP_CERTIFICATES_AUTO certificates;
    snp_certificates_init(&certificates);
    (void)snp_certificates_add(&certificates, span_of(data, size), NULL);
    fuzz_require(certificates.count <= SNP_CERTIFICATES_MAX);
    if (snp_certificates_order(&certificates, chain, NULL) == 0) {
        for (int i = 0; i < SNP_CHAIN_LENGTH; i++)
            fuzz_require(chain[i].size > 0 && chain[i].size <= CERTIFICATE_DER_MAX);
    }
    return 0;
}
