#include "crypto/ecdsa.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>

#include "crypto/ecdsa_key.h"

#define UNCOMPRESSED 0x04 /* SEC 1, section 2.3.3 */

/* SEQUENCE { INTEGER r, INTEGER s }, by OpenSSL; returns its size, -1 when memory ran out. */
static int encode_signature(struct span r, struct span s, unsigned char **der)
{
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r_number = BN_bin2bn(r.data, (int)r.size, NULL);
    BIGNUM *s_number = BN_bin2bn(s.data, (int)s.size, NULL);
    if (!signature || !r_number || !s_number ||
        ECDSA_SIG_set0(signature, r_number, s_number) != 1) {
        ECDSA_SIG_free(signature);
        BN_free(r_number);
        BN_free(s_number);
        return -1;
    }
    int size = i2d_ECDSA_SIG(signature, der);
    ECDSA_SIG_free(signature);
    return size;
}

bool ecdsa_holds(EVP_PKEY *key, struct span digest, struct span r, struct span s)
{
    unsigned char *der = NULL;
    int size = encode_signature(r, s, &der);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool good = size > 0 && ctx && EVP_PKEY_verify_init(ctx) == 1 &&
                EVP_PKEY_verify(ctx, der, (size_t)size, digest.data, digest.size) == 1;
    EVP_PKEY_CTX_free(ctx);
    OPENSSL_free(der);
    ERR_clear_error();
    return good;
}

/* NULL for what is no point of the curve: OpenSSL checks that it lies on it. */
static EVP_PKEY *read_point(const uint8_t point[P256_POINT_SIZE])
{
    uint8_t encoded[1 + P256_POINT_SIZE] = {UNCOMPRESSED};
    char group[] = SN_X9_62_prime256v1;
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    memcpy(encoded + 1, point, P256_POINT_SIZE);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, encoded, sizeof encoded),
        OSSL_PARAM_construct_end(),
    };
    if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return key;
}

int ecdsa_check_p256(const uint8_t key[P256_POINT_SIZE], const uint8_t digest[SHA256_SIZE],
                     const uint8_t signature[P256_SIGNATURE_SIZE], struct error *err)
{
    EVP_PKEY *pkey = read_point(key);
    if (!pkey)
        return error_set(err, ERROR_REFUSED, "the key is no point of the curve P-256");
    bool good = ecdsa_holds(pkey, span_of(digest, SHA256_SIZE), span_of(signature, P256_SIZE),
                            span_of(signature + P256_SIZE, P256_SIZE));
    EVP_PKEY_free(pkey);
    return good ? 0 : error_set(err, ERROR_REFUSED, "the signature does not hold under this key");
}
