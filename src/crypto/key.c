#include "crypto/key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* Neither struct is ever defined: the pointers are OpenSSL's own. */
static EVP_PKEY *public_pkey(const struct public_key *key)
{
    return (EVP_PKEY *)(uintptr_t)key;
}

static EVP_PKEY *private_pkey(const struct private_key *key)
{
    return (EVP_PKEY *)(uintptr_t)key;
}

struct private_key *private_key_new(enum key_kind kind, unsigned rsa_bits, struct error *err)
{
    static const char *const curves[KEY_KIND_COUNT] = {
        [KEY_P256] = "P-256", [KEY_P384] = "P-384", [KEY_P521] = "P-521"};
    EVP_PKEY *pkey = NULL;
    if (kind == KEY_RSA && rsa_bits != 2048 && rsa_bits != 3072 && rsa_bits != 4096) {
        (void)error_set(err, ERROR_INVALID, "an RSA key of %u bits: make one of 2048, 3072 or 4096",
                        rsa_bits);
        return NULL;
    }
    if (kind == KEY_RSA)
        pkey = EVP_RSA_gen(rsa_bits);
    else if (kind < KEY_KIND_COUNT)
        pkey = EVP_EC_gen(curves[kind]);
    ERR_clear_error();
    if (!pkey)
        (void)error_set(err, ERROR_UNAVAILABLE, "OpenSSL could not make a key");
    return (struct private_key *)pkey;
}

static int append_der(int size, unsigned char *bytes, struct buf *der, struct error *err)
{
    ERR_clear_error();
    if (size <= 0)
        return error_set(err, ERROR_UNAVAILABLE, "OpenSSL could not write the key");
    int result = buf_append(der, span_of(bytes, (size_t)size), err);
    OPENSSL_clear_free(bytes, (size_t)size);
    return result;
}

int public_key_to_spki(const struct public_key *key, struct buf *der, struct error *err)
{
    unsigned char *bytes = NULL;
    int size = i2d_PUBKEY(public_pkey(key), &bytes);
    return append_der(size, bytes, der, err);
}

struct public_key *private_key_dup_public(const struct private_key *key, struct error *err)
{
    BUF_AUTO der = BUF_WITH_LIMIT(KEY_DER_MAX);
    unsigned char *bytes = NULL;
    int size = i2d_PUBKEY(private_pkey(key), &bytes);
    return append_der(size, bytes, &der, err) < 0 ? NULL
                                                  : public_key_from_spki(buf_span(&der), err);
}

struct private_key *private_key_from_pkcs8(struct span der, struct error *err)
{
    const unsigned char *at = der.data;
    enum signature_scheme scheme;
    PKCS8_PRIV_KEY_INFO *info = der.size > 0 && der.size <= KEY_DER_MAX
                                    ? d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der.size)
                                    : NULL;
    EVP_PKEY *pkey = info && at == der.data + der.size ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    ERR_clear_error();
    struct private_key *key = (struct private_key *)pkey;
    if (key && private_key_scheme(key, &scheme))
        return key;
    EVP_PKEY_free(pkey);
    (void)error_set(err, ERROR_INVALID,
                    "these %zu bytes are not one RSA key of %d to %d bits or one key on P-256, "
                    "P-384 or P-521, unencrypted in PKCS#8",
                    der.size, SIGNATURE_RSA_BITS_MIN, SIGNATURE_RSA_BITS_MAX);
    return NULL;
}

int private_key_to_pkcs8(const struct private_key *key, struct buf *der, struct error *err)
{
    unsigned char *bytes = NULL;
    int size = -1;
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(private_pkey(key));
    if (info)
        size = i2d_PKCS8_PRIV_KEY_INFO(info, &bytes);
    PKCS8_PRIV_KEY_INFO_free(info);
    return append_der(size, bytes, der, err);
}

bool public_key_equal(const struct public_key *a, const struct public_key *b)
{
    bool equal = EVP_PKEY_eq(public_pkey(a), public_pkey(b)) == 1;
    ERR_clear_error();
    return equal;
}
