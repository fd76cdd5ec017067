/* SHA-384 and SHA-512. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "crypto/digest.h"

_Static_assert(sizeof(SHA512_CTX) <= sizeof(struct sha512), "struct sha512 is too small");
_Static_assert(_Alignof(SHA512_CTX) <= 16, "struct sha512 is not aligned");

static SHA512_CTX *context_512(struct sha512 *ctx)
{
    return (SHA512_CTX *)(void *)ctx->state;
}

/* These functions fail only for a NULL context or a wrong digest size: neither can be here. */

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
