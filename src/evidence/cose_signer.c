#include "evidence/cose_signer.h"

#include <inttypes.h>

#include "crypto/certificate_match.h"
#include "evidence/did_x509.h"

#define CHAIN_MIN 2

#define ACCEPTED                                                                                   \
    (SIGNED_RSA_SHA256 | SIGNED_RSA_SHA384 | SIGNED_RSA_SHA512 | SIGNED_ECDSA_P256_SHA256 |        \
     SIGNED_ECDSA_P384_SHA384)

int cose_signer_read(struct cose_signer *signer, const struct cose_sign1 *message,
                     struct error *err)
{
    *signer = (struct cose_signer){0};
    if (message->x5chain_count < CHAIN_MIN)
        return error_set(err, ERROR_INVALID, "%zu", message->x5chain_count);
    for (; signer->count < message->x5chain_count; signer->count++) {
        struct certificate *certificate = certificate_from_der(message->x5chain[signer->count],
                                                               err);
        if (!certificate)
            return -1;
        signer->certificates[signer->count] = certificate;
    }
    return 0;
}

void cose_signer_fini(struct cose_signer *signer)
{
    for (size_t i = 0; i < COSE_CHAIN_MAX; i++)
        certificate_free(signer->certificates[i]);
}

/* An authority at place i (the leaf has 0), which has i-1 others below it. */
static int check_authority(const struct cose_signer *signer, const struct cose_sign1 *message,
                           size_t i, struct error *err)
{
    const struct certificate *authority = signer->certificates[i];
    if (certificate_check_ca(authority, err) < 0 ||
        certificate_check_critical(authority, err) < 0 ||
        certificate_check_path_length(message->x5chain[i], i - 1, err) < 0)
        return -1;
    return certificate_check_signed(signer->certificates[i - 1], authority, ACCEPTED, err);
}

int cose_signer_check_links(const struct cose_signer *signer, const struct cose_sign1 *message,
                            struct error *err)
{
    if (certificate_check_signer(message->x5chain[0], err) < 0 ||
        certificate_check_critical(signer->certificates[0], err) < 0)
        return -1;
    for (size_t i = 1; i < signer->count; i++) {
        if (check_authority(signer, message, i, err) < 0)
            return -1;
    }
    return 0;
}

int cose_signer_check_issuer(const struct cose_sign1 *message, struct span issuer,
                             struct error *err)
{
    struct did_x509 did;
    if (did_x509_parse(issuer, &did, err) < 0)
        return -1;
    return did_x509_resolve(&did, message->x5chain, message->x5chain_count, err);
}

bool cose_signer_scheme(const struct cose_sign1 *message, enum signature_scheme *out)
{
    static const struct {
        int64_t algorithm;
        enum signature_scheme scheme;
    } accepted[] = {{COSE_PS256, SIGNATURE_PS256}, {COSE_PS384, SIGNATURE_PS384},
                    {COSE_PS512, SIGNATURE_PS512}, {COSE_ES256, SIGNATURE_ES256},
                    {COSE_ES384, SIGNATURE_ES384}, {COSE_ES512, SIGNATURE_ES512}};
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        if (accepted[i].algorithm == message->algorithm) {
            *out = accepted[i].scheme;
            return true;
        }
    }
    return false;
}

int cose_signer_check_signature(const struct cose_signer *signer, const struct cose_sign1 *message,
                                enum signature_scheme scheme, struct error *err)
{
    BUF_AUTO signed_bytes = BUF_WITH_LIMIT(COSE_SIZE_MAX + 64);
    PUBLIC_KEY_AUTO *key = public_key_from_spki(certificate_public_key(signer->certificates[0]),
                                                err);
    if (!key || cose_to_be_signed(message, &signed_bytes, err) < 0)
        return -1;
    return public_key_check(key, scheme, buf_span(&signed_bytes), message->signature, err);
}

static int verify(const struct cose_signer *signer, const struct cose_sign1 *message,
                  struct error *err)
{
    enum signature_scheme scheme;
    if (!cose_signer_scheme(message, &scheme))
        return error_set(err, ERROR_REFUSED, "algorithm: %" PRId64 " is none of PS* and ES*",
                         message->algorithm);
    if (cose_signer_check_signature(signer, message, scheme, err) < 0)
        return error_context(err, "signature");
    if (cose_signer_check_links(signer, message, err) < 0)
        return error_context(err, "chain");
    if (cose_signer_check_issuer(message, message->issuer, err) < 0)
        return error_context(err, "issuer");
    return 0;
}

int cose_signer_verify(const struct cose_sign1 *message, struct error *err)
{
    struct cose_signer signer;
    int result = cose_signer_read(&signer, message, err);
    if (result < 0)
        (void)error_context(err, "certificates");
    else
        result = verify(&signer, message, err);
    cose_signer_fini(&signer);
    return result;
}
