#include "crypto/signature.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define SPKI_MAX            4096
#define EXPONENT_MIN        65537
#define EXPONENT_MAX_SIZE   4
#define ECDSA_SCALAR_MAX    66 /* bytes of P-521's */
#define ECDSA_SIGNATURE_MAX 160

enum kind { ECDSA, RSA_PSS, RSA_PKCS1 };

static const struct rule {
    enum signature_scheme scheme;
    const char *name;
    enum kind kind;
    const char *hash;
    const char *curve;
    size_t scalar_size; /* of ECDSA's r and s */
} rules[] = {
    {SIGNATURE_ES256, "ES256", ECDSA, "SHA256", SN_X9_62_prime256v1, 32},
    {SIGNATURE_ES384, "ES384", ECDSA, "SHA384", SN_secp384r1, 48},
    {SIGNATURE_ES512, "ES512", ECDSA, "SHA512", SN_secp521r1, ECDSA_SCALAR_MAX},
    {SIGNATURE_PS256, "PS256", RSA_PSS, "SHA256", NULL, 0},
    {SIGNATURE_PS384, "PS384", RSA_PSS, "SHA384", NULL, 0},
    {SIGNATURE_PS512, "PS512", RSA_PSS, "SHA512", NULL, 0},
    {SIGNATURE_RS256, "RS256", RSA_PKCS1, "SHA256", NULL, 0},
    {SIGNATURE_RS384, "RS384", RSA_PKCS1, "SHA384", NULL, 0},
    {SIGNATURE_RS512, "RS512", RSA_PKCS1, "SHA512", NULL, 0},
};

static const struct rule *find_rule(enum signature_scheme scheme)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].scheme == scheme)
            return &rules[i];
    }
    return NULL;
}

const char *signature_scheme_name(enum signature_scheme scheme)
{
    const struct rule *rule = find_rule(scheme);
    return rule ? rule->name : NULL;
}

/* struct public_key is never defined: the pointer is OpenSSL's own. */
static EVP_PKEY *pkey_of(const struct public_key *key)
{
    return (EVP_PKEY *)(uintptr_t)key;
}

struct public_key *public_key_from_spki(struct span der, struct error *err)
{
    const unsigned char *at = der.data;
    EVP_PKEY *pkey = der.size > 0 && der.size <= SPKI_MAX ? d2i_PUBKEY(NULL, &at, (long)der.size)
                                                          : NULL;
    ERR_clear_error();
    if (pkey && at == der.data + der.size)
        return (struct public_key *)pkey;
    EVP_PKEY_free(pkey);
    (void)error_set(err, ERROR_INVALID, "these %zu bytes are not one public key in DER", der.size);
    return NULL;
}

static int check_rsa_numbers(struct span modulus, struct span exponent, struct error *err)
{
    uint64_t value = 0;
    while (modulus.size > 0 && modulus.data[0] == 0)
        modulus = span_of(modulus.data + 1, modulus.size - 1);
    /* Sizes in whole bytes: the first bit of a modulus is set. */
    if (modulus.size < SIGNATURE_RSA_BITS_MIN / 8 || modulus.size > SIGNATURE_RSA_BITS_MAX / 8 ||
        !(modulus.data[0] & 0x80) || !(modulus.data[modulus.size - 1] & 1))
        return error_set(err, ERROR_INVALID, "an RSA modulus must be odd and have %d to %d bits",
                         SIGNATURE_RSA_BITS_MIN, SIGNATURE_RSA_BITS_MAX);
    for (size_t i = 0; i < exponent.size && i < EXPONENT_MAX_SIZE; i++)
        value = value << 8 | exponent.data[i];
    if (exponent.size > EXPONENT_MAX_SIZE || value < EXPONENT_MIN || !(value & 1))
        return error_set(err, ERROR_INVALID,
                         "an RSA exponent must be odd, at least %d, of at most %d bytes",
                         EXPONENT_MIN, EXPONENT_MAX_SIZE);
    return 0;
}

static EVP_PKEY *make_rsa(OSSL_PARAM_BLD *builder, const BIGNUM *modulus, const BIGNUM *exponent)
{
    EVP_PKEY *pkey = NULL;
    if (OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) != 1)
        return NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    if (params && ctx && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return pkey;
}

struct public_key *public_key_from_rsa(struct span modulus, struct span exponent, struct error *err)
{
    EVP_PKEY *pkey = NULL;
    if (check_rsa_numbers(modulus, exponent, err) < 0)
        return NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(modulus.data, (int)modulus.size, NULL);
    BIGNUM *e = BN_bin2bn(exponent.data, (int)exponent.size, NULL);
    if (builder && n && e)
        pkey = make_rsa(builder, n, e);
    BN_free(n);
    BN_free(e);
    OSSL_PARAM_BLD_free(builder);
    ERR_clear_error();
    if (!pkey)
        (void)error_memory(err);
    return (struct public_key *)pkey;
}

void public_key_free(struct public_key *key)
{
    EVP_PKEY_free(pkey_of(key));
}

void public_key_cleanup(struct public_key **key)
{
    public_key_free(*key);
}

size_t public_key_rsa_size(const struct public_key *key)
{
    return EVP_PKEY_get_base_id(pkey_of(key)) == EVP_PKEY_RSA
               ? (size_t)EVP_PKEY_get_size(pkey_of(key))
               : 0;
}

static int check_key(EVP_PKEY *pkey, const struct rule *rule, struct error *err)
{
    char group[32];
    size_t len = 0;
    int bits = EVP_PKEY_get_bits(pkey);
    if (rule->kind == ECDSA) {
        if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_EC ||
            EVP_PKEY_get_group_name(pkey, group, sizeof group, &len) != 1 ||
            strcmp(group, rule->curve) != 0)
            return error_set(err, ERROR_REFUSED, "the key is not on the curve of %s, %s",
                             rule->name, rule->curve);
        return 0;
    }
    if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA || bits < SIGNATURE_RSA_BITS_MIN ||
        bits > SIGNATURE_RSA_BITS_MAX)
        return error_set(err, ERROR_REFUSED,
                         "the key is not an RSA key of %d to %d bits, as %s wants",
                         SIGNATURE_RSA_BITS_MIN, SIGNATURE_RSA_BITS_MAX, rule->name);
    return 0;
}

/* r ‖ s becomes SEQUENCE { INTEGER, INTEGER }; -1 for another size, or without memory. */
static int encode_ecdsa(const struct rule *rule, struct span signature,
                        uint8_t der[ECDSA_SIGNATURE_MAX])
{
    if (signature.size != 2 * rule->scalar_size)
        return -1;
    ECDSA_SIG *numbers = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature.data, (int)rule->scalar_size, NULL);
    BIGNUM *s = BN_bin2bn(signature.data + rule->scalar_size, (int)rule->scalar_size, NULL);
    if (!numbers || !r || !s || ECDSA_SIG_set0(numbers, r, s) != 1) {
        ECDSA_SIG_free(numbers);
        BN_free(r);
        BN_free(s);
        return -1;
    }
    unsigned char *at = der;
    int size = i2d_ECDSA_SIG(numbers, &at);
    ECDSA_SIG_free(numbers);
    return size;
}

static bool set_padding(EVP_PKEY_CTX *ctx, enum kind kind)
{
    if (kind == ECDSA)
        return true;
    if (kind == RSA_PKCS1)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool holds(EVP_PKEY *pkey, const struct rule *rule, struct span message,
                  struct span signature)
{
    EVP_PKEY_CTX *key_ctx = NULL; /* belongs to ctx */
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx &&
                EVP_DigestVerifyInit_ex(ctx, &key_ctx, rule->hash, NULL, NULL, pkey, NULL) == 1 &&
                set_padding(key_ctx, rule->kind) &&
                EVP_DigestVerify(ctx, signature.data, signature.size, message.data, message.size) ==
                    1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

int public_key_check(const struct public_key *key, enum signature_scheme scheme,
                     struct span message, struct span signature, struct error *err)
{
    uint8_t der[ECDSA_SIGNATURE_MAX];
    const struct rule *rule = find_rule(scheme);
    if (!rule)
        return error_set(err, ERROR_REFUSED, "this is no scheme of a signature");
    if (check_key(pkey_of(key), rule, err) < 0)
        return -1;
    if (rule->kind == ECDSA) {
        int size = encode_ecdsa(rule, signature, der);
        if (size < 0)
            return error_set(err, ERROR_REFUSED, "a signature by %s has %zu bytes, not %zu",
                             rule->name, 2 * rule->scalar_size, signature.size);
        signature = span_of(der, (size_t)size);
    }
    return holds(pkey_of(key), rule, message, signature)
               ? 0
               : error_set(err, ERROR_REFUSED, "the signature does not hold under the key (%s)",
                           rule->name);
}
