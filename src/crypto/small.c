/*
 * crypto/certificate.h, certificate_match.h and signature.h once more, as far as a policy fragment
 * is verified by them, on Mbed TLS: for the guest, where OpenSSL's public-key code, which pulls in
 * all of its providers, would be more than everything else. Linked in place of those files, never
 * beside them; the tests of signed fragments run with either.
 *
 * Narrower than they are: of a did:x509 eku and subject are known, san is not.
 */
#include <mbedtls/ecdsa.h>
#include <mbedtls/oid.h>
#include <mbedtls/rsa.h>
#include <mbedtls/x509_crt.h>
#include <stdlib.h>

#include "crypto/certificate.h"
#include "crypto/certificate_match.h"
#include "crypto/signature.h"

#define HASH_MAX 64

struct certificate {
    mbedtls_x509_crt x509;
};

struct public_key {
    mbedtls_pk_context pk;
};

/* --- certificates ----------------------------------------------------------------------------- */

/* Mbed TLS refuses critical extensions that it does not know, and an extension that is there twice.
 */
struct certificate *certificate_from_der(struct span der, struct error *err)
{
    struct certificate *certificate = calloc(1, sizeof *certificate);
    if (!certificate) {
        (void)error_memory(err);
        return NULL;
    }
    mbedtls_x509_crt_init(&certificate->x509);
    int result = der.size <= CERTIFICATE_DER_MAX
                     ? mbedtls_x509_crt_parse_der(&certificate->x509, der.data, der.size)
                     : -1;
    if (result == 0 && certificate->x509.raw.len == der.size)
        return certificate;
    certificate_free(certificate);
    (void)error_set(err, ERROR_INVALID, "these %zu bytes are not one certificate in DER (-0x%x)",
                    der.size, (unsigned int)-result);
    return NULL;
}

void certificate_free(struct certificate *certificate)
{
    if (!certificate)
        return;
    mbedtls_x509_crt_free(&certificate->x509);
    free(certificate);
}

void certificate_cleanup(struct certificate **certificate)
{
    certificate_free(*certificate);
}

struct span certificate_public_key(const struct certificate *certificate)
{
    return span_of(certificate->x509.pk_raw.p, certificate->x509.pk_raw.len);
}

int certificate_check_critical(const struct certificate *certificate, struct error *err)
{
    (void)certificate;
    (void)err;
    return 0;
}

static bool may(const mbedtls_x509_crt *x509, unsigned int usage)
{
    return !(x509->ext_types & MBEDTLS_X509_EXT_KEY_USAGE) || (x509->key_usage & usage) == usage;
}

int certificate_check_ca(const struct certificate *certificate, struct error *err)
{
    const mbedtls_x509_crt *x509 = &certificate->x509;
    if (!x509->ca_istrue || !may(x509, MBEDTLS_X509_KU_KEY_CERT_SIGN))
        return error_set(err, ERROR_REFUSED, "a certificate that signed another is no authority's");
    return 0;
}

/* --- signatures ------------------------------------------------------------------------------- */

enum kind { ECDSA, RSA_PSS, RSA_PKCS1 };

static const struct rule {
    enum signature_scheme scheme;
    enum certificate_scheme certificate; /* 0: no certificate is signed by it */
    enum kind kind;
    mbedtls_md_type_t hash;
    mbedtls_ecp_group_id curve;
} rules[] = {
    {SIGNATURE_ES256, SIGNED_ECDSA_P256_SHA256, ECDSA, MBEDTLS_MD_SHA256, MBEDTLS_ECP_DP_SECP256R1},
    {SIGNATURE_ES384, SIGNED_ECDSA_P384_SHA384, ECDSA, MBEDTLS_MD_SHA384, MBEDTLS_ECP_DP_SECP384R1},
    {SIGNATURE_ES512, 0, ECDSA, MBEDTLS_MD_SHA512, MBEDTLS_ECP_DP_SECP521R1},
    {SIGNATURE_PS256, 0, RSA_PSS, MBEDTLS_MD_SHA256, MBEDTLS_ECP_DP_NONE},
    {SIGNATURE_PS384, 0, RSA_PSS, MBEDTLS_MD_SHA384, MBEDTLS_ECP_DP_NONE},
    {SIGNATURE_PS512, 0, RSA_PSS, MBEDTLS_MD_SHA512, MBEDTLS_ECP_DP_NONE},
    {SIGNATURE_RS256, SIGNED_RSA_SHA256, RSA_PKCS1, MBEDTLS_MD_SHA256, MBEDTLS_ECP_DP_NONE},
    {SIGNATURE_RS384, SIGNED_RSA_SHA384, RSA_PKCS1, MBEDTLS_MD_SHA384, MBEDTLS_ECP_DP_NONE},
    {SIGNATURE_RS512, SIGNED_RSA_SHA512, RSA_PKCS1, MBEDTLS_MD_SHA512, MBEDTLS_ECP_DP_NONE},
};
#define RULE_COUNT (sizeof rules / sizeof *rules)

static bool fits(const mbedtls_pk_context *pk, const struct rule *rule)
{
    size_t bits = mbedtls_pk_get_bitlen(pk);
    if (rule->kind == ECDSA)
        return mbedtls_pk_can_do(pk, MBEDTLS_PK_ECKEY) && mbedtls_pk_ec(*pk)->grp.id == rule->curve;
    return mbedtls_pk_can_do(pk, MBEDTLS_PK_RSA) && bits >= SIGNATURE_RSA_BITS_MIN &&
           bits <= SIGNATURE_RSA_BITS_MAX;
}

/* r ‖ s, each as long as the curve's order. */
static int check_ecdsa(mbedtls_ecp_keypair *key, struct span digest, struct span signature)
{
    mbedtls_mpi r, s;
    size_t half = (key->grp.nbits + 7) / 8;
    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&s);
    int result = signature.size == 2 * half &&
                         mbedtls_mpi_read_binary(&r, signature.data, half) == 0 &&
                         mbedtls_mpi_read_binary(&s, signature.data + half, half) == 0
                     ? mbedtls_ecdsa_verify(&key->grp, digest.data, digest.size, &key->Q, &r, &s)
                     : -1;
    mbedtls_mpi_free(&r);
    mbedtls_mpi_free(&s);
    return result;
}

static int check_rsa(mbedtls_pk_context *pk, const struct rule *rule, struct span digest,
                     struct span signature)
{
    const mbedtls_pk_rsassa_pss_options options = {.mgf1_hash_id = rule->hash,
                                                   .expected_salt_len = (int)digest.size};
    bool pss = rule->kind == RSA_PSS;
    return mbedtls_pk_verify_ext(pss ? MBEDTLS_PK_RSASSA_PSS : MBEDTLS_PK_RSA,
                                 pss ? &options : NULL, pk, rule->hash, digest.data, digest.size,
                                 signature.data, signature.size);
}

struct public_key *public_key_from_spki(struct span der, struct error *err)
{
    unsigned char *at = (unsigned char *)(uintptr_t)der.data;
    struct public_key *key = calloc(1, sizeof *key);
    if (!key) {
        (void)error_memory(err);
        return NULL;
    }
    mbedtls_pk_init(&key->pk);
    if (der.size > 0 && mbedtls_pk_parse_subpubkey(&at, der.data + der.size, &key->pk) == 0 &&
        at == der.data + der.size)
        return key;
    public_key_free(key);
    (void)error_set(err, ERROR_INVALID, "these %zu bytes are not one public key in DER", der.size);
    return NULL;
}

void public_key_free(struct public_key *key)
{
    if (!key)
        return;
    mbedtls_pk_free(&key->pk);
    free(key);
}

void public_key_cleanup(struct public_key **key)
{
    public_key_free(*key);
}

int public_key_check(const struct public_key *key, enum signature_scheme scheme,
                     struct span message, struct span signature, struct error *err)
{
    uint8_t hash[HASH_MAX];
    mbedtls_pk_context pk = key->pk;
    size_t i = 0;
    while (i < RULE_COUNT && rules[i].scheme != scheme)
        i++;
    if (i == RULE_COUNT || !fits(&pk, &rules[i]))
        return error_set(err, ERROR_REFUSED, "the key is not of this scheme's kind or size");
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(rules[i].hash);
    struct span digest = span_of(hash, mbedtls_md_get_size(info));
    if (mbedtls_md(info, message.data, message.size, hash) != 0 ||
        (rules[i].kind == ECDSA ? check_ecdsa(mbedtls_pk_ec(pk), digest, signature)
                                : check_rsa(&pk, &rules[i], digest, signature)) != 0)
        return error_set(err, ERROR_REFUSED, "the signature does not hold under the key");
    return 0;
}

int certificate_check_signed(const struct certificate *certificate,
                             const struct certificate *issuer, unsigned accepted, struct error *err)
{
    uint8_t hash[HASH_MAX];
    const mbedtls_x509_crt *x509 = &certificate->x509;
    mbedtls_pk_context pk = issuer->x509.pk;
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(x509->sig_md);
    if (!span_equal(span_of(x509->issuer_raw.p, x509->issuer_raw.len),
                    span_of(issuer->x509.subject_raw.p, issuer->x509.subject_raw.len)))
        return error_set(err, ERROR_REFUSED, "a certificate names another issuer");
    bool good = false;
    for (size_t i = 0; i < RULE_COUNT && info; i++) {
        const struct rule *rule = &rules[i];
        bool ec = x509->sig_pk == MBEDTLS_PK_ECDSA;
        if (!(rule->certificate & accepted) || rule->hash != x509->sig_md ||
            ec != (rule->kind == ECDSA) || (!ec && x509->sig_pk != MBEDTLS_PK_RSA) ||
            !fits(&pk, rule))
            continue;
        good = mbedtls_md(info, x509->tbs.p, x509->tbs.len, hash) == 0 &&
               mbedtls_pk_verify(&pk, x509->sig_md, hash, mbedtls_md_get_size(info), x509->sig.p,
                                 x509->sig.len) == 0;
        break;
    }
    return good ? 0
                : error_set(err, ERROR_REFUSED,
                            "a certificate is not signed by the next, or by a scheme that is not "
                            "accepted");
}

/* --- what a certificate says --------------------------------------------------------------------
 */

/* ERROR_REFUSED where the DER is no certificate any more; it was one when the chain was read. */
#define PARSE_OR_FAIL(name, der, err)                                                              \
    CERTIFICATE_AUTO *name = certificate_from_der(der, err);                                       \
    if (!name)                                                                                     \
    return -1

int certificate_match_eku(struct span der, const char *oid, struct error *err)
{
    char text[128];
    PARSE_OR_FAIL(certificate, der, err);
    if (certificate->x509.ext_types & MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE) {
        const mbedtls_x509_sequence *item = &certificate->x509.ext_key_usage;
        for (; item; item = item->next) {
            if (mbedtls_oid_get_numeric_string(text, sizeof text, &item->buf) > 0 &&
                strcmp(text, oid) == 0)
                return 0;
        }
    }
    return error_set(err, ERROR_REFUSED, "the certificate is not for the use %s", oid);
}

/* RFC 4514's labels that did:x509 knows; all else is a dotted OID. */
static const char *attribute_oid(const char *attribute)
{
    static const char *const labels[][2] = {
        {"CN", "2.5.4.3"},  {"L", "2.5.4.7"}, {"ST", "2.5.4.8"},    {"O", "2.5.4.10"},
        {"OU", "2.5.4.11"}, {"C", "2.5.4.6"}, {"STREET", "2.5.4.9"}};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        if (strcmp(labels[i][0], attribute) == 0)
            return labels[i][1];
    }
    return attribute;
}

/* Values are compared as they stand: of the two-byte string types none equals UTF-8. */
int certificate_match_subject(struct span der, const char *attribute, struct span value,
                              struct error *err)
{
    char text[128];
    size_t found = 0;
    bool same = false;
    PARSE_OR_FAIL(certificate, der, err);
    for (const mbedtls_x509_name *item = &certificate->x509.subject; item; item = item->next) {
        if (mbedtls_oid_get_numeric_string(text, sizeof text, &item->oid) <= 0 ||
            strcmp(text, attribute_oid(attribute)) != 0)
            continue;
        found++;
        same = span_equal(span_of(item->val.p, item->val.len), value);
    }
    if (found != 1 || !same)
        return error_set(err, ERROR_REFUSED,
                         "the certificate's subject does not have one %s with the value demanded",
                         attribute);
    return 0;
}

int certificate_match_san(struct span der, enum certificate_san kind, struct span value,
                          struct error *err)
{
    (void)der;
    (void)kind;
    (void)value;
    return error_set(err, ERROR_REFUSED,
                     "the guest knows no predicates on alternative names: use eku or subject");
}

int certificate_check_signer(struct span der, struct error *err)
{
    PARSE_OR_FAIL(certificate, der, err);
    if (certificate->x509.ca_istrue)
        return error_set(err, ERROR_REFUSED,
                         "the signer's certificate is an authority's: it signs certificates");
    return may(&certificate->x509, MBEDTLS_X509_KU_DIGITAL_SIGNATURE)
               ? 0
               : error_set(err, ERROR_REFUSED, "the signer's key may not sign messages");
}

int certificate_check_path_length(struct span der, size_t below, struct error *err)
{
    PARSE_OR_FAIL(certificate, der, err);
    int most = certificate->x509.max_pathlen; /* one more than it says; 0 where nothing is said */
    if (most > 0 && below > (size_t)most - 1)
        return error_set(err, ERROR_REFUSED,
                         "%zu authorities stand below one that allows %d (basicConstraints)", below,
                         most - 1);
    return 0;
}
