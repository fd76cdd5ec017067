/* AES-128-CMAC by instructions, against OpenSSL's for every size up to some blocks. */
#include "../../../check.h"

#include "crypto/cmac.h"
#include "enclave/libos/seal/aes_cmac.h"

#define MESSAGE_MAX 400

static struct error err;
static uint8_t key[AES_CMAC_SIZE];
static uint8_t message[MESSAGE_MAX];

static int fill(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)(i * 7 + 1);
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i * 13 + 5);
    return 0;
}

static void compare(size_t size)
{
    uint8_t codes[2][AES_CMAC_SIZE];
    check_ok(cmac_aes128(key, span_of(message, size), codes[0], &err), &err);
    aes_cmac(key, span_of(message, size), codes[1]);
    assert_memory_equal(codes[0], codes[1], sizeof codes[0]);
}

static void agrees_for_every_size(void **state)
{
    (void)state;
    for (size_t size = 0; size <= MESSAGE_MAX; size++)
        compare(size);
}

static void agrees_for_other_keys(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < (size_t)8 * AES_CMAC_SIZE; bit++) {
        key[bit / 8] ^= (uint8_t)(1U << bit % 8);
        compare(0);
        compare(16);
        compare(384);
    }
}

/* NIST SP 800-38B, appendix D.1 (examples 1 and 2 for AES-128). */
static void knows_the_standards_examples(void **state)
{
    (void)state;
    static const uint8_t known[16] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
                                      0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};
    static const uint8_t block[16] = {0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96,
                                      0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a};
    static const uint8_t of_none[16] = {0xbb, 0x1d, 0x69, 0x29, 0xe9, 0x59, 0x37, 0x28,
                                        0x7f, 0xa3, 0x7d, 0x12, 0x9b, 0x75, 0x67, 0x46};
    static const uint8_t of_block[16] = {0x07, 0x0a, 0x16, 0xb4, 0x6b, 0x4d, 0x41, 0x44,
                                         0xf7, 0x9b, 0xdd, 0x9d, 0xd0, 0x4a, 0x28, 0x7c};
    uint8_t code[AES_CMAC_SIZE];
    aes_cmac(known, span_of(block, 0), code);
    assert_memory_equal(code, of_none, sizeof code);
    aes_cmac(known, span_of(block, sizeof block), code);
    assert_memory_equal(code, of_block, sizeof code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(agrees_for_every_size, fill),
        cmocka_unit_test_setup(agrees_for_other_keys, fill),
        cmocka_unit_test(knows_the_standards_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
