#include "../check.h"
#include "../made.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "crypto/signature.h"

static struct error err;

static const struct {
    enum signature_scheme scheme;
    const char *key;
} schemes[] = {{SIGNATURE_ES256, "P-256"}, {SIGNATURE_ES384, "P-384"}, {SIGNATURE_ES512, "P-521"},
               {SIGNATURE_PS256, "RSA"},   {SIGNATURE_PS384, "RSA"},   {SIGNATURE_PS512, "RSA"},
               {SIGNATURE_RS256, "RSA"},   {SIGNATURE_RS384, "RSA"},   {SIGNATURE_RS512, "RSA"}};
#define SCHEME_COUNT (sizeof schemes / sizeof *schemes)

static EVP_PKEY *keys[4];
static const char *const key_names[4] = {"P-256", "P-384", "P-521", "RSA"};

static int make_keys(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        keys[i] = made_key(key_names[i]);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        EVP_PKEY_free(keys[i]);
    return 0;
}

static EVP_PKEY *key_of(const char *name)
{
    for (int i = 0; i < 4; i++) {
        if (strcmp(key_names[i], name) == 0)
            return keys[i];
    }
    return NULL;
}

static struct public_key *public_of(EVP_PKEY *key)
{
    BUF_AUTO der = BUF_WITH_LIMIT(65536);
    made_public_key(key, &der);
    struct public_key *public_key = public_key_from_spki(buf_span(&der), &err);
    assert_non_null(public_key);
    return public_key;
}

static const struct span message = {(const uint8_t *)"a message", 9};

static void each_scheme_accepts_its_own_signature_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        PUBLIC_KEY_AUTO *key = public_of(key_of(schemes[i].key));
        BUF_AUTO signature = BUF_WITH_LIMIT(4096);
        made_sign(key_of(schemes[i].key), schemes[i].scheme, message, &signature);
        for (size_t j = 0; j < SCHEME_COUNT; j++) {
            if (i == j)
                check_ok(
                    public_key_check(key, schemes[j].scheme, message, buf_span(&signature), &err),
                    &err);
            else
                check_error(
                    public_key_check(key, schemes[j].scheme, message, buf_span(&signature), &err),
                    &err, ERROR_REFUSED);
        }
    }
}

static void refuses_every_flipped_bit_and_other_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        PUBLIC_KEY_AUTO *key = public_of(key_of(schemes[i].key));
        BUF_AUTO signature = BUF_WITH_LIMIT(4096);
        made_sign(key_of(schemes[i].key), schemes[i].scheme, message, &signature);
        for (size_t bit = 0; bit < 8 * signature.size; bit++) {
            signature.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            check_error(
                public_key_check(key, schemes[i].scheme, message, buf_span(&signature), &err), &err,
                ERROR_REFUSED);
            signature.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t size = 0; size < signature.size; size++)
            check_error(public_key_check(key, schemes[i].scheme, message,
                                         span_of(signature.data, size), &err),
                        &err, ERROR_REFUSED);
        check_ok(buf_append_byte(&signature, 0, &err), &err);
        check_error(public_key_check(key, schemes[i].scheme, message, buf_span(&signature), &err),
                    &err, ERROR_REFUSED);
    }
}

static void refuses_zeros_and_the_groups_order(void **state)
{
    (void)state;
    PUBLIC_KEY_AUTO *key = public_of(key_of("P-256"));
    uint8_t signature[64] = {0};
    check_error(public_key_check(key, SIGNATURE_ES256, message, span_of(signature, 64), &err), &err,
                ERROR_REFUSED);
    memset(signature, 0xff, sizeof signature);
    check_error(public_key_check(key, SIGNATURE_ES256, message, span_of(signature, 64), &err), &err,
                ERROR_REFUSED);
}

static void refuses_another_message_and_no_scheme(void **state)
{
    (void)state;
    PUBLIC_KEY_AUTO *key = public_of(key_of("P-384"));
    BUF_AUTO signature = BUF_WITH_LIMIT(4096);
    made_sign(key_of("P-384"), SIGNATURE_ES384, message, &signature);
    check_refused(
        public_key_check(key, SIGNATURE_ES384, span_of("a messagE", 9), buf_span(&signature), &err),
        &err, "does not hold");
    check_refused(public_key_check(key, 0, message, buf_span(&signature), &err), &err, "no scheme");
    check_refused(public_key_check(key, SIGNATURE_ES384 | SIGNATURE_ES256, message,
                                   buf_span(&signature), &err),
                  &err, "no scheme");
    assert_null(signature_scheme_name(0));
    assert_string_equal(signature_scheme_name(SIGNATURE_RS512), "RS512");
}

static void an_rsa_key_comes_from_its_numbers(void **state)
{
    (void)state;
    BIGNUM *n = NULL;
    uint8_t modulus[257] = {0};
    BUF_AUTO signature = BUF_WITH_LIMIT(4096);
    assert_int_equal(EVP_PKEY_get_bn_param(key_of("RSA"), OSSL_PKEY_PARAM_RSA_N, &n), 1);
    assert_int_equal(BN_bn2binpad(n, modulus, 257), 257);
    BN_free(n);
    made_sign(key_of("RSA"), SIGNATURE_RS256, message, &signature);
    for (size_t skip = 0; skip < 2; skip++) { /* with a leading zero byte, and without */
        PUBLIC_KEY_AUTO *key = public_key_from_rsa(span_of(modulus + skip, 257 - skip),
                                                   span_of("\x01\x00\x01", 3), &err);
        assert_non_null(key);
        assert_int_equal(public_key_rsa_size(key), 256);
        check_ok(public_key_check(key, SIGNATURE_RS256, message, buf_span(&signature), &err), &err);
    }
    PUBLIC_KEY_AUTO *other = public_of(key_of("P-256"));
    assert_int_equal(public_key_rsa_size(other), 0);
}

static void refuses_rsa_numbers_that_are_weak(void **state)
{
    (void)state;
    static uint8_t modulus[1025];
    memset(modulus, 0xff, sizeof modulus);
    static const struct {
        size_t size;
        const char *exponent;
        size_t exponent_size;
        uint8_t first;
        uint8_t last;
    } refused[] = {
        {0, "\x01\x00\x01", 3, 0xff, 0xff},
        {255, "\x01\x00\x01", 3, 0xff, 0xff},
        {256, "\x01\x00\x01", 3, 0x7f, 0xff},
        {256, "\x01\x00\x01", 3, 0xff, 0xfe},
        {1025, "\x01\x00\x01", 3, 0xff, 0xff},
        {256, "", 0, 0xff, 0xff},
        {256, "\x01", 1, 0xff, 0xff},
        {256, "\x03", 1, 0xff, 0xff},
        {256, "\x01\x00\x00", 3, 0xff, 0xff},
        {256, "\x01\x00\x02", 3, 0xff, 0xff},
        {256, "\x00\x00\x01\x00\x01", 5, 0xff, 0xff},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        size_t size = refused[i].size;
        if (size > 0) {
            modulus[0] = refused[i].first;
            modulus[size - 1] = refused[i].last;
        }
        err = (struct error){0};
        assert_null(public_key_from_rsa(
            span_of(modulus, size), span_of(refused[i].exponent, refused[i].exponent_size), &err));
        assert_int_equal(err.code, ERROR_INVALID);
        memset(modulus, 0xff, sizeof modulus);
    }
}

static void refuses_a_small_rsa_key_of_a_certificate(void **state)
{
    (void)state;
    EVP_PKEY *small = EVP_RSA_gen(1024);
    assert_non_null(small);
    PUBLIC_KEY_AUTO *key = public_of(small);
    BUF_AUTO signature = BUF_WITH_LIMIT(4096);
    made_sign(small, SIGNATURE_PS256, message, &signature);
    check_refused(public_key_check(key, SIGNATURE_PS256, message, buf_span(&signature), &err), &err,
                  "2048 to 8192");
    EVP_PKEY_free(small);
}

static void refuses_every_truncation_of_a_key(void **state)
{
    (void)state;
    BUF_AUTO der = BUF_WITH_LIMIT(65536);
    made_public_key(key_of("P-384"), &der);
    for (size_t size = 0; size < der.size; size++)
        assert_null(public_key_from_spki(span_of(der.data, size), &err));
    check_ok(buf_append_byte(&der, 0, &err), &err);
    assert_null(public_key_from_spki(buf_span(&der), &err));
    assert_int_equal(err.code, ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_scheme_accepts_its_own_signature_alone),
        cmocka_unit_test(refuses_every_flipped_bit_and_other_sizes),
        cmocka_unit_test(refuses_zeros_and_the_groups_order),
        cmocka_unit_test(refuses_another_message_and_no_scheme),
        cmocka_unit_test(an_rsa_key_comes_from_its_numbers),
        cmocka_unit_test(refuses_rsa_numbers_that_are_weak),
        cmocka_unit_test(refuses_a_small_rsa_key_of_a_certificate),
        cmocka_unit_test(refuses_every_truncation_of_a_key),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
