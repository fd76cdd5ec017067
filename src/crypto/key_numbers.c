#include "crypto/key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define UNCOMPRESSED 0x04 /* SEC 1, section 2.3.3 */
#define SCALAR_MAX   66   /* bytes, of P-521 */

static const struct curve {
    const char *name; /* NULL for RSA */
    size_t scalar_size;
} curves[KEY_KIND_COUNT] = {
    [KEY_P256] = {SN_X9_62_prime256v1, 32},
    [KEY_P384] = {SN_secp384r1, 48},
    [KEY_P521] = {SN_secp521r1, SCALAR_MAX},
};

/* What OpenSSL calls RSA's numbers. */
static const char *const rsa_params[] = {
    [KEY_N] = OSSL_PKEY_PARAM_RSA_N,          [KEY_E] = OSSL_PKEY_PARAM_RSA_E,
    [KEY_D] = OSSL_PKEY_PARAM_RSA_D,          [KEY_P] = OSSL_PKEY_PARAM_RSA_FACTOR1,
    [KEY_Q] = OSSL_PKEY_PARAM_RSA_FACTOR2,    [KEY_DP] = OSSL_PKEY_PARAM_RSA_EXPONENT1,
    [KEY_DQ] = OSSL_PKEY_PARAM_RSA_EXPONENT2, [KEY_QI] = OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
};
#define RSA_NUMBER_COUNT (sizeof rsa_params / sizeof *rsa_params)
_Static_assert(RSA_NUMBER_COUNT == KEY_QI + 1, "RSA's numbers come first");

void key_numbers_init(struct key_numbers *numbers)
{
    for (size_t i = 0; i < KEY_NUMBER_COUNT; i++)
        buf_init(&numbers->at[i], KEY_NUMBER_MAX);
}

void key_numbers_fini(struct key_numbers *numbers)
{
    for (size_t i = 0; i < KEY_NUMBER_COUNT; i++)
        buf_fini_secret(&numbers->at[i]);
}

size_t key_scalar_size(enum key_kind kind)
{
    return kind < KEY_KIND_COUNT ? curves[kind].scalar_size : 0;
}

/* --- put together ----------------------------------------------------------------------------- */

static EVP_PKEY *make_key(const char *type, int selection, OSSL_PARAM *params)
{
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = params ? EVP_PKEY_CTX_new_from_name(NULL, type, NULL) : NULL;
    if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, selection, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return pkey;
}

/* The numbers must outlive the parameters. */
static bool push_rsa(OSSL_PARAM_BLD *builder, const struct key_numbers *numbers,
                     BIGNUM *held[RSA_NUMBER_COUNT])
{
    for (size_t i = 0; i < RSA_NUMBER_COUNT; i++) {
        const struct buf *number = &numbers->at[i];
        held[i] = BN_secure_new();
        if (!held[i] || !BN_bin2bn(number->data, (int)number->size, held[i]) ||
            OSSL_PARAM_BLD_push_BN(builder, rsa_params[i], held[i]) != 1)
            return false;
    }
    return true;
}

static EVP_PKEY *make_rsa(const struct key_numbers *numbers)
{
    BIGNUM *held[RSA_NUMBER_COUNT] = {0};
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    if (builder && push_rsa(builder, numbers, held))
        params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY *pkey = make_key("RSA", EVP_PKEY_KEYPAIR, params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    for (size_t i = 0; i < RSA_NUMBER_COUNT; i++)
        BN_clear_free(held[i]);
    return pkey;
}

static EVP_PKEY *make_ec(const struct key_numbers *numbers, bool with_private)
{
    uint8_t point[1 + 2 * SCALAR_MAX] = {UNCOMPRESSED};
    size_t size = curves[numbers->kind].scalar_size;
    memcpy(point + 1, numbers->at[KEY_X].data, size);
    memcpy(point + 1 + size, numbers->at[KEY_Y].data, size);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    BIGNUM *scalar = BN_secure_new();
    if (builder && scalar &&
        (!with_private || BN_bin2bn(numbers->at[KEY_D].data, (int)size, scalar)) &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME,
                                        curves[numbers->kind].name, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size) ==
            1 &&
        (!with_private || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, scalar) == 1))
        params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY *pkey = make_key("EC", with_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    BN_clear_free(scalar);
    return pkey;
}

static int check_scalars(const struct key_numbers *numbers, bool with_private, struct error *err)
{
    static const enum key_number wanted[] = {KEY_X, KEY_Y, KEY_D};
    size_t size = key_scalar_size(numbers->kind);
    for (size_t i = 0; i < (with_private ? 3 : 2); i++) {
        if (numbers->at[wanted[i]].size != size)
            return error_set(err, ERROR_INVALID,
                             "a number of %zu bytes; those of a key on %s have %zu",
                             numbers->at[wanted[i]].size, curves[numbers->kind].name, size);
    }
    return 0;
}

static int check_private_rsa(const struct key_numbers *numbers, struct error *err)
{
    for (size_t i = 0; i < RSA_NUMBER_COUNT; i++) {
        const struct buf *number = &numbers->at[i];
        if (number->size == 0 || number->data[0] == 0)
            return error_set(err, ERROR_INVALID,
                             "a number of the RSA key is missing, or begins with zero");
    }
    PUBLIC_KEY_AUTO *public_half = public_key_from_rsa(buf_span(&numbers->at[KEY_N]),
                                                       buf_span(&numbers->at[KEY_E]), err);
    return public_half ? 0 : -1;
}

struct public_key *public_key_from_numbers(const struct key_numbers *numbers, struct error *err)
{
    if (numbers->kind == KEY_RSA)
        return public_key_from_rsa(buf_span(&numbers->at[KEY_N]), buf_span(&numbers->at[KEY_E]),
                                   err);
    if (key_scalar_size(numbers->kind) == 0) {
        (void)error_set(err, ERROR_INVALID, "a key of no known kind");
        return NULL;
    }
    if (check_scalars(numbers, false, err) < 0)
        return NULL;
    EVP_PKEY *pkey = make_ec(numbers, false);
    if (!pkey)
        (void)error_set(err, ERROR_INVALID, "the key is no point of the curve %s",
                        curves[numbers->kind].name);
    return (struct public_key *)pkey;
}

static bool belongs_together(EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *ctx = pkey ? EVP_PKEY_CTX_new(pkey, NULL) : NULL;
    bool good = ctx && EVP_PKEY_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

struct private_key *private_key_from_numbers(const struct key_numbers *numbers, struct error *err)
{
    bool is_rsa = numbers->kind == KEY_RSA;
    if (!is_rsa && key_scalar_size(numbers->kind) == 0) {
        (void)error_set(err, ERROR_INVALID, "a key of no known kind");
        return NULL;
    }
    if (is_rsa ? check_private_rsa(numbers, err) < 0 : check_scalars(numbers, true, err) < 0)
        return NULL;
    EVP_PKEY *pkey = is_rsa ? make_rsa(numbers) : make_ec(numbers, true);
    if (belongs_together(pkey))
        return (struct private_key *)pkey;
    EVP_PKEY_free(pkey);
    (void)error_set(err, ERROR_INVALID, "the numbers of the private key do not belong together");
    return NULL;
}

/* --- taken apart ------------------------------------------------------------------------------ */

static bool find_kind(EVP_PKEY *pkey, enum key_kind *out)
{
    char group[32];
    int bits = EVP_PKEY_get_bits(pkey);
    *out = KEY_RSA;
    if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA)
        return bits >= SIGNATURE_RSA_BITS_MIN && bits <= SIGNATURE_RSA_BITS_MAX;
    if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_EC ||
        EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) != 1)
        return false;
    for (size_t i = 0; i < KEY_KIND_COUNT; i++) {
        *out = (enum key_kind)i;
        if (curves[i].name && strcmp(curves[i].name, group) == 0)
            return true;
    }
    return false;
}

/* `size` 0: as many bytes as the number has. */
static int take_number(EVP_PKEY *pkey, const char *name, size_t size, struct buf *out,
                       struct error *err)
{
    BIGNUM *number = NULL;
    uint8_t bytes[KEY_NUMBER_MAX];
    int result = -1;
    bool good = EVP_PKEY_get_bn_param(pkey, name, &number) == 1;
    int want = !good ? 0 : size > 0 ? (int)size : BN_num_bytes(number);
    good = good && want <= KEY_NUMBER_MAX && BN_bn2binpad(number, bytes, want) == want;
    BN_clear_free(number);
    ERR_clear_error();
    buf_truncate(out, 0);
    if (good)
        result = buf_append(out, span_of(bytes, (size_t)want), err);
    else
        (void)error_set(err, ERROR_INVALID, "the key lacks its number %s", name);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return result;
}

static int take_apart(EVP_PKEY *pkey, bool with_private, struct key_numbers *out, struct error *err)
{
    if (!find_kind(pkey, &out->kind))
        return error_set(err, ERROR_INVALID,
                         "the key is none of RSA of %d to %d bits, P-256, P-384, P-521",
                         SIGNATURE_RSA_BITS_MIN, SIGNATURE_RSA_BITS_MAX);
    if (out->kind == KEY_RSA) {
        for (size_t i = 0; i < (with_private ? RSA_NUMBER_COUNT : KEY_E + 1); i++) {
            if (take_number(pkey, rsa_params[i], 0, &out->at[i], err) < 0)
                return -1;
        }
        return 0;
    }
    size_t size = curves[out->kind].scalar_size;
    if (take_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, size, &out->at[KEY_X], err) < 0 ||
        take_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, size, &out->at[KEY_Y], err) < 0)
        return -1;
    return with_private ? take_number(pkey, OSSL_PKEY_PARAM_PRIV_KEY, size, &out->at[KEY_D], err)
                        : 0;
}

int public_key_to_numbers(const struct public_key *key, struct key_numbers *out, struct error *err)
{
    return take_apart((EVP_PKEY *)(uintptr_t)key, false, out, err);
}

int private_key_to_numbers(const struct private_key *key, struct key_numbers *out,
                           struct error *err)
{
    return take_apart((EVP_PKEY *)(uintptr_t)key, true, out, err);
}
