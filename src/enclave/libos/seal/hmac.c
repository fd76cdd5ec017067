#include "enclave/libos/seal/hmac.h"

#include "enclave/libos/wipe.h"

#define BLOCK_SIZE 64 /* SHA-256's; the key is shorter */

void hmac_by_key(const uint8_t key[SGX_KEY_SIZE], const struct span *parts, size_t count,
                 uint8_t out[SHA256_SIZE])
{
    struct sha256 ctx;
    uint8_t pad[BLOCK_SIZE];
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] = (uint8_t)((i < SGX_KEY_SIZE ? key[i] : 0) ^ 0x36);
    sha256_init(&ctx);
    sha256_update(&ctx, span_of(pad, sizeof pad));
    for (size_t i = 0; i < count; i++)
        sha256_update(&ctx, parts[i]);
    sha256_final(&ctx, out);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36 ^ 0x5C;
    sha256_init(&ctx);
    sha256_update(&ctx, span_of(pad, sizeof pad));
    sha256_update(&ctx, span_of(out, SHA256_SIZE));
    sha256_final(&ctx, out);
    libos_wipe(pad, sizeof pad);
    libos_wipe(&ctx, sizeof ctx);
}
