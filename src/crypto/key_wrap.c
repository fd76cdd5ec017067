/* AES key wrap with and without padding: seal.h. */
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/secret.h"
#include "crypto/seal.h"

#define SEMIBLOCK 8

static const EVP_CIPHER *cipher_of(size_t kek_size, bool padded)
{
    switch (kek_size) {
    case 16:
        return padded ? EVP_aes_128_wrap_pad() : EVP_aes_128_wrap();
    case 24:
        return padded ? EVP_aes_192_wrap_pad() : EVP_aes_192_wrap();
    case AES256_KEY_SIZE:
        return padded ? EVP_aes_256_wrap_pad() : EVP_aes_256_wrap();
    default:
        return NULL;
    }
}

/* Returns the number of bytes written to `out`, which has room for two semiblocks more than `in`;
 * -1 when OpenSSL refuses. */
static int run(const EVP_CIPHER *cipher, bool wrap, struct span kek, struct span in, uint8_t *out)
{
    int size = -1;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx)
        EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    if (!ctx || EVP_CipherInit_ex(ctx, cipher, NULL, kek.data, NULL, wrap) != 1 ||
        EVP_CipherUpdate(ctx, out, &size, in.data, (int)in.size) != 1 || size <= 0)
        size = -1;
    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    return size;
}

static int wrap_or_unwrap(const EVP_CIPHER *cipher, bool wrap, struct span kek, struct span in,
                          struct buf *out, struct error *err)
{
    if (!cipher)
        return error_set(err, ERROR_INVALID, "a key-encryption key of %zu bytes, not 16, 24 or 32",
                         kek.size);
    if (in.size > AES_WRAP_MAX)
        return error_set(err, ERROR_LIMIT, "%zu bytes to wrap; at most %d are accepted", in.size,
                         AES_WRAP_MAX);
    if (buf_reserve(out, in.size + 2 * SEMIBLOCK, err) < 0)
        return -1;
    uint8_t *at = out->data + out->size;
    int size = run(cipher, wrap, kek, in, at);
    if (size < 0)
        secret_wipe(at, in.size + 2 * SEMIBLOCK);
    else
        out->size += (size_t)size;
    out->data[out->size] = 0;
    if (size < 0)
        return error_set(err, wrap ? ERROR_UNAVAILABLE : ERROR_REFUSED,
                         wrap ? "OpenSSL could not wrap the key"
                              : "the key was not wrapped by this key-encryption key");
    return 0;
}

int aes_wrap(struct span kek, struct span key, struct buf *out, struct error *err)
{
    if (key.size < 2 * SEMIBLOCK || key.size % SEMIBLOCK != 0)
        return error_set(err, ERROR_INVALID,
                         "a key of %zu bytes to wrap: 16 or more, a multiple of 8, are wanted",
                         key.size);
    return wrap_or_unwrap(cipher_of(kek.size, false), true, kek, key, out, err);
}

int aes_unwrap(struct span kek, struct span wrapped, struct buf *out, struct error *err)
{
    if (wrapped.size < 3 * SEMIBLOCK || wrapped.size % SEMIBLOCK != 0)
        return error_set(err, ERROR_REFUSED, "a wrapped key of %zu bytes cannot be", wrapped.size);
    return wrap_or_unwrap(cipher_of(kek.size, false), false, kek, wrapped, out, err);
}

int aes_wrap_padded(struct span kek, struct span key, struct buf *out, struct error *err)
{
    if (key.size == 0)
        return error_set(err, ERROR_INVALID, "there is no key to wrap");
    return wrap_or_unwrap(cipher_of(kek.size, true), true, kek, key, out, err);
}

int aes_unwrap_padded(struct span kek, struct span wrapped, struct buf *out, struct error *err)
{
    if (wrapped.size < 2 * SEMIBLOCK || wrapped.size % SEMIBLOCK != 0)
        return error_set(err, ERROR_REFUSED, "a wrapped key of %zu bytes cannot be", wrapped.size);
    return wrap_or_unwrap(cipher_of(kek.size, true), false, kek, wrapped, out, err);
}
