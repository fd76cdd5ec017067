#include "crypto/ecdsa.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>

#include "crypto/ecdsa_key.h"

#define UNCOMPRESSED 0x04 /* SEC 1, section 2.3.3 */

#define INTEGER  0x02
#define SEQUENCE 0x30

#define NUMBER_MAX   66 /* bytes of r and s on P-521 */
#define ENCODED_MAX  (NUMBER_MAX + 3)
#define SHORT_LENGTH 0x7F /* beyond, one more byte says the length */

/* A number in the shortest form, with a zero before a first bit that would be its sign. */
static size_t encode_number(struct span number, uint8_t *out)
{
    while (number.size > 1 && number.data[0] == 0)
        number = span_of(number.data + 1, number.size - 1);
    size_t pad = number.data[0] >> 7;
    out[0] = INTEGER;
    out[1] = (uint8_t)(number.size + pad);
    out[2] = 0;
    memcpy(out + 2 + pad, number.data, number.size);
    return 2 + pad + number.size;
}

/* SEQUENCE { INTEGER r, INTEGER s }; returns its size. No allocation: this is on every path that
 * verifies. */
static size_t encode_signature(struct span r, struct span s, uint8_t out[3 + 2 * ENCODED_MAX])
{
    uint8_t numbers[2 * ENCODED_MAX];
    size_t size = encode_number(r, numbers);
    size_t at = 0;
    size += encode_number(s, numbers + size);
    out[at++] = SEQUENCE;
    if (size > SHORT_LENGTH)
        out[at++] = 0x81;
    out[at++] = (uint8_t)size;
    memcpy(out + at, numbers, size);
    return at + size;
}

bool ecdsa_holds(EVP_PKEY *key, struct span digest, struct span r, struct span s)
{
    uint8_t der[3 + 2 * ENCODED_MAX];
    if (r.size == 0 || r.size > NUMBER_MAX || s.size == 0 || s.size > NUMBER_MAX)
        return false;
    size_t size = encode_signature(r, s, der);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool good = ctx && EVP_PKEY_verify_init(ctx) == 1 &&
                EVP_PKEY_verify(ctx, der, size, digest.data, digest.size) == 1;
    EVP_PKEY_CTX_free(ctx);
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
