/* Signatures over messages by private keys: the other side of signature.c. The guest never links
 * this. */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

#include "crypto/issue.h"

#define SIGNATURE_MAX (SIGNATURE_RSA_BITS_MAX / 8)

static const struct rule {
    enum signature_scheme scheme;
    const char *hash;
    const char *curve; /* NULL for RSA */
    int scalar_size;
    int padding; /* of RSA */
    bool usual;  /* for keys of this kind */
} rules[] = {
    {SIGNATURE_ES256, "SHA256", SN_X9_62_prime256v1, 32, 0, true},
    {SIGNATURE_ES384, "SHA384", SN_secp384r1, 48, 0, true},
    {SIGNATURE_ES512, "SHA512", SN_secp521r1, 66, 0, true},
    {SIGNATURE_PS384, "SHA384", NULL, 0, RSA_PKCS1_PSS_PADDING, true},
    {SIGNATURE_PS256, "SHA256", NULL, 0, RSA_PKCS1_PSS_PADDING, false},
    {SIGNATURE_PS512, "SHA512", NULL, 0, RSA_PKCS1_PSS_PADDING, false},
    {SIGNATURE_RS256, "SHA256", NULL, 0, RSA_PKCS1_PADDING, false},
    {SIGNATURE_RS384, "SHA384", NULL, 0, RSA_PKCS1_PADDING, false},
    {SIGNATURE_RS512, "SHA512", NULL, 0, RSA_PKCS1_PADDING, false},
};

static bool fits(EVP_PKEY *pkey, const struct rule *rule)
{
    char group[32];
    size_t len = 0;
    int bits = EVP_PKEY_get_bits(pkey);
    if (!rule->curve)
        return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA && bits >= SIGNATURE_RSA_BITS_MIN &&
               bits <= SIGNATURE_RSA_BITS_MAX;
    return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(pkey, group, sizeof group, &len) == 1 &&
           strcmp(group, rule->curve) == 0;
}

bool private_key_scheme(const struct private_key *key, enum signature_scheme *out)
{
    EVP_PKEY *pkey = (EVP_PKEY *)(uintptr_t)key;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].usual && fits(pkey, &rules[i])) {
            *out = rules[i].scheme;
            return true;
        }
    }
    return false;
}

static bool set_padding(EVP_PKEY_CTX *ctx, int padding)
{
    return EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1 &&
           (padding != RSA_PKCS1_PSS_PADDING ||
            EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
}

static bool sign_message(EVP_PKEY *pkey, const struct rule *rule, struct span message, uint8_t *out,
                         size_t *size)
{
    EVP_PKEY_CTX *key_ctx = NULL; /* belongs to ctx */
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx &&
                EVP_DigestSignInit_ex(ctx, &key_ctx, rule->hash, NULL, NULL, pkey, NULL) == 1 &&
                (rule->curve || set_padding(key_ctx, rule->padding)) &&
                EVP_DigestSign(ctx, out, size, message.data, message.size) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

/* SEQUENCE { INTEGER, INTEGER } becomes r ‖ s. */
static bool flatten(const struct rule *rule, uint8_t *signature, size_t *size)
{
    const unsigned char *at = signature;
    ECDSA_SIG *numbers = d2i_ECDSA_SIG(NULL, &at, (long)*size);
    int want = rule->scalar_size;
    bool good = numbers && BN_bn2binpad(ECDSA_SIG_get0_r(numbers), signature, want) == want &&
                BN_bn2binpad(ECDSA_SIG_get0_s(numbers), signature + want, want) == want;
    ECDSA_SIG_free(numbers);
    *size = 2 * (size_t)want;
    return good;
}

int private_key_sign(const struct private_key *key, enum signature_scheme scheme,
                     struct span message, struct buf *out, struct error *err)
{
    uint8_t signature[SIGNATURE_MAX];
    size_t size = sizeof signature;
    EVP_PKEY *pkey = (EVP_PKEY *)(uintptr_t)key;
    size_t i = 0;
    while (i < sizeof rules / sizeof *rules && rules[i].scheme != scheme)
        i++;
    if (i == sizeof rules / sizeof *rules || !fits(pkey, &rules[i]))
        return error_set(err, ERROR_INVALID, "the key is not of the kind that this scheme wants");
    if (!sign_message(pkey, &rules[i], message, signature, &size) ||
        (rules[i].curve && !flatten(&rules[i], signature, &size)))
        return error_set(err, ERROR_UNAVAILABLE, "OpenSSL could not sign");
    return buf_append(out, span_of(signature, size), err);
}
