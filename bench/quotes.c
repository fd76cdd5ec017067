/*
 * What verifying an SGX or a TDX quote costs, against what cannot be left out: OpenSSL's own checks
 * of the same signatures, ECDSA on P-256, in the same run. Quotes and collateral are made here, as
 * the unit tests make them.
 *
 * Floor and verifier take turns, and each figure is the median of the ratios of neighbours.
 */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "dcap_fake.h"
#include "evidence/dcap_verify.h"
#include "timing.h"

static struct dcap_fake fake;
static const struct dcap_appraisal strict;

/* ---- the floor ---- */

struct signature {
    EVP_PKEY_CTX *ctx; /* ready to verify */
    uint8_t point[1 + P256_POINT_SIZE];
    uint8_t digest[SHA256_SIZE];
    unsigned char *der;
    int der_size;
};

struct floor {
    struct signature qe;    /* of the quoting enclave's report */
    struct signature quote; /* of header and report */
    struct signature tcb_info;
    struct signature qe_identity;
};

static EVP_PKEY_CTX *read_key(const uint8_t point[1 + P256_POINT_SIZE])
{
    uint8_t copy[1 + P256_POINT_SIZE];
    char group[] = "prime256v1";
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *from = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    memcpy(copy, point, sizeof copy);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, sizeof copy),
        OSSL_PARAM_construct_end(),
    };
    require(from && EVP_PKEY_fromdata_init(from) == 1 &&
                EVP_PKEY_fromdata(from, &key, EVP_PKEY_PUBLIC_KEY, params) == 1,
            "OpenSSL cannot read a key");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    require(ctx && EVP_PKEY_verify_init(ctx) == 1, "OpenSSL cannot verify");
    EVP_PKEY_CTX_free(from);
    EVP_PKEY_free(key); /* the context holds on to it */
    return ctx;
}

static void signature_init(struct signature *out, const uint8_t point[P256_POINT_SIZE],
                           struct span bytes, struct span raw)
{
    ECDSA_SIG *signature = ECDSA_SIG_new();
    require(signature && ECDSA_SIG_set0(signature, BN_bin2bn(raw.data, P256_SIZE, NULL),
                                        BN_bin2bn(raw.data + P256_SIZE, P256_SIZE, NULL)) == 1,
            "no signature");
    out->der_size = i2d_ECDSA_SIG(signature, &out->der);
    ECDSA_SIG_free(signature);
    out->point[0] = 4;
    memcpy(out->point + 1, point, P256_POINT_SIZE);
    sha256_digest(bytes, out->digest);
    out->ctx = read_key(out->point);
}

static void signature_fini(struct signature *signature)
{
    EVP_PKEY_CTX_free(signature->ctx);
    OPENSSL_free(signature->der);
}

static void signature_check(const struct signature *signature, EVP_PKEY_CTX *ctx)
{
    require(EVP_PKEY_verify(ctx, signature->der, (size_t)signature->der_size, signature->digest,
                            SHA256_SIZE) == 1,
            "OpenSSL refuses a signature");
}

static void floor_init(struct floor *floor)
{
    struct dcap_quote quote;
    uint8_t pck[P256_POINT_SIZE];
    uint8_t signer[P256_POINT_SIZE];
    const struct dcap_parts *parts = &fake.parts;
    require(dcap_quote_parse(buf_span(&fake.quote), &quote, NULL) == 0 &&
                private_key_point_p256(fake.keys[FAKE_PCK], pck, NULL) == 0 &&
                private_key_point_p256(fake.keys[FAKE_SIGNING], signer, NULL) == 0,
            "no quote");
    signature_init(&floor->qe, pck, quote.qe_report, quote.qe_signature);
    signature_init(&floor->quote, quote.attestation_key.data, quote.signed_bytes, quote.signature);
    signature_init(&floor->tcb_info, signer, parts->tcb_info,
                   span_of(parts->tcb_info_signature, P256_SIGNATURE_SIZE));
    signature_init(&floor->qe_identity, signer, parts->qe_identity,
                   span_of(parts->qe_identity_signature, P256_SIGNATURE_SIZE));
}

static void floor_fini(struct floor *floor)
{
    signature_fini(&floor->qe);
    signature_fini(&floor->quote);
    signature_fini(&floor->tcb_info);
    signature_fini(&floor->qe_identity);
}

/* Both signatures; the attestation key is new with each quote, and must be read from it. */
static void floor_cached(const void *subject)
{
    const struct floor *floor = subject;
    EVP_PKEY_CTX *ctx = read_key(floor->quote.point);
    signature_check(&floor->qe, floor->qe.ctx);
    signature_check(&floor->quote, ctx);
    EVP_PKEY_CTX_free(ctx);
}

/* Both signatures, by keys that are at hand. */
static void floor_bare(const void *subject)
{
    const struct floor *floor = subject;
    signature_check(&floor->qe, floor->qe.ctx);
    signature_check(&floor->quote, floor->quote.ctx);
}

static X509 *read_certificate(struct span der)
{
    const unsigned char *at = der.data;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.size);
    require(certificate != NULL, "OpenSSL cannot read a certificate");
    return certificate;
}

static void check_crl(struct span der, EVP_PKEY *key)
{
    const unsigned char *at = der.data;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der.size);
    require(crl && X509_CRL_verify(crl, key) == 1, "OpenSSL refuses a list");
    X509_CRL_free(crl);
}

static void check_by(EVP_PKEY *key, const struct signature *signature)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    require(ctx && EVP_PKEY_verify_init(ctx) == 1, "OpenSSL cannot verify");
    signature_check(signature, ctx);
    EVP_PKEY_CTX_free(ctx);
}

/* A document is JSON, which somebody has to read: jansson does in either case. */
static void check_document(struct span text, EVP_PKEY *key, const struct signature *signature)
{
    json_t *document = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    require(document != NULL, "jansson cannot read a document");
    json_decref(document);
    check_by(key, signature);
}

/* Everything from its bytes, each signature once: four certificates, two lists, two documents, the
 * quoting enclave's report and the quote. */
static void floor_cold(const void *subject)
{
    const struct floor *floor = subject;
    static const enum fake_key issuers[] = {[FAKE_ROOT] = FAKE_ROOT,
                                            [FAKE_CA] = FAKE_ROOT,
                                            [FAKE_PCK] = FAKE_CA,
                                            [FAKE_SIGNING] = FAKE_ROOT};
    X509 *certificates[FAKE_ATTESTATION];
    EVP_PKEY *keys[FAKE_ATTESTATION];
    for (int i = 0; i < FAKE_ATTESTATION; i++) {
        certificates[i] = read_certificate(buf_span(&fake.certificates[i]));
        keys[i] = X509_get0_pubkey(certificates[i]);
    }
    for (int i = 0; i < FAKE_ATTESTATION; i++)
        require(X509_verify(certificates[i], keys[issuers[i]]) == 1,
                "OpenSSL refuses a certificate");
    check_crl(fake.parts.root_ca_crl, keys[FAKE_ROOT]);
    check_crl(fake.parts.pck_crl, keys[FAKE_CA]);
    check_document(fake.parts.tcb_info, keys[FAKE_SIGNING], &floor->tcb_info);
    check_document(fake.parts.qe_identity, keys[FAKE_SIGNING], &floor->qe_identity);
    check_by(keys[FAKE_PCK], &floor->qe);
    EVP_PKEY_CTX *ctx = read_key(floor->quote.point);
    signature_check(&floor->quote, ctx);
    EVP_PKEY_CTX_free(ctx);
    for (int i = 0; i < FAKE_ATTESTATION; i++)
        X509_free(certificates[i]);
}

/* ---- the verifier ---- */

static void verify_cached(const void *collateral)
{
    static _Thread_local struct dcap_result result;
    require(
        dcap_verify_quote(buf_span(&fake.quote), collateral, &strict, &result) == VERDICT_ACCEPTED,
        "refused");
}

static void verify_cold(const void *subject)
{
    static struct dcap_result result;
    (void)subject;
    require(dcap_verify(buf_span(&fake.quote), &fake.parts, &fake.options, &strict, &result) ==
                VERDICT_ACCEPTED,
            "refused");
}

/* ---- the figures ---- */

static struct dcap_collateral *collateral_of(const struct dcap_parts *parts)
{
    struct checks checks;
    checks_init(&checks);
    struct dcap_collateral *collateral = dcap_collateral_new(parts, &fake.options, &checks);
    require(collateral && collateral->trusted, "no collateral");
    return collateral;
}

static void print(const char *kind, const char *what, const struct figure *figure, const char *of,
                  double goal)
{
    char text[128];
    (void)snprintf(text, sizeof text, "%s quote, %s", kind, what);
    print_ratio(text, figure, of, goal);
}

static void measure(const char *kind, enum dcap_body body)
{
    char what[64];
    struct floor floor = {0};
    dcap_fake_reset(&fake, body);
    dcap_fake_make(&fake);
    floor_init(&floor);
    struct dcap_parts with_chain = fake.parts;
    with_chain.pck_certificate_chain = buf_span(&fake.pck_chain);
    struct dcap_collateral *platform = collateral_of(&with_chain);
    struct dcap_collateral *others = collateral_of(&fake.parts);
    struct figure cached = compare(floor_cached, &floor, verify_cached, platform);
    struct figure bare = compare(floor_bare, &floor, verify_cached, platform);
    struct figure own = compare(floor_cached, &floor, verify_cached, others);
    struct figure cold = compare(floor_cold, &floor, verify_cold, NULL);
    print(kind, "collateral and platform cached", &cached,
          "OpenSSL's two P-256 checks, the attestation key read from the quote", 1.1);
    print(kind, "the same over the two checks with both keys at hand", &bare, "", 0);
    print(kind, "collateral cached, PCK chain in the quote", &own, "the same two checks", 0);
    print(kind, "all cold", &cold, "OpenSSL's ten P-256 checks, certificates and documents read",
          1.1);
    (void)snprintf(what, sizeof what, "%s quotes a second, all cached", kind);
    print_throughput(what, verify_cached, platform);
    dcap_collateral_free(platform);
    dcap_collateral_free(others);
    floor_fini(&floor);
}

int main(void)
{
    dcap_fake_init(&fake);
    measure("SGX", DCAP_BODY_SGX);
    measure("TDX", DCAP_BODY_TD10);
    dcap_fake_fini(&fake);
    return 0;
}
