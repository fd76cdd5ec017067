#include "crypto/certificate.h"

#include "base/base64.h"
#include "crypto/ecdsa_key.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#define RSA_KEY_BITS 4096
#define PSS_SALT     48
#define PEM_BEGIN    "-----BEGIN CERTIFICATE-----\n"
#define PEM_END      "-----END CERTIFICATE-----\n"
#define PEM_LINE     64

struct certificate {
    X509 *x509;
    EVP_PKEY *key;             /* borrowed from x509 */
    unsigned char *public_key; /* OpenSSL's allocation */
    int public_key_size;
    uint8_t digest[SHA256_SIZE];
    char name[CERTIFICATE_NAME_MAX + 1];
};

struct crl {
    X509_CRL *x509;
};

static void read_name(struct certificate *certificate)
{
    const X509_NAME *name = X509_get_subject_name(certificate->x509);
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
        return;
    const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    struct span bytes = span_of(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
    if (bytes.size > CERTIFICATE_NAME_MAX)
        return;
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] < 0x20 || bytes.data[i] > 0x7e)
            return;
    }
    memcpy(certificate->name, bytes.data, bytes.size);
}

struct certificate *certificate_from_der(struct span der, struct error *err)
{
    if (der.size == 0 || der.size > CERTIFICATE_DER_MAX) {
        (void)error_set(err, ERROR_INVALID, "a certificate of %zu bytes; 1 to %d are allowed",
                        der.size, CERTIFICATE_DER_MAX);
        return NULL;
    }
    CERTIFICATE_AUTO *certificate = calloc(1, sizeof *certificate);
    if (!certificate) {
        (void)error_memory(err);
        return NULL;
    }
    const unsigned char *at = der.data;
    certificate->x509 = d2i_X509(NULL, &at, (long)der.size);
    if (certificate->x509)
        certificate->key = X509_get0_pubkey(certificate->x509);
    if (certificate->key)
        certificate->public_key_size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate->x509),
                                                       &certificate->public_key);
    ERR_clear_error();
    if (certificate->public_key_size <= 0 || at != der.data + der.size) {
        (void)error_set(err, ERROR_INVALID, "these %zu bytes are not one X.509 certificate in DER",
                        der.size);
        return NULL;
    }
    sha256_digest(der, certificate->digest);
    read_name(certificate);
    struct certificate *result = certificate;
    certificate = NULL;
    return result;
}

void certificate_free(struct certificate *certificate)
{
    if (!certificate)
        return;
    OPENSSL_free(certificate->public_key);
    X509_free(certificate->x509);
    free(certificate);
}

void certificate_cleanup(struct certificate **certificate)
{
    certificate_free(*certificate);
}

static struct span skip_line_breaks(struct span text)
{
    while (text.size > 0 && (text.data[0] == '\n' || text.data[0] == '\r'))
        text = span_of(text.data + 1, text.size - 1);
    return text;
}

static size_t line_length(struct span text)
{
    size_t len = 0;
    while (len < text.size && text.data[len] != '\n' && text.data[len] != '\r')
        len++;
    return len;
}

/* Line breaks are where the writer liked them; all else is strict base64. */
static int decode_body(struct span body, struct buf *der, struct error *err)
{
    BUF_AUTO digits = BUF_WITH_LIMIT(2 * CERTIFICATE_DER_MAX);
    for (body = skip_line_breaks(body); body.size > 0; body = skip_line_breaks(body)) {
        size_t len = line_length(body);
        if (buf_append(&digits, span_of(body.data, len), err) < 0)
            return error_context(err, "a PEM certificate");
        body = span_of(body.data + len, body.size - len);
    }
    if (base64_decode(buf_span(&digits), der, err) < 0)
        return error_context(err, "a PEM certificate");
    return 0;
}

int certificate_pem_next(struct span *pem, struct buf *der, struct error *err)
{
    struct span text = skip_line_breaks(*pem);
    const size_t begin = sizeof PEM_BEGIN - 2; /* without the line break: \r\n may follow */
    const size_t end = sizeof PEM_END - 2;
    if (text.size < begin || memcmp(text.data, PEM_BEGIN, begin) != 0)
        return error_set(err, ERROR_INVALID, "this text does not begin with %.27s", PEM_BEGIN);
    text = span_of(text.data + begin, text.size - begin);
    const uint8_t *stop = memmem(text.data, text.size, PEM_END, end);
    if (!stop)
        return error_set(err, ERROR_INVALID, "a PEM certificate has no %.25s", PEM_END);
    struct span body = span_of(text.data, (size_t)(stop - text.data));
    if (decode_body(body, der, err) < 0)
        return -1;
    *pem = skip_line_breaks(span_of(stop + end, text.size - body.size - end));
    return 0;
}

int certificate_der_to_pem(struct span der, struct buf *pem, struct error *err)
{
    BUF_AUTO digits = BUF_WITH_LIMIT(2 * CERTIFICATE_DER_MAX);
    if (base64_encode(der, &digits, err) < 0 || buf_append_text(pem, PEM_BEGIN, err) < 0)
        return -1;
    for (size_t at = 0; at < digits.size; at += PEM_LINE) {
        size_t size = digits.size - at < PEM_LINE ? digits.size - at : PEM_LINE;
        if (buf_append(pem, span_of(digits.data + at, size), err) < 0 ||
            buf_append_byte(pem, '\n', err) < 0)
            return -1;
    }
    return buf_append_text(pem, PEM_END, err);
}

void certificate_digest(const struct certificate *certificate, uint8_t out[SHA256_SIZE])
{
    memcpy(out, certificate->digest, SHA256_SIZE);
}

struct span certificate_public_key(const struct certificate *certificate)
{
    return span_of(certificate->public_key, (size_t)certificate->public_key_size);
}

const char *certificate_name(const struct certificate *certificate)
{
    return certificate->name;
}

/* ASN1_TIME_cmp_time_t() answers -2 for a time that it can't read: no comparison holds then. */
static bool is_between(const ASN1_TIME *from, const ASN1_TIME *to, int64_t time)
{
    int after_start = ASN1_TIME_cmp_time_t(from, (time_t)time);
    int before_end = ASN1_TIME_cmp_time_t(to, (time_t)time);
    return (after_start == -1 || after_start == 0) && (before_end == 0 || before_end == 1);
}

bool certificate_valid_at(const struct certificate *certificate, int64_t time)
{
    return is_between(X509_get0_notBefore(certificate->x509), X509_get0_notAfter(certificate->x509),
                      time);
}

static void write_time(const ASN1_TIME *time, char *out, size_t size)
{
    struct tm tm;
    if (!ASN1_TIME_to_tm(time, &tm) || strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        (void)snprintf(out, size, "?");
}

void certificate_validity(const struct certificate *certificate, char out[64])
{
    char from[24];
    char to[24];
    write_time(X509_get0_notBefore(certificate->x509), from, sizeof from);
    write_time(X509_get0_notAfter(certificate->x509), to, sizeof to);
    (void)snprintf(out, 64, "%s to %s", from, to);
}

bool certificate_extension(const struct certificate *certificate, const char *oid,
                           struct span *value)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    if (!object)
        return false;
    int at = X509_get_ext_by_OBJ(certificate->x509, object, -1);
    bool once = at >= 0 && X509_get_ext_by_OBJ(certificate->x509, object, at) < 0;
    ASN1_OBJECT_free(object);
    if (!once)
        return false;
    const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(X509_get_ext(certificate->x509, at));
    *value = span_of(ASN1_STRING_get0_data(data), (size_t)ASN1_STRING_length(data));
    return true;
}

static int refuse_critical(X509_EXTENSION *extension, struct error *err)
{
    char oid[128];
    OBJ_obj2txt(oid, sizeof oid, X509_EXTENSION_get_object(extension), 1);
    return error_set(err, ERROR_REFUSED, "the critical extension %s is not understood here", oid);
}

int certificate_check_critical(const struct certificate *certificate, struct error *err)
{
    int count = X509_get_ext_count(certificate->x509);
    for (int i = 0; i < count; i++) {
        X509_EXTENSION *extension = X509_get_ext(certificate->x509, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (X509_EXTENSION_get_critical(extension) && nid != NID_basic_constraints &&
            nid != NID_key_usage)
            return refuse_critical(extension, err);
    }
    return 0;
}

int certificate_check_ca(const struct certificate *certificate, struct error *err)
{
    /* 1: a version 3 certificate whose basicConstraints say CA; all else that the function may
     * answer is leniency to old certificates. */
    if (X509_check_ca(certificate->x509) != 1)
        return error_set(err, ERROR_REFUSED, "%s is not a certificate authority",
                         certificate->name);
    if (!(X509_get_key_usage(certificate->x509) & KU_KEY_CERT_SIGN))
        return error_set(err, ERROR_REFUSED, "the key of %s may not sign certificates",
                         certificate->name);
    return 0;
}

static bool algorithm_is(const X509_ALGOR *algorithm, int nid)
{
    const ASN1_OBJECT *object = NULL;
    if (!algorithm)
        return false;
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    return OBJ_obj2nid(object) == nid;
}

/* RFC 4055 section 3.1: the defaults (SHA-1) are not ours, so each field must be there. */
static bool is_pss_sha384(const X509_ALGOR *algorithm)
{
    if (!algorithm_is(algorithm, NID_rsassaPss))
        return false;
    int type = 0;
    const void *value = NULL;
    X509_ALGOR_get0(NULL, &type, &value, algorithm);
    if (type != V_ASN1_SEQUENCE)
        return false;
    RSA_PSS_PARAMS *params = ASN1_item_unpack(value, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
    if (!params)
        return false;
    X509_ALGOR *mask_hash = NULL;
    if (algorithm_is(params->maskGenAlgorithm, NID_mgf1) && params->maskGenAlgorithm->parameter &&
        params->maskGenAlgorithm->parameter->type == V_ASN1_SEQUENCE)
        mask_hash = ASN1_item_unpack(params->maskGenAlgorithm->parameter->value.sequence,
                                     ASN1_ITEM_rptr(X509_ALGOR));
    bool good = algorithm_is(params->hashAlgorithm, NID_sha384) &&
                algorithm_is(mask_hash, NID_sha384) && params->saltLength &&
                ASN1_INTEGER_get(params->saltLength) == PSS_SALT &&
                (!params->trailerField || ASN1_INTEGER_get(params->trailerField) == 1);
    X509_ALGOR_free(mask_hash);
    RSA_PSS_PARAMS_free(params);
    return good;
}

static bool key_is_on(const EVP_PKEY *key, const char *curve)
{
    char group[32];
    size_t len = 0;
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(key, group, sizeof group, &len) == 1 &&
           strcmp(group, curve) == 0;
}

static const struct scheme {
    enum certificate_scheme scheme;
    int algorithm;          /* of the signature; RSASSA-PSS has its rule in is_pss_sha384() */
    const char *curve;      /* NULL for RSA */
    int bits_min, bits_max; /* of an RSA key */
    const char *name;
} schemes[] = {
    {SIGNED_PSS_SHA384, NID_rsassaPss, NULL, RSA_KEY_BITS, RSA_KEY_BITS,
     "RSASSA-PSS with SHA-384 and 48 bytes of salt"},
    {SIGNED_ECDSA_P256_SHA256, NID_ecdsa_with_SHA256, SN_X9_62_prime256v1, 0, 0,
     "ECDSA on P-256 with SHA-256"},
    {SIGNED_ECDSA_P384_SHA384, NID_ecdsa_with_SHA384, SN_secp384r1, 0, 0,
     "ECDSA on P-384 with SHA-384"},
    {SIGNED_RSA_SHA256, NID_sha256WithRSAEncryption, NULL, 2048, 8192, "RSA with SHA-256"},
    {SIGNED_RSA_SHA384, NID_sha384WithRSAEncryption, NULL, 2048, 8192, "RSA with SHA-384"},
    {SIGNED_RSA_SHA512, NID_sha512WithRSAEncryption, NULL, 2048, 8192, "RSA with SHA-512"},
};
#define SCHEME_COUNT (sizeof schemes / sizeof *schemes)

/* The accepted scheme of this algorithm, or NULL. */
static const struct scheme *find_scheme(const X509_ALGOR *algorithm, unsigned accepted)
{
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        if ((schemes[i].scheme & accepted) && algorithm_is(algorithm, schemes[i].algorithm))
            return schemes[i].scheme != SIGNED_PSS_SHA384 || is_pss_sha384(algorithm) ? &schemes[i]
                                                                                      : NULL;
    }
    return NULL;
}

/* Names the one scheme that is accepted, or says that it is none of several. */
static int refuse_scheme(unsigned accepted, struct error *err)
{
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        if (accepted == (unsigned)schemes[i].scheme)
            return error_set(err, ERROR_REFUSED, "it is not signed by %s", schemes[i].name);
    }
    return error_set(err, ERROR_REFUSED, "it is signed by an algorithm that is not accepted here");
}

static int check_signer_key(const struct scheme *scheme, const struct certificate *issuer,
                            struct error *err)
{
    int bits = EVP_PKEY_get_bits(issuer->key);
    if (scheme->curve)
        return key_is_on(issuer->key, scheme->curve)
                   ? 0
                   : error_set(err, ERROR_REFUSED, "the key of %s is not on the curve of %s",
                               issuer->name, scheme->name);
    if (EVP_PKEY_get_base_id(issuer->key) != EVP_PKEY_RSA || bits < scheme->bits_min ||
        bits > scheme->bits_max)
        return error_set(err, ERROR_REFUSED, "the key of %s is not RSA of %d to %d bits",
                         issuer->name, scheme->bits_min, scheme->bits_max);
    return 0;
}

static int check_signer(const X509_ALGOR *algorithm, const X509_NAME *named,
                        const struct certificate *issuer, unsigned accepted, struct error *err)
{
    if (X509_NAME_cmp(named, X509_get_subject_name(issuer->x509)) != 0)
        return error_set(err, ERROR_REFUSED, "it names another issuer than %s", issuer->name);
    const struct scheme *scheme = find_scheme(algorithm, accepted);
    return scheme ? check_signer_key(scheme, issuer, err) : refuse_scheme(accepted, err);
}

bool certificate_names_issuer(const struct certificate *certificate,
                              const struct certificate *issuer)
{
    return X509_NAME_cmp(X509_get_issuer_name(certificate->x509),
                         X509_get_subject_name(issuer->x509)) == 0;
}

int certificate_check_signed(const struct certificate *certificate,
                             const struct certificate *issuer, unsigned accepted, struct error *err)
{
    const X509_ALGOR *algorithm = NULL;
    X509_get0_signature(NULL, &algorithm, certificate->x509);
    if (check_signer(algorithm, X509_get_issuer_name(certificate->x509), issuer, accepted, err) < 0)
        return -1;
    int good = X509_verify(certificate->x509, issuer->key);
    ERR_clear_error();
    if (good != 1)
        return error_set(err, ERROR_REFUSED,
                         "the signature on %s does not hold under the key of %s", certificate->name,
                         issuer->name);
    return 0;
}

static int check_ecdsa(const struct certificate *certificate, struct span digest, struct span r,
                       struct span s, struct error *err)
{
    if (!ecdsa_holds(certificate->key, digest, r, s))
        return error_set(err, ERROR_REFUSED, "the signature does not hold under the key of %s",
                         certificate->name);
    return 0;
}

int certificate_check_ecdsa_p384(const struct certificate *certificate,
                                 const uint8_t digest[SHA384_SIZE], const uint8_t r[P384_SIZE],
                                 const uint8_t s[P384_SIZE], struct error *err)
{
    if (!key_is_on(certificate->key, SN_secp384r1))
        return error_set(err, ERROR_REFUSED, "the key of %s is not on the curve P-384",
                         certificate->name);
    return check_ecdsa(certificate, span_of(digest, SHA384_SIZE), span_of(r, P384_SIZE),
                       span_of(s, P384_SIZE), err);
}

int certificate_check_ecdsa_p256(const struct certificate *certificate,
                                 const uint8_t digest[SHA256_SIZE],
                                 const uint8_t signature[P256_SIGNATURE_SIZE], struct error *err)
{
    if (!key_is_on(certificate->key, SN_X9_62_prime256v1))
        return error_set(err, ERROR_REFUSED, "the key of %s is not on the curve P-256",
                         certificate->name);
    return check_ecdsa(certificate, span_of(digest, SHA256_SIZE), span_of(signature, P256_SIZE),
                       span_of(signature + P256_SIZE, P256_SIZE), err);
}

struct crl *crl_from_der(struct span der, struct error *err)
{
    if (der.size == 0 || der.size > CRL_DER_MAX) {
        (void)error_set(err, ERROR_INVALID, "a revocation list of %zu bytes; 1 to %d are allowed",
                        der.size, CRL_DER_MAX);
        return NULL;
    }
    struct crl *crl = calloc(1, sizeof *crl);
    if (!crl) {
        (void)error_memory(err);
        return NULL;
    }
    const unsigned char *at = der.data;
    crl->x509 = d2i_X509_CRL(NULL, &at, (long)der.size);
    ERR_clear_error();
    if (!crl->x509 || at != der.data + der.size) {
        crl_free(crl);
        (void)error_set(err, ERROR_INVALID,
                        "these %zu bytes are not one certificate revocation list in DER", der.size);
        return NULL;
    }
    return crl;
}

void crl_free(struct crl *crl)
{
    if (!crl)
        return;
    X509_CRL_free(crl->x509);
    free(crl);
}

void crl_cleanup(struct crl **crl)
{
    crl_free(*crl);
}

int crl_check_signed(const struct crl *crl, const struct certificate *issuer, unsigned accepted,
                     struct error *err)
{
    const X509_ALGOR *algorithm = NULL;
    X509_CRL_get0_signature(crl->x509, NULL, &algorithm);
    if (check_signer(algorithm, X509_CRL_get_issuer(crl->x509), issuer, accepted, err) < 0)
        return -1;
    int count = X509_CRL_get_ext_count(crl->x509);
    for (int i = 0; i < count; i++) {
        X509_EXTENSION *extension = X509_CRL_get_ext(crl->x509, i);
        if (X509_EXTENSION_get_critical(extension))
            return refuse_critical(extension, err);
    }
    int good = X509_CRL_verify(crl->x509, issuer->key);
    ERR_clear_error();
    if (good != 1)
        return error_set(err, ERROR_REFUSED, "its signature does not hold under the key of %s",
                         issuer->name);
    return 0;
}

bool crl_current_at(const struct crl *crl, int64_t time)
{
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl->x509);
    return next && is_between(X509_CRL_get0_lastUpdate(crl->x509), next, time);
}

bool crl_lists(const struct crl *crl, const struct certificate *certificate)
{
    /* The list of revoked serials alone: an entry may say "removeFromCRL" only in a delta list,
     * whose marker is critical and refused above. */
    const STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(crl->x509);
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate->x509);
    for (int i = 0; i < sk_X509_REVOKED_num(revoked); i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(revoked, i);
        if (ASN1_INTEGER_cmp(X509_REVOKED_get0_serialNumber(entry), serial) == 0)
            return true;
    }
    return false;
}
