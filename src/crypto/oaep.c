/* RSAES-OAEP: seal.h. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/secret.h"
#include "crypto/seal.h"

#define CIPHER_MAX (SIGNATURE_RSA_BITS_MAX / 8)

static const EVP_MD *digest_of(enum oaep_hash hash)
{
    return hash == OAEP_SHA1 ? EVP_sha1() : hash == OAEP_SHA256 ? EVP_sha256() : EVP_sha384();
}

static EVP_PKEY_CTX *start(EVP_PKEY *pkey, enum oaep_hash hash, bool seal)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    if (ctx && (seal ? EVP_PKEY_encrypt_init(ctx) : EVP_PKEY_decrypt_init(ctx)) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
        EVP_PKEY_CTX_set_rsa_oaep_md(ctx, digest_of(hash)) == 1 &&
        EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, digest_of(hash)) == 1)
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

static int check_key(EVP_PKEY *pkey, struct error *err)
{
    int bits = EVP_PKEY_get_bits(pkey);
    if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA || bits < SIGNATURE_RSA_BITS_MIN ||
        bits > SIGNATURE_RSA_BITS_MAX)
        return error_set(err, ERROR_INVALID, "RSA-OAEP wants an RSA key of %d to %d bits",
                         SIGNATURE_RSA_BITS_MIN, SIGNATURE_RSA_BITS_MAX);
    return 0;
}

int oaep_seal(const struct public_key *key, enum oaep_hash hash, struct span plain, struct buf *out,
              struct error *err)
{
    uint8_t cipher[CIPHER_MAX];
    size_t size = sizeof cipher;
    EVP_PKEY *pkey = (EVP_PKEY *)(uintptr_t)key;
    if (check_key(pkey, err) < 0)
        return -1;
    size_t most = (size_t)EVP_PKEY_get_size(pkey) - 2 * (size_t)EVP_MD_get_size(digest_of(hash)) -
                  2;
    if (plain.size > most)
        return error_set(err, ERROR_LIMIT, "%zu bytes to seal; this RSA key takes %zu", plain.size,
                         most);
    EVP_PKEY_CTX *ctx = start(pkey, hash, true);
    bool good = ctx && EVP_PKEY_encrypt(ctx, cipher, &size, plain.data, plain.size) == 1;
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return good ? buf_append(out, span_of(cipher, size), err)
                : error_set(err, ERROR_UNAVAILABLE, "OpenSSL could not seal by RSA-OAEP");
}

int oaep_unseal(const struct private_key *key, enum oaep_hash hash, struct span cipher,
                struct buf *out, struct error *err)
{
    uint8_t plain[CIPHER_MAX];
    size_t size = sizeof plain;
    EVP_PKEY *pkey = (EVP_PKEY *)(uintptr_t)key;
    if (check_key(pkey, err) < 0)
        return -1;
    EVP_PKEY_CTX *ctx = start(pkey, hash, false);
    bool good = ctx && cipher.size == (size_t)EVP_PKEY_get_size(pkey) &&
                EVP_PKEY_decrypt(ctx, plain, &size, cipher.data, cipher.size) == 1;
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    int result = good ? buf_append(out, span_of(plain, size), err)
                      : error_set(err, ERROR_REFUSED, "this was not sealed for the RSA key");
    secret_wipe(plain, sizeof plain);
    return result;
}
