/* AES-256-GCM by instructions, against OpenSSL's for every size up to some blocks. */
#include "../../../check.h"

#include "crypto/seal.h"
#include "enclave/libos/seal/aes_gcm.h"

#define PLAIN_MAX 260
#define AAD_MAX   150
#define CIPHER    133 /* bytes, of which some go four blocks at once and some do not */

static struct error err;
static uint8_t key[AES_GCM_KEY_SIZE];
static uint8_t iv[AES_GCM_IV_SIZE];
static uint8_t plain[PLAIN_MAX];
static uint8_t aad[AAD_MAX];

static int fill(void **state)
{
    (void)state;
    for (size_t i = 0; i < PLAIN_MAX; i++)
        plain[i] = (uint8_t)(i * 7 + 1);
    for (size_t i = 0; i < AAD_MAX; i++)
        aad[i] = (uint8_t)(i * 11 + 3);
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i * 13 + 5);
    for (size_t i = 0; i < sizeof iv; i++)
        iv[i] = (uint8_t)(0xF0 + i);
    return 0;
}

static void compare(size_t size, size_t aad_size)
{
    uint8_t tags[2][AES_GCM_TAG_SIZE];
    uint8_t cipher[PLAIN_MAX];
    uint8_t back[PLAIN_MAX];
    BUF_AUTO expected = BUF_WITH_LIMIT(PLAIN_MAX);
    struct span with = span_of(aad, aad_size);
    check_ok(gcm_seal(key, iv, with, span_of(plain, size), &expected, tags[0], &err), &err);
    assert_true(aes_gcm_seal(key, iv, with, span_of(plain, size), cipher, tags[1]));
    assert_true(span_equal(buf_span(&expected), span_of(cipher, size)));
    assert_memory_equal(tags[0], tags[1], AES_GCM_TAG_SIZE);
    assert_true(aes_gcm_open(key, iv, with, span_of(cipher, size), tags[1], back));
    assert_true(size == 0 || memcmp(back, plain, size) == 0);
}

static void agrees_for_every_size(void **state)
{
    (void)state;
    for (size_t size = 0; size <= PLAIN_MAX; size++)
        compare(size, size % AAD_MAX);
    for (size_t size = 0; size <= AAD_MAX; size++)
        compare(33, size);
}

static void agrees_for_other_keys(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < (size_t)8 * AES_GCM_KEY_SIZE; bit++) {
        key[bit / 8] ^= (uint8_t)(1U << bit % 8);
        iv[bit % 12] = (uint8_t)(iv[bit % 12] + 1);
        compare(50, 20);
        compare(150, 70);
    }
}

/* NIST's CAVP set has this one: all of it zero. */
static void agrees_with_the_known_answer(void **state)
{
    (void)state;
    static const uint8_t zero[AES_GCM_KEY_SIZE];
    static const uint8_t expected[] = {0x53, 0x0F, 0x8A, 0xFB, 0xC7, 0x45, 0x36, 0xB9,
                                       0xA9, 0x63, 0xB4, 0xF1, 0xC4, 0xCB, 0x73, 0x8B};
    uint8_t tag[AES_GCM_TAG_SIZE];
    assert_true(aes_gcm_seal(zero, zero, span_of(NULL, 0), span_of(NULL, 0), NULL, tag));
    assert_memory_equal(tag, expected, sizeof tag);
}

static void works_in_place(void **state)
{
    (void)state;
    uint8_t tag[AES_GCM_TAG_SIZE];
    uint8_t bytes[PLAIN_MAX];
    memcpy(bytes, plain, sizeof bytes);
    assert_true(aes_gcm_seal(key, iv, span_of(aad, 5), span_of(bytes, sizeof bytes), bytes, tag));
    assert_memory_not_equal(bytes, plain, sizeof bytes);
    assert_true(aes_gcm_open(key, iv, span_of(aad, 5), span_of(bytes, sizeof bytes), tag, bytes));
    assert_memory_equal(bytes, plain, sizeof bytes);
}

/* Flips a bit of `part`; nothing may be given out. */
static void expect_refusal(uint8_t *part, size_t size, const uint8_t *cipher, const uint8_t *tag)
{
    uint8_t out[PLAIN_MAX];
    for (size_t bit = 0; bit < 8 * size; bit++) {
        memset(out, 0xEE, sizeof out);
        part[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(aes_gcm_open(key, iv, span_of(aad, 30), span_of(cipher, CIPHER), tag, out));
        part[bit / 8] ^= (uint8_t)(1U << bit % 8);
        for (size_t i = 0; i < sizeof out; i++)
            assert_int_equal(out[i], 0xEE);
    }
}

static void refuses_every_flip(void **state)
{
    (void)state;
    uint8_t tag[AES_GCM_TAG_SIZE];
    uint8_t cipher[CIPHER];
    uint8_t out[PLAIN_MAX];
    assert_true(aes_gcm_seal(key, iv, span_of(aad, 30), span_of(plain, CIPHER), cipher, tag));
    expect_refusal(cipher, sizeof cipher, cipher, tag);
    expect_refusal(tag, sizeof tag, cipher, tag);
    expect_refusal(aad, 30, cipher, tag);
    expect_refusal(key, sizeof key, cipher, tag);
    expect_refusal(iv, sizeof iv, cipher, tag);
    for (size_t size = 0; size < sizeof cipher; size++)
        assert_false(aes_gcm_open(key, iv, span_of(aad, 30), span_of(cipher, size), tag, out));
    for (size_t size = 0; size < 30; size++)
        assert_false(aes_gcm_open(key, iv, span_of(aad, size), span_of(cipher, CIPHER), tag, out));
    assert_true(aes_gcm_open(key, iv, span_of(aad, 30), span_of(cipher, CIPHER), tag, out));
}

static void refuses_sizes_beyond_the_limit(void **state)
{
    (void)state;
    uint8_t tag[AES_GCM_TAG_SIZE];
    const struct span huge = {plain, AES_GCM_SIZE_MAX + 1};
    const struct span none = {NULL, 0};
    assert_false(aes_gcm_seal(key, iv, none, huge, NULL, tag));
    assert_false(aes_gcm_seal(key, iv, huge, none, NULL, tag));
    assert_false(aes_gcm_open(key, iv, none, huge, plain, NULL));
    assert_false(aes_gcm_open(key, iv, huge, none, plain, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_for_every_size),
        cmocka_unit_test(agrees_for_other_keys),
        cmocka_unit_test(agrees_with_the_known_answer),
        cmocka_unit_test(works_in_place),
        cmocka_unit_test(refuses_every_flip),
        cmocka_unit_test(refuses_sizes_beyond_the_limit),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
