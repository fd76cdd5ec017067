#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/digest.h"

#include <openssl/sha.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct sha256), "struct sha256 is too small");

static SHA256_CTX *context_256(struct sha256 *ctx)
{
    return (SHA256_CTX *)(void *)ctx->state;
}

/* These functions fail only for a NULL context or a wrong digest size: neither can be here. */

void sha256_init(struct sha256 *ctx)
{
    (void)SHA256_Init(context_256(ctx));
}

void sha256_update(struct sha256 *ctx, struct span bytes)
{
    (void)SHA256_Update(context_256(ctx), bytes.data, bytes.size);
}

void sha256_final(struct sha256 *ctx, uint8_t out[SHA256_SIZE])
{
    (void)SHA256_Final(out, context_256(ctx));
}

void sha256_digest(struct span bytes, uint8_t out[SHA256_SIZE])
{
    struct sha256 ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, bytes);
    sha256_final(&ctx, out);
}
