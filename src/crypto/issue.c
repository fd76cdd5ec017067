#include "crypto/issue.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define ORGANIZATION "Caisson (simulated, proves nothing)"

/* struct private_key is never defined: the pointer is OpenSSL's own. */
static EVP_PKEY *pkey_of(const struct private_key *key)
{
    return (EVP_PKEY *)(uintptr_t)key;
}

static struct private_key *wrap(EVP_PKEY *pkey, const char *what, struct error *err)
{
    ERR_clear_error();
    if (!pkey)
        (void)error_set(err, ERROR_UNAVAILABLE, "OpenSSL could not make a key for %s", what);
    return (struct private_key *)pkey;
}

struct private_key *private_key_new_rsa4096(struct error *err)
{
    return wrap(EVP_RSA_gen(4096), "RSA", err);
}

struct private_key *private_key_new_p384(struct error *err)
{
    return wrap(EVP_EC_gen("P-384"), "P-384", err);
}

struct private_key *private_key_new_p256(struct error *err)
{
    return wrap(EVP_EC_gen("P-256"), "P-256", err);
}

struct private_key *private_key_from_pem(struct span pem, struct error *err)
{
    BIO *bio = pem.size <= CERTIFICATE_DER_MAX ? BIO_new_mem_buf(pem.data, (int)pem.size) : NULL;
    /* An empty password, never a question on the terminal. */
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t) "") : NULL;
    BIO_free(bio);
    ERR_clear_error();
    if (!pkey)
        (void)error_set(err, ERROR_INVALID, "this is not an unencrypted private key in PEM");
    return (struct private_key *)pkey;
}

int private_key_to_pem(const struct private_key *key, struct buf *pem, struct error *err)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, pkey_of(key), NULL, NULL, 0, NULL, NULL) != 1) {
        BIO_free(bio);
        ERR_clear_error();
        return error_memory(err);
    }
    char *text = NULL;
    long size = BIO_get_mem_data(bio, &text);
    int result = buf_append(pem, span_of(text, (size_t)size), err);
    BIO_free(bio);
    return result;
}

void private_key_free(struct private_key *key)
{
    EVP_PKEY_free(pkey_of(key));
}

void private_key_cleanup(struct private_key **key)
{
    private_key_free(*key);
}

bool private_key_matches(const struct private_key *key, const struct certificate *certificate)
{
    uint8_t mine[CERTIFICATE_DER_MAX];
    unsigned char *at = mine;
    int size = i2d_PUBKEY(pkey_of(key), NULL);
    if (size <= 0 || (size_t)size > sizeof mine || i2d_PUBKEY(pkey_of(key), &at) != size)
        return false;
    return span_equal(span_of(mine, (size_t)size), certificate_public_key(certificate));
}

static bool coordinate(EVP_PKEY *pkey, const char *name, uint8_t out[P384_SIZE])
{
    BIGNUM *number = NULL;
    bool good = EVP_PKEY_get_bn_param(pkey, name, &number) == 1 &&
                BN_bn2binpad(number, out, P384_SIZE) == P384_SIZE;
    BN_free(number);
    return good;
}

int private_key_public_p384(const struct private_key *key, struct p384_key *out, struct error *err)
{
    char group[32];
    EVP_PKEY *pkey = pkey_of(key);
    bool good = EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group,
                                               sizeof group, NULL) == 1 &&
                strcmp(group, SN_secp384r1) == 0 &&
                coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_X, out->x) &&
                coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, out->y);
    ERR_clear_error();
    return good ? 0 : error_set(err, ERROR_INVALID, "this key is not one on the curve P-384");
}

static bool sign_ecdsa(const struct private_key *key, struct span digest, size_t number_size,
                       uint8_t *r, uint8_t *s)
{
    uint8_t der[128];
    size_t size = sizeof der;
    int want = (int)number_size;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey_of(key), NULL);
    bool good = ctx && EVP_PKEY_sign_init(ctx) == 1 &&
                EVP_PKEY_get_bits(pkey_of(key)) == 8 * want &&
                EVP_PKEY_sign(ctx, der, &size, digest.data, digest.size) == 1;
    EVP_PKEY_CTX_free(ctx);
    const unsigned char *at = der;
    ECDSA_SIG *signature = good ? d2i_ECDSA_SIG(NULL, &at, (long)size) : NULL;
    good = signature && BN_bn2binpad(ECDSA_SIG_get0_r(signature), r, want) == want &&
           BN_bn2binpad(ECDSA_SIG_get0_s(signature), s, want) == want;
    ECDSA_SIG_free(signature);
    ERR_clear_error();
    return good;
}

int private_key_sign_p384(const struct private_key *key, const uint8_t digest[SHA384_SIZE],
                          uint8_t r[P384_SIZE], uint8_t s[P384_SIZE], struct error *err)
{
    return sign_ecdsa(key, span_of(digest, SHA384_SIZE), P384_SIZE, r, s)
               ? 0
               : error_set(err, ERROR_INVALID, "this key can't sign with ECDSA on P-384");
}

int private_key_sign_p256(const struct private_key *key, const uint8_t digest[SHA256_SIZE],
                          uint8_t signature[P256_SIGNATURE_SIZE], struct error *err)
{
    return sign_ecdsa(key, span_of(digest, SHA256_SIZE), P256_SIZE, signature,
                      signature + P256_SIZE)
               ? 0
               : error_set(err, ERROR_INVALID, "this key can't sign with ECDSA on P-256");
}

int private_key_point_p256(const struct private_key *key, uint8_t point[P256_POINT_SIZE],
                           struct error *err)
{
    uint8_t encoded[1 + P256_POINT_SIZE];
    size_t size = 0;
    int good = EVP_PKEY_get_octet_string_param(pkey_of(key), OSSL_PKEY_PARAM_PUB_KEY, encoded,
                                               sizeof encoded, &size);
    ERR_clear_error();
    if (good != 1 || size != sizeof encoded)
        return error_set(err, ERROR_INVALID, "this key is not on P-256");
    memcpy(point, encoded + 1, P256_POINT_SIZE);
    return 0;
}

static bool set_name(X509_NAME *name, const char *common_name)
{
    return X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8,
                                      (const unsigned char *)ORGANIZATION, -1, -1, 0) == 1 &&
           X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)common_name, -1, -1, 0) == 1;
}

static bool add_known(X509 *x509, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    bool good = extension && X509_add_ext(x509, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

static bool add_extension(X509 *x509, const struct issue_extension *wanted)
{
    ASN1_OBJECT *object = OBJ_txt2obj(wanted->oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = NULL;
    bool good = object && value && wanted->value.size <= CERTIFICATE_DER_MAX &&
                ASN1_OCTET_STRING_set(value, wanted->value.data, (int)wanted->value.size) == 1;
    if (good)
        extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value);
    good = extension && X509_add_ext(x509, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
    return good;
}

static bool fill(X509 *x509, const struct issue_request *request, EVP_PKEY *subject_key)
{
    if (X509_set_version(x509, X509_VERSION_3) != 1 ||
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), request->serial) != 1 ||
        !set_name(X509_get_subject_name(x509), request->subject) ||
        !set_name(X509_get_issuer_name(x509), request->issuer) ||
        !ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)request->not_before) ||
        !ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)request->not_after) ||
        X509_set_pubkey(x509, subject_key) != 1)
        return false;
    if (request->is_ca && (!add_known(x509, NID_basic_constraints, "critical,CA:TRUE") ||
                           !add_known(x509, NID_key_usage, "critical,keyCertSign,cRLSign")))
        return false;
    for (size_t i = 0; i < request->extension_count; i++) {
        if (!add_extension(x509, &request->extensions[i]))
            return false;
    }
    return true;
}

/* Certificates and lists are signed alike: the context says how, by the kind of the key. */
static const EVP_MD *hash_for(const EVP_PKEY *key, bool pkcs1)
{
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
        return pkcs1 ? EVP_sha256() : EVP_sha384();
    return EVP_PKEY_get_bits(key) == 384 ? EVP_sha384() : EVP_sha256();
}

static EVP_MD_CTX *new_signature(EVP_PKEY *key, bool pkcs1)
{
    bool is_pss = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && !pkcs1;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    bool good = ctx && EVP_DigestSignInit(ctx, &pctx, hash_for(key, pkcs1), NULL, key) == 1;
    if (good && is_pss)
        good = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, SHA384_SIZE) == 1;
    if (good)
        return ctx;
    EVP_MD_CTX_free(ctx);
    return NULL;
}

static bool sign(X509 *x509, EVP_PKEY *issuer_key, bool pkcs1)
{
    EVP_MD_CTX *ctx = new_signature(issuer_key, pkcs1);
    bool good = ctx && X509_sign_ctx(x509, ctx) > 0;
    EVP_MD_CTX_free(ctx);
    return good;
}

int certificate_issue(const struct issue_request *request, const struct private_key *subject_key,
                      const struct private_key *issuer_key, struct buf *der, struct error *err)
{
    X509 *x509 = X509_new();
    unsigned char *bytes = NULL;
    int size = -1;
    if (x509 && fill(x509, request, pkey_of(subject_key)) &&
        sign(x509, pkey_of(issuer_key), request->pkcs1))
        size = i2d_X509(x509, &bytes);
    X509_free(x509);
    ERR_clear_error();
    if (size < 0)
        return error_set(err, ERROR_INVALID, "OpenSSL could not make the certificate %s",
                         request->subject);
    int result = buf_append(der, span_of(bytes, (size_t)size), err);
    OPENSSL_free(bytes);
    return result;
}

static bool add_revoked(X509_CRL *crl, uint64_t serial, const ASN1_TIME *when)
{
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    bool good = revoked && number && ASN1_INTEGER_set_uint64(number, serial) == 1 &&
                X509_REVOKED_set_serialNumber(revoked, number) == 1 &&
                X509_REVOKED_set_revocationDate(revoked, (ASN1_TIME *)(uintptr_t)when) == 1 &&
                X509_CRL_add0_revoked(crl, revoked) == 1;
    ASN1_INTEGER_free(number);
    if (!good)
        X509_REVOKED_free(revoked);
    return good;
}

static bool fill_crl(X509_CRL *crl, const struct issue_crl_request *request)
{
    X509_NAME *name = X509_NAME_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)request->this_update);
    ASN1_TIME *to = ASN1_TIME_set(NULL, (time_t)request->next_update);
    bool good = name && from && to && set_name(name, request->issuer) &&
                X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
                X509_CRL_set_issuer_name(crl, name) == 1 &&
                X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, to) == 1;
    for (size_t i = 0; good && i < request->serial_count; i++)
        good = add_revoked(crl, request->serials[i], from);
    X509_NAME_free(name);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    return good;
}

int crl_issue(const struct issue_crl_request *request, const struct private_key *issuer_key,
              struct buf *der, struct error *err)
{
    X509_CRL *crl = X509_CRL_new();
    EVP_MD_CTX *ctx = new_signature(pkey_of(issuer_key), false);
    unsigned char *bytes = NULL;
    int size = -1;
    if (crl && ctx && fill_crl(crl, request) && X509_CRL_sign_ctx(crl, ctx) > 0)
        size = i2d_X509_CRL(crl, &bytes);
    EVP_MD_CTX_free(ctx);
    X509_CRL_free(crl);
    ERR_clear_error();
    if (size < 0)
        return error_set(err, ERROR_INVALID, "OpenSSL could not make the revocation list of %s",
                         request->issuer);
    int result = buf_append(der, span_of(bytes, (size_t)size), err);
    OPENSSL_free(bytes);
    return result;
}
