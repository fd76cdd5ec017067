#include "enclave/libos/seal/aes_gcm.h"

#include <immintrin.h>

#include "enclave/libos/wipe.h"

/*
 * Theory of operation
 *
 * GHASH is computed as POLYVAL (RFC 8452, appendix A): with the bytes of a block reversed, products
 * need no reversal of bits. A product of two blocks has 256 bits; twice its lowest 64 bits are
 * folded upwards by the polynomial x^128 + x^127 + x^126 + x^121 + 1, of which the constant is the
 * upper half.
 *
 * Four blocks go at once where there are so many: the processor works on all four meanwhile. Their
 * hashes are products by four powers of the key, which are added before they are folded.
 */
#define WITH_AES __attribute__((target("aes,pclmul,sse4.1,ssse3")))

#define BLOCK_SIZE 16
#define ROUNDS     14
#define WIDE       4 /* blocks */
#define WIDE_SIZE  (WIDE * BLOCK_SIZE)
#define POLYNOMIAL INT64_C(-0x3e00000000000000) /* 0xc2 << 56 */

struct gcm {
    __m128i round_keys[ROUNDS + 2]; /* the last is none */
    __m128i h[WIDE];                /* the key of the hash, times x, and its powers */
    __m128i hash;                   /* so far */
};

/* A word of the schedule depends on the one before it: each sum of all words up to its own. */
WITH_AES static __m128i sum_words(__m128i words)
{
    words = _mm_xor_si128(words, _mm_slli_si128(words, 4));
    return _mm_xor_si128(words, _mm_slli_si128(words, 8));
}

/* FIPS 197, section 5.2, for 256 bits: rounds in pairs, the second without rotation and constant.
 */
#define EXPAND(keys, i, constant)                                                                  \
    do {                                                                                           \
        (keys)[i] = _mm_xor_si128(                                                                 \
            sum_words((keys)[(i)-2]),                                                              \
            _mm_shuffle_epi32(_mm_aeskeygenassist_si128((keys)[(i)-1], constant), 0xFF));          \
        (keys)[(i) + 1] = _mm_xor_si128(                                                           \
            sum_words((keys)[(i)-1]),                                                              \
            _mm_shuffle_epi32(_mm_aeskeygenassist_si128((keys)[i], 0), 0xAA));                     \
    } while (0)

/* `keys` has room for one more than is used: the last pair is a half. */
WITH_AES static void expand_key(const uint8_t key[AES_GCM_KEY_SIZE], __m128i keys[ROUNDS + 2])
{
    memcpy(keys, key, AES_GCM_KEY_SIZE);
    EXPAND(keys, 2, 0x01);
    EXPAND(keys, 4, 0x02);
    EXPAND(keys, 6, 0x04);
    EXPAND(keys, 8, 0x08);
    EXPAND(keys, 10, 0x10);
    EXPAND(keys, 12, 0x20);
    EXPAND(keys, 14, 0x40);
}

WITH_AES static __m128i encrypt(const struct gcm *gcm, __m128i block)
{
    block = _mm_xor_si128(block, gcm->round_keys[0]);
    for (size_t i = 1; i < ROUNDS; i++)
        block = _mm_aesenc_si128(block, gcm->round_keys[i]);
    return _mm_aesenclast_si128(block, gcm->round_keys[ROUNDS]);
}

/* Those of four counters, each behind the one before. */
WITH_AES static void encrypt_wide(const struct gcm *gcm, __m128i blocks[WIDE])
{
    __m128i a = _mm_xor_si128(blocks[0], gcm->round_keys[0]);
    __m128i b = _mm_xor_si128(blocks[1], gcm->round_keys[0]);
    __m128i c = _mm_xor_si128(blocks[2], gcm->round_keys[0]);
    __m128i d = _mm_xor_si128(blocks[3], gcm->round_keys[0]);
    for (size_t i = 1; i < ROUNDS; i++) {
        a = _mm_aesenc_si128(a, gcm->round_keys[i]);
        b = _mm_aesenc_si128(b, gcm->round_keys[i]);
        c = _mm_aesenc_si128(c, gcm->round_keys[i]);
        d = _mm_aesenc_si128(d, gcm->round_keys[i]);
    }
    blocks[0] = _mm_aesenclast_si128(a, gcm->round_keys[ROUNDS]);
    blocks[1] = _mm_aesenclast_si128(b, gcm->round_keys[ROUNDS]);
    blocks[2] = _mm_aesenclast_si128(c, gcm->round_keys[ROUNDS]);
    blocks[3] = _mm_aesenclast_si128(d, gcm->round_keys[ROUNDS]);
}

WITH_AES static __m128i reverse(__m128i block)
{
    const __m128i order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm_shuffle_epi8(block, order);
}

/* Adds to the upper half of the sum what its lowest 64 bits are worth there. */
WITH_AES static __m128i fold(__m128i low)
{
    const __m128i polynomial = _mm_set_epi64x(0, POLYNOMIAL);
    __m128i product = _mm_clmulepi64_si128(low, polynomial, 0x00);
    return _mm_xor_si128(_mm_shuffle_epi32(low, 0x4E), product);
}

/* A product that is not folded yet. */
struct product {
    __m128i low, middle, high;
};

WITH_AES static void add_product(struct product *sum, __m128i a, __m128i b)
{
    sum->low = _mm_xor_si128(sum->low, _mm_clmulepi64_si128(a, b, 0x00));
    sum->high = _mm_xor_si128(sum->high, _mm_clmulepi64_si128(a, b, 0x11));
    sum->middle = _mm_xor_si128(sum->middle, _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x01),
                                                           _mm_clmulepi64_si128(a, b, 0x10)));
}

/* The sum times x^-128. */
WITH_AES static __m128i fold_product(const struct product *sum)
{
    __m128i low = _mm_xor_si128(sum->low, _mm_slli_si128(sum->middle, 8));
    __m128i high = _mm_xor_si128(sum->high, _mm_srli_si128(sum->middle, 8));
    return _mm_xor_si128(high, fold(fold(low)));
}

WITH_AES static struct product no_product(void)
{
    const __m128i zero = _mm_setzero_si128();
    return (struct product){zero, zero, zero};
}

/* a · b · x^-128. */
WITH_AES static __m128i multiply(__m128i a, __m128i b)
{
    struct product product = no_product();
    add_product(&product, a, b);
    return fold_product(&product);
}

/* a · x: one bit upwards, and the polynomial where a bit falls out. */
WITH_AES static __m128i double_block(__m128i a)
{
    __m128i carries = _mm_srli_epi64(a, 63);
    __m128i shifted = _mm_or_si128(_mm_slli_epi64(a, 1), _mm_slli_si128(carries, 8));
    __m128i fell = _mm_sub_epi64(_mm_setzero_si128(), _mm_srli_si128(carries, 8));
    fell = _mm_shuffle_epi32(fell, 0x44);
    return _mm_xor_si128(shifted, _mm_and_si128(fell, _mm_set_epi64x(POLYNOMIAL, 1)));
}

WITH_AES static __m128i load(const uint8_t *bytes)
{
    return _mm_loadu_si128((const __m128i *)(const void *)bytes);
}

WITH_AES static void hash_block(struct gcm *gcm, __m128i block)
{
    gcm->hash = multiply(_mm_xor_si128(gcm->hash, reverse(block)), gcm->h[0]);
}

WITH_AES static void hash_wide(struct gcm *gcm, const uint8_t bytes[WIDE_SIZE])
{
    struct product sum = no_product();
    add_product(&sum, _mm_xor_si128(gcm->hash, reverse(load(bytes))), gcm->h[3]);
    for (size_t i = 1; i < WIDE; i++)
        add_product(&sum, reverse(load(bytes + i * BLOCK_SIZE)), gcm->h[WIDE - 1 - i]);
    gcm->hash = fold_product(&sum);
}

/* Whole blocks, the last filled up by zeros. */
WITH_AES static void hash(struct gcm *gcm, struct span bytes)
{
    size_t at = 0;
    for (; bytes.size - at >= WIDE_SIZE; at += WIDE_SIZE)
        hash_wide(gcm, bytes.data + at);
    for (; bytes.size - at >= BLOCK_SIZE; at += BLOCK_SIZE)
        hash_block(gcm, load(bytes.data + at));
    if (at < bytes.size) {
        __m128i block = _mm_setzero_si128();
        memcpy(&block, bytes.data + at, bytes.size - at);
        hash_block(gcm, block);
    }
}

/* IV and counter, the counter of the tag's own block first. */
WITH_AES static __m128i counter(__m128i iv, uint32_t number)
{
    return _mm_insert_epi32(iv, (int)__builtin_bswap32(number), 3);
}

WITH_AES static __m128i load_iv(const uint8_t iv[AES_GCM_IV_SIZE])
{
    __m128i block = _mm_setzero_si128();
    memcpy(&block, iv, AES_GCM_IV_SIZE);
    return block;
}

WITH_AES static void start(struct gcm *gcm, const uint8_t key[AES_GCM_KEY_SIZE], struct span aad)
{
    expand_key(key, gcm->round_keys);
    gcm->h[0] = double_block(reverse(encrypt(gcm, _mm_setzero_si128())));
    for (size_t i = 1; i < WIDE; i++)
        gcm->h[i] = multiply(gcm->h[i - 1], gcm->h[0]);
    gcm->hash = _mm_setzero_si128();
    hash(gcm, aad);
}

WITH_AES static void crypt_wide(const struct gcm *gcm, __m128i iv, uint32_t number,
                                const uint8_t *in, uint8_t *out)
{
    __m128i blocks[WIDE] = {counter(iv, number), counter(iv, number + 1), counter(iv, number + 2),
                            counter(iv, number + 3)};
    encrypt_wide(gcm, blocks);
    for (size_t i = 0; i < WIDE; i++)
        _mm_storeu_si128((__m128i *)(void *)(out + i * BLOCK_SIZE),
                         _mm_xor_si128(blocks[i], load(in + i * BLOCK_SIZE)));
}

WITH_AES static void crypt(const struct gcm *gcm, const uint8_t iv[AES_GCM_IV_SIZE], struct span in,
                           uint8_t *out)
{
    const __m128i first = load_iv(iv);
    uint32_t number = 2;
    size_t at = 0;
    for (; in.size - at >= WIDE_SIZE; at += WIDE_SIZE, number += WIDE)
        crypt_wide(gcm, first, number, in.data + at, out + at);
    for (; at < in.size; at += BLOCK_SIZE, number++) {
        size_t part = in.size - at < BLOCK_SIZE ? in.size - at : BLOCK_SIZE;
        __m128i block = _mm_setzero_si128();
        memcpy(&block, in.data + at, part);
        block = _mm_xor_si128(block, encrypt(gcm, counter(first, number)));
        memcpy(out + at, &block, part);
    }
}

WITH_AES static void finish(struct gcm *gcm, const uint8_t iv[AES_GCM_IV_SIZE], uint64_t aad_size,
                            uint64_t size, uint8_t tag[AES_GCM_TAG_SIZE])
{
    uint64_t lengths[2] = {__builtin_bswap64(8 * aad_size), __builtin_bswap64(8 * size)};
    __m128i block;
    memcpy(&block, lengths, sizeof block);
    hash_block(gcm, block);
    block = _mm_xor_si128(reverse(gcm->hash), encrypt(gcm, counter(load_iv(iv), 1)));
    memcpy(tag, &block, AES_GCM_TAG_SIZE);
}

bool aes_gcm_seal(const uint8_t key[AES_GCM_KEY_SIZE], const uint8_t iv[AES_GCM_IV_SIZE],
                  struct span aad, struct span plain, uint8_t *out, uint8_t tag[AES_GCM_TAG_SIZE])
{
    struct gcm gcm;
    if (plain.size > AES_GCM_SIZE_MAX || aad.size > AES_GCM_SIZE_MAX)
        return false;
    start(&gcm, key, aad);
    crypt(&gcm, iv, plain, out);
    hash(&gcm, span_of(out, plain.size));
    finish(&gcm, iv, aad.size, plain.size, tag);
    libos_wipe(&gcm, sizeof gcm);
    return true;
}

bool aes_gcm_open(const uint8_t key[AES_GCM_KEY_SIZE], const uint8_t iv[AES_GCM_IV_SIZE],
                  struct span aad, struct span cipher, const uint8_t tag[AES_GCM_TAG_SIZE],
                  uint8_t *out)
{
    struct gcm gcm;
    uint8_t found[AES_GCM_TAG_SIZE];
    if (cipher.size > AES_GCM_SIZE_MAX || aad.size > AES_GCM_SIZE_MAX)
        return false;
    start(&gcm, key, aad);
    hash(&gcm, cipher);
    finish(&gcm, iv, aad.size, cipher.size, found);
    bool good = libos_same(found, tag, sizeof found);
    if (good)
        crypt(&gcm, iv, cipher, out);
    libos_wipe(&gcm, sizeof gcm);
    libos_wipe(found, sizeof found);
    return good;
}
