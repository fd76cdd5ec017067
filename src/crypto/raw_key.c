#include "crypto/raw_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define POINT_SIZE       (1 + 2 * P384_SIZE)
#define POINT_PLAIN      4 /* SEC 1, section 2.3.3: uncompressed */
#define ECDSA_DER_MAX    128
#define RSA3072_BITS     3072
#define RSA3_NUMBERS     6
#define DIGEST_INFO_SIZE 19

static EVP_PKEY *pkey_of(const struct p384_key *key)
{
    uint8_t point[POINT_SIZE] = {POINT_PLAIN};
    char group[] = "P-384";
    memcpy(point + 1, key->x, P384_SIZE);
    memcpy(point + 1 + P384_SIZE, key->y, P384_SIZE);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    /* A point that is not on the curve is refused here. */
    if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

/* The signature in DER, or 0 when memory ran out. */
static size_t signature_der(const uint8_t r[P384_SIZE], const uint8_t s[P384_SIZE],
                            uint8_t der[ECDSA_DER_MAX])
{
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r_number = BN_bin2bn(r, P384_SIZE, NULL);
    BIGNUM *s_number = BN_bin2bn(s, P384_SIZE, NULL);
    int size = 0;
    if (signature && r_number && s_number && ECDSA_SIG_set0(signature, r_number, s_number) == 1) {
        r_number = NULL; /* the signature owns them now */
        s_number = NULL;
        size = i2d_ECDSA_SIG(signature, NULL);
        if (size <= ECDSA_DER_MAX)
            size = i2d_ECDSA_SIG(signature, &der);
    }
    BN_free(r_number);
    BN_free(s_number);
    ECDSA_SIG_free(signature);
    return size > 0 && size <= ECDSA_DER_MAX ? (size_t)size : 0;
}

int p384_check(const struct p384_key *key, const uint8_t digest[SHA384_SIZE],
               const uint8_t r[P384_SIZE], const uint8_t s[P384_SIZE], struct error *err)
{
    uint8_t der[ECDSA_DER_MAX];
    size_t size = signature_der(r, s, der);
    EVP_PKEY *pkey = pkey_of(key);
    EVP_PKEY_CTX *ctx = pkey && size > 0 ? EVP_PKEY_CTX_new(pkey, NULL) : NULL;
    bool good = ctx && EVP_PKEY_verify_init(ctx) == 1 &&
                EVP_PKEY_verify(ctx, der, size, digest, SHA384_SIZE) == 1;
    bool has_key = pkey != NULL;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    if (!has_key)
        return error_set(err, ERROR_INVALID, "the public key is no point of the curve P-384");
    return good ? 0 : error_set(err, ERROR_REFUSED, "the signature does not hold under its key");
}

/* The numbers of one calculation; OpenSSL allocates, and frees them together. */
struct rsa3 {
    BN_CTX *ctx;
    BIGNUM *n, *s, *square, *q1, *rest, *q2;
};

static bool divide(struct rsa3 *rsa)
{
    /* s^2 = q1 * n + rest; s * rest = q2 * n + message. */
    return BN_sqr(rsa->square, rsa->s, rsa->ctx) == 1 &&
           BN_div(rsa->q1, rsa->rest, rsa->square, rsa->n, rsa->ctx) == 1 &&
           BN_mul(rsa->square, rsa->s, rsa->rest, rsa->ctx) == 1 &&
           BN_div(rsa->q2, rsa->rest, rsa->square, rsa->n, rsa->ctx) == 1;
}

static int calculate(struct rsa3 *rsa, struct rsa3_result *out, struct error *err)
{
    if (BN_num_bits(rsa->n) != RSA3072_BITS || !BN_is_odd(rsa->n))
        return error_set(err, ERROR_REFUSED, "the modulus is not an odd number of 3072 bits");
    if (BN_cmp(rsa->s, rsa->n) >= 0)
        return error_set(err, ERROR_REFUSED, "the signature is not below the modulus");
    if (!divide(rsa) || BN_bn2lebinpad(rsa->q1, out->q1, RSA3072_SIZE) != RSA3072_SIZE ||
        BN_bn2lebinpad(rsa->q2, out->q2, RSA3072_SIZE) != RSA3072_SIZE ||
        BN_bn2lebinpad(rsa->rest, out->message, RSA3072_SIZE) != RSA3072_SIZE)
        return error_memory(err);
    return 0;
}

int rsa3_apply(const uint8_t n[RSA3072_SIZE], const uint8_t s[RSA3072_SIZE],
               struct rsa3_result *out, struct error *err)
{
    struct rsa3 rsa = {.ctx = BN_CTX_new()};
    if (!rsa.ctx)
        return error_memory(err);
    BN_CTX_start(rsa.ctx);
    BIGNUM **numbers[RSA3_NUMBERS] = {&rsa.n, &rsa.s, &rsa.square, &rsa.q1, &rsa.rest, &rsa.q2};
    for (size_t i = 0; i < RSA3_NUMBERS; i++)
        *numbers[i] = BN_CTX_get(rsa.ctx);
    /* Once one of them is NULL, the last is too. */
    int result = -1;
    if (!rsa.q2 || !BN_lebin2bn(n, RSA3072_SIZE, rsa.n) || !BN_lebin2bn(s, RSA3072_SIZE, rsa.s))
        (void)error_memory(err);
    else
        result = calculate(&rsa, out, err);
    BN_CTX_end(rsa.ctx);
    BN_CTX_free(rsa.ctx);
    ERR_clear_error();
    return result;
}

bool rsa3_message_is(const uint8_t message[RSA3072_SIZE], const uint8_t digest[SHA256_SIZE])
{
    static const uint8_t info[DIGEST_INFO_SIZE] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
                                                   0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
                                                   0x01, 0x05, 0x00, 0x04, 0x20};
    uint8_t expected[RSA3072_SIZE]; /* big endian: 00 01 FF … FF 00, the info, the digest */
    memset(expected, 0xFF, sizeof expected);
    expected[0] = 0;
    expected[1] = 1;
    uint8_t *at = expected + RSA3072_SIZE - SHA256_SIZE - DIGEST_INFO_SIZE;
    at[-1] = 0;
    memcpy(at, info, DIGEST_INFO_SIZE);
    memcpy(at + DIGEST_INFO_SIZE, digest, SHA256_SIZE);
    for (size_t i = 0; i < RSA3072_SIZE; i++) {
        if (message[i] != expected[RSA3072_SIZE - 1 - i])
            return false;
    }
    return true;
}
