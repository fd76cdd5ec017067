/* AES-256-GCM: seal.h. */
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/secret.h"
#include "crypto/seal.h"

static bool start(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *iv, struct span aad,
                  bool seal)
{
    int size = 0;
    return ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, iv, seal) == 1 &&
           (aad.size == 0 || EVP_CipherUpdate(ctx, NULL, &size, aad.data, (int)aad.size) == 1);
}

/* Writes in.size bytes to `out`. */
static bool update(EVP_CIPHER_CTX *ctx, struct span in, uint8_t *out)
{
    int size = 0;
    return in.size == 0 || (EVP_CipherUpdate(ctx, out, &size, in.data, (int)in.size) == 1 &&
                            (size_t)size == in.size);
}

static int make_room(struct span aad, struct span in, struct buf *out, struct error *err)
{
    if (in.size > SEAL_SIZE_MAX || aad.size > SEAL_SIZE_MAX)
        return error_set(err, ERROR_LIMIT, "%zu bytes to seal; at most %d are accepted",
                         in.size > aad.size ? in.size : aad.size, SEAL_SIZE_MAX);
    return buf_reserve(out, in.size, err);
}

int gcm_seal(const uint8_t key[AES256_KEY_SIZE], const uint8_t iv[GCM_IV_SIZE], struct span aad,
             struct span plain, struct buf *out, uint8_t tag[GCM_TAG_SIZE], struct error *err)
{
    if (make_room(aad, plain, out, err) < 0)
        return -1;
    int none = 0;
    uint8_t *at = out->data + out->size;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool good = start(ctx, key, iv, aad, true) && update(ctx, plain, at) &&
                EVP_CipherFinal_ex(ctx, tag, &none) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_SIZE, tag) == 1;
    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    if (good)
        out->size += plain.size;
    else
        secret_wipe(at, plain.size);
    out->data[out->size] = 0;
    return good ? 0 : error_set(err, ERROR_UNAVAILABLE, "OpenSSL could not seal by AES-256-GCM");
}

int gcm_unseal(const uint8_t key[AES256_KEY_SIZE], const uint8_t iv[GCM_IV_SIZE], struct span aad,
               struct span cipher, const uint8_t tag[GCM_TAG_SIZE], struct buf *out,
               struct error *err)
{
    if (make_room(aad, cipher, out, err) < 0)
        return -1;
    int none = 0;
    uint8_t last[GCM_TAG_SIZE];
    uint8_t *at = out->data + out->size;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool good = start(ctx, key, iv, aad, false) && update(ctx, cipher, at) &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_SIZE,
                                    (void *)(uintptr_t)tag) == 1 &&
                EVP_CipherFinal_ex(ctx, last, &none) == 1;
    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    if (good)
        out->size += cipher.size;
    else
        secret_wipe(at, cipher.size);
    out->data[out->size] = 0;
    return good ? 0
                : error_set(err, ERROR_REFUSED,
                            "the tag of AES-256-GCM does not hold: another key, or changed bytes");
}
