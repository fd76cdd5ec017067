#include "enclave/libos/seal/aes_cmac.h"

#include <immintrin.h>

#include "enclave/libos/wipe.h"

#define WITH_AES __attribute__((target("aes,sse4.1,ssse3")))

#define BLOCK_SIZE 16
#define ROUNDS     10

/* FIPS 197, section 5.2: each word of a round's key is a sum of all words before it. */
#define EXPAND(keys, i, constant)                                                                  \
    do {                                                                                           \
        __m128i words = _mm_xor_si128((keys)[(i)-1], _mm_slli_si128((keys)[(i)-1], 4));            \
        words = _mm_xor_si128(words, _mm_slli_si128(words, 8));                                    \
        (keys)[i] = _mm_xor_si128(                                                                 \
            words, _mm_shuffle_epi32(_mm_aeskeygenassist_si128((keys)[(i)-1], constant), 0xFF));   \
    } while (0)

WITH_AES static void expand_key(const uint8_t key[AES_CMAC_SIZE], __m128i keys[ROUNDS + 1])
{
    memcpy(keys, key, AES_CMAC_SIZE);
    EXPAND(keys, 1, 0x01);
    EXPAND(keys, 2, 0x02);
    EXPAND(keys, 3, 0x04);
    EXPAND(keys, 4, 0x08);
    EXPAND(keys, 5, 0x10);
    EXPAND(keys, 6, 0x20);
    EXPAND(keys, 7, 0x40);
    EXPAND(keys, 8, 0x80);
    EXPAND(keys, 9, 0x1B);
    EXPAND(keys, 10, 0x36);
}

/* One step of the chain: `state` becomes the encryption of its sum with the block. */
WITH_AES static void add_block(const __m128i keys[ROUNDS + 1], uint8_t state[BLOCK_SIZE],
                               const uint8_t block[BLOCK_SIZE])
{
    __m128i sum;
    __m128i more;
    memcpy(&sum, state, sizeof sum);
    memcpy(&more, block, sizeof more);
    sum = _mm_xor_si128(_mm_xor_si128(sum, more), keys[0]);
    for (size_t i = 1; i < ROUNDS; i++)
        sum = _mm_aesenc_si128(sum, keys[i]);
    sum = _mm_aesenclast_si128(sum, keys[ROUNDS]);
    memcpy(state, &sum, sizeof sum);
}

/* Section 6.1: times x, the block being a big-endian number. */
static void double_block(uint8_t block[BLOCK_SIZE])
{
    uint8_t carry = (uint8_t)(-(block[0] >> 7) & 0x87);
    for (size_t i = 0; i + 1 < BLOCK_SIZE; i++)
        block[i] = (uint8_t)(block[i] << 1 | block[i + 1] >> 7);
    block[BLOCK_SIZE - 1] = (uint8_t)(block[BLOCK_SIZE - 1] << 1 ^ carry);
}

void aes_cmac(const uint8_t key[AES_CMAC_SIZE], struct span message, uint8_t out[AES_CMAC_SIZE])
{
    static const uint8_t zero[BLOCK_SIZE];
    __m128i keys[ROUNDS + 1];
    uint8_t last[BLOCK_SIZE] = {0}; /* the subkey, then its sum with the last block */
    size_t at = 0;
    expand_key(key, keys);
    add_block(keys, last, zero);
    double_block(last);
    memset(out, 0, BLOCK_SIZE);
    for (; message.size - at > BLOCK_SIZE; at += BLOCK_SIZE)
        add_block(keys, out, message.data + at);
    size_t left = message.size - at;
    if (left < BLOCK_SIZE) {
        double_block(last);
        last[left] ^= 0x80;
    }
    for (size_t i = 0; i < left; i++)
        last[i] ^= message.data[at + i];
    add_block(keys, out, last);
    libos_wipe(keys, sizeof keys);
    libos_wipe(last, sizeof last);
}
