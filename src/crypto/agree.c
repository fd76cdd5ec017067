/* ECDH and the Concat KDF: seal.h. */
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/secret.h"
#include "crypto/digest.h"
#include "crypto/seal.h"

int ecdh_agree(const struct private_key *mine, const struct public_key *theirs,
               uint8_t out[ECDH_SECRET_MAX], size_t *size, struct error *err)
{
    EVP_PKEY *pkey = (EVP_PKEY *)(uintptr_t)mine;
    EVP_PKEY *peer = (EVP_PKEY *)(uintptr_t)theirs;
    bool good = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC &&
                EVP_PKEY_get_base_id(peer) == EVP_PKEY_EC;
    EVP_PKEY_CTX *ctx = good ? EVP_PKEY_CTX_new(pkey, NULL) : NULL;
    *size = ECDH_SECRET_MAX;
    /* That the peer's point lies on this curve is checked by the second call. */
    good = ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
           EVP_PKEY_derive(ctx, out, size) == 1;
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return good ? 0 : error_set(err, ERROR_INVALID, "the two keys are not on one elliptic curve");
}

static void put_be32(struct sha256 *ctx, size_t value)
{
    uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                        (uint8_t)value};
    sha256_update(ctx, span_of(bytes, sizeof bytes));
}

static void put_sized(struct sha256 *ctx, struct span bytes)
{
    put_be32(ctx, bytes.size);
    sha256_update(ctx, bytes);
}

void concat_kdf(struct span secret, const struct kdf_info *info, uint8_t *out, size_t size)
{
    uint8_t digest[SHA256_SIZE];
    size_t done = 0;
    for (size_t round = 1; done < size; round++) {
        struct sha256 ctx;
        sha256_init(&ctx);
        put_be32(&ctx, round);
        sha256_update(&ctx, secret);
        put_sized(&ctx, info->algorithm);
        put_sized(&ctx, info->party_u);
        put_sized(&ctx, info->party_v);
        put_be32(&ctx, 8 * size); /* SuppPubInfo; SuppPrivInfo is empty */
        sha256_final(&ctx, digest);
        size_t part = size - done < SHA256_SIZE ? size - done : SHA256_SIZE;
        memcpy(out + done, digest, part);
        done += part;
        secret_wipe(&ctx, sizeof ctx);
    }
    secret_wipe(digest, sizeof digest);
}
