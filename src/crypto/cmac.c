#define OPENSSL_SUPPRESS_DEPRECATED
/* By the block cipher itself: OpenSSL's own CMAC brings its providers, configuration and tables of
 * names with it, which is more than all else that the model of an enclave needs of it at its start.
 */
#include "crypto/cmac.h"

#include <openssl/aes.h>
#include <openssl/crypto.h>

/* Section 6.1: times x, the block being a big-endian number. */
static void double_block(uint8_t block[AES_BLOCK_SIZE])
{
    uint8_t carry = (uint8_t)(-(block[0] >> 7) & 0x87);
    for (size_t i = 0; i + 1 < AES_BLOCK_SIZE; i++)
        block[i] = (uint8_t)(block[i] << 1 | block[i + 1] >> 7);
    block[AES_BLOCK_SIZE - 1] = (uint8_t)(block[AES_BLOCK_SIZE - 1] << 1 ^ carry);
}

static void add_block(const AES_KEY *key, uint8_t state[AES_BLOCK_SIZE],
                      const uint8_t block[AES_BLOCK_SIZE])
{
    for (size_t i = 0; i < AES_BLOCK_SIZE; i++)
        state[i] ^= block[i];
    AES_encrypt(state, state, key);
}

/* Section 6.2, steps 3 and 4: of the last block, whole or not. */
static void finish_block(const uint8_t zero[AES_BLOCK_SIZE], struct span rest,
                         uint8_t last[AES_BLOCK_SIZE])
{
    uint8_t subkey[AES_BLOCK_SIZE];
    memcpy(subkey, zero, sizeof subkey);
    double_block(subkey);
    memset(last, 0, AES_BLOCK_SIZE);
    if (rest.size > 0)
        memcpy(last, rest.data, rest.size);
    if (rest.size < AES_BLOCK_SIZE) {
        double_block(subkey);
        last[rest.size] = 0x80;
    }
    for (size_t i = 0; i < AES_BLOCK_SIZE; i++)
        last[i] ^= subkey[i];
    OPENSSL_cleanse(subkey, sizeof subkey);
}

int cmac_aes128(const uint8_t key[CMAC_SIZE], struct span message, uint8_t out[CMAC_SIZE],
                struct error *err)
{
    AES_KEY expanded;
    uint8_t zero[AES_BLOCK_SIZE] = {0}, last[AES_BLOCK_SIZE];
    size_t done = 0;
    memset(out, 0, CMAC_SIZE);
    if (AES_set_encrypt_key(key, 8 * CMAC_SIZE, &expanded) != 0)
        return error_set(err, ERROR_UNAVAILABLE, "OpenSSL has no AES-128");
    AES_encrypt(zero, zero, &expanded);
    for (; message.size - done > AES_BLOCK_SIZE; done += AES_BLOCK_SIZE)
        add_block(&expanded, out, message.data + done);
    finish_block(zero, span_of(message.data + done, message.size - done), last);
    add_block(&expanded, out, last);
    OPENSSL_cleanse(&expanded, sizeof expanded);
    OPENSSL_cleanse(zero, sizeof zero);
    return 0;
}
