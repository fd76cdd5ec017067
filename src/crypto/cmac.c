#include "crypto/cmac.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>

int cmac_aes128(const uint8_t key[CMAC_SIZE], struct span message, uint8_t out[CMAC_SIZE],
                struct error *err)
{
    char cipher[] = "AES-128-CBC";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0),
                                 OSSL_PARAM_construct_end()};
    size_t size = 0;
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "CMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    bool good = ctx && EVP_MAC_init(ctx, key, CMAC_SIZE, params) == 1 &&
                EVP_MAC_update(ctx, message.data, message.size) == 1 &&
                EVP_MAC_final(ctx, out, &size, CMAC_SIZE) == 1 && size == CMAC_SIZE;
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
    ERR_clear_error();
    if (good)
        return 0;
    memset(out, 0, CMAC_SIZE);
    return error_set(err, ERROR_UNAVAILABLE, "OpenSSL has no AES-CMAC");
}
