#include "evidence/trusted_root.h"

#include "crypto/certificate.h"
#include "evidence/snp_certificates.h"

int trusted_root_read(struct span bytes, struct trusted_root *root, struct buf *der,
                      struct error *err)
{
    SNP_CERTIFICATES_AUTO certificates;
    snp_certificates_init(&certificates);
    if (snp_certificates_add(&certificates, bytes, err) < 0)
        return -1;
    if (certificates.count != 1)
        return error_set(err, ERROR_INVALID,
                         "it holds %zu certificates, and is not the one root certificate that is "
                         "wanted",
                         certificates.count);
    struct span root_der = buf_span(&certificates.der[0]);
    CERTIFICATE_AUTO *certificate = certificate_from_der(root_der, err);
    if (!certificate)
        return -1;
    certificate_digest(certificate, root->digest);
    root->simulated = strstr(certificate_name(certificate), "SIMULATED") != NULL;
    return der ? buf_append(der, root_der, err) : 0;
}
