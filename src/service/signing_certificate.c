#include "service/signing_certificate.h"

#include "crypto/certificate.h"
#include "crypto/random.h"

#define NAME "Caisson attestation token signing"

static int find_evidence(const struct jwk *jwk, const struct own_evidence *own, int64_t now,
                         struct buf *out, struct error *err)
{
    BUF_AUTO spki = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    return public_key_to_spki(jwk->public_key, &spki, err) < 0
               ? -1
               : own_evidence_make(own, buf_span(&spki), now, out, err);
}

int signing_certify(struct jwk *jwk, const struct signing_life *life,
                    const struct own_evidence *own, struct error *err)
{
    uint64_t serial = 0;
    BUF_AUTO evidence = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    if (random_bytes(&serial, sizeof serial, err) < 0 ||
        (own && find_evidence(jwk, own, life->now, &evidence, err) < 0))
        return -1;
    const struct issue_extension extension = {OWN_EVIDENCE_OID, buf_span(&evidence)};
    struct issue_request request = {
        .subject = NAME,
        .issuer = NAME,
        .serial = serial >> 1,
        .not_before = life->not_before,
        .not_after = life->not_after,
        .pkcs1 = true,
        .extensions = &extension,
        .extension_count = own ? 1 : 0,
    };
    buf_init(&jwk->chain.ders[0], CERTIFICATE_DER_MAX);
    jwk->chain.count = 1;
    return certificate_issue(&request, jwk->private_key, jwk->private_key, &jwk->chain.ders[0],
                             err);
}

bool signing_has_evidence(const struct jwk *jwk)
{
    struct error err = {0};
    struct span value;
    if (jwk->chain.count == 0)
        return false;
    CERTIFICATE_AUTO *certificate = certificate_from_der(buf_span(&jwk->chain.ders[0]), &err);
    return certificate && certificate_extension(certificate, OWN_EVIDENCE_OID, &value);
}
