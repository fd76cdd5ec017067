#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/digest.h"

#include <openssl/sha.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct sha256), "struct sha256 is too small");
_Static_assert(sizeof(SHA512_CTX) <= sizeof(struct sha512), "struct sha512 is too small");
_Static_assert(_Alignof(SHA512_CTX) <= 16, "struct sha512 is not aligned");

static SHA256_CTX *context_256(struct sha256 *ctx)
{
    return (SHA256_CTX *)(void *)ctx->state;
}

static SHA512_CTX *context_512(struct sha512 *ctx)
{
    return (SHA512_CTX *)(void *)ctx->state;
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

void sha384_init(struct sha512 *ctx)
{
    (void)SHA384_Init(context_512(ctx));
}

void sha384_update(struct sha512 *ctx, struct span bytes)
{
    (void)SHA384_Update(context_512(ctx), bytes.data, bytes.size);
}

void sha384_final(struct sha512 *ctx, uint8_t out[SHA384_SIZE])
{
    (void)SHA384_Final(out, context_512(ctx));
}

void sha256_digest(struct span bytes, uint8_t out[SHA256_SIZE])
{
    struct sha256 ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, bytes);
    sha256_final(&ctx, out);
}

void sha384_digest(struct span bytes, uint8_t out[SHA384_SIZE])
{
    struct sha512 ctx;
    sha384_init(&ctx);
    sha384_update(&ctx, bytes);
    sha384_final(&ctx, out);
}

void sha512_digest(struct span bytes, uint8_t out[SHA512_SIZE])
{
    struct sha512 ctx;
    (void)SHA512_Init(context_512(&ctx));
    (void)SHA512_Update(context_512(&ctx), bytes.data, bytes.size);
    (void)SHA512_Final(out, context_512(&ctx));
}
