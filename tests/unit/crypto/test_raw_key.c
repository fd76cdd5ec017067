#include "../check.h"

#include "crypto/issue.h"

static struct error err;

static void checks_what_a_private_key_signed(void **state)
{
    (void)state;
    PRIVATE_KEY_AUTO *key = private_key_new_p384(&err);
    PRIVATE_KEY_AUTO *other = private_key_new_p384(&err);
    struct p384_key mine;
    struct p384_key foreign;
    uint8_t digest[SHA384_SIZE] = {1, 2, 3};
    uint8_t r[P384_SIZE];
    uint8_t s[P384_SIZE];
    check_ok(private_key_public_p384(key, &mine, &err), &err);
    check_ok(private_key_public_p384(other, &foreign, &err), &err);
    check_ok(private_key_sign_p384(key, digest, r, s, &err), &err);
    check_ok(p384_check(&mine, digest, r, s, &err), &err);
    check_error(p384_check(&foreign, digest, r, s, &err), &err, ERROR_REFUSED);
    check_error(p384_check(&mine, digest, s, r, &err), &err, ERROR_REFUSED);
    digest[47] ^= 1;
    check_error(p384_check(&mine, digest, r, s, &err), &err, ERROR_REFUSED);
}

static void refuses_zero_and_points_off_the_curve(void **state)
{
    (void)state;
    PRIVATE_KEY_AUTO *key = private_key_new_p384(&err);
    struct p384_key mine;
    static const uint8_t digest[SHA384_SIZE];
    static const uint8_t zero[P384_SIZE];
    uint8_t r[P384_SIZE];
    uint8_t s[P384_SIZE];
    check_ok(private_key_public_p384(key, &mine, &err), &err);
    check_ok(private_key_sign_p384(key, digest, r, s, &err), &err);
    check_error(p384_check(&mine, digest, zero, zero, &err), &err, ERROR_REFUSED);
    check_error(p384_check(&mine, digest, r, zero, &err), &err, ERROR_REFUSED);
    mine.y[P384_SIZE - 1] ^= 1;
    check_error(p384_check(&mine, digest, r, s, &err), &err, ERROR_INVALID);
    memset(&mine, 0, sizeof mine);
    check_error(p384_check(&mine, digest, r, s, &err), &err, ERROR_INVALID);
    memset(&mine, 0xFF, sizeof mine);
    check_error(p384_check(&mine, digest, r, s, &err), &err, ERROR_INVALID);
}

static void a_key_of_another_kind_has_no_point(void **state)
{
    (void)state;
    /* openssl genpkey -algorithm ED25519 */
    static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
                              "-----END PRIVATE KEY-----\n";
    PRIVATE_KEY_AUTO *key = private_key_from_pem(span_of_text(pem), &err);
    struct p384_key point;
    assert_non_null(key);
    check_error(private_key_public_p384(key, &point, &err), &err, ERROR_INVALID);
}

/* n = 2^3071 + 1, s = 2^1536: s^2 = 2^3072 = 1 * n + (2^3071 - 1), and so on by hand. */
static void rsa3_divides_as_by_hand(void **state)
{
    (void)state;
    uint8_t n[RSA3072_SIZE] = {1};
    uint8_t s[RSA3072_SIZE] = {0};
    struct rsa3_result result;
    n[RSA3072_SIZE - 1] = 0x80;
    s[192] = 1;
    check_ok(rsa3_apply(n, s, &result, &err), &err);
    uint8_t one[RSA3072_SIZE] = {1};
    assert_memory_equal(result.q1, one, RSA3072_SIZE);
    /* s * (2^3071 - 1) = 2^4607 - 2^1536 = (2^1536 - 1) * n + (2^3071 + 1 - 2 * 2^1536), since
     * (2^1536 - 1) * (2^3071 + 1) = 2^4607 - 2^3071 + 2^1536 - 1. */
    uint8_t q2[RSA3072_SIZE] = {0};
    memset(q2, 0xFF, 192);
    assert_memory_equal(result.q2, q2, RSA3072_SIZE);
    uint8_t message[RSA3072_SIZE] = {1}; /* 2^3071 - 2^1537 + 1 */
    memset(message + 192, 0xFF, 192);
    message[192] = 0xFE;
    message[RSA3072_SIZE - 1] = 0x7F;
    assert_memory_equal(result.message, message, RSA3072_SIZE);
}

static void rsa3_refuses_other_moduli_and_large_signatures(void **state)
{
    (void)state;
    uint8_t n[RSA3072_SIZE] = {0};
    uint8_t s[RSA3072_SIZE] = {2};
    struct rsa3_result result;
    check_error(rsa3_apply(n, s, &result, &err), &err, ERROR_REFUSED); /* zero */
    n[0] = 1;
    check_error(rsa3_apply(n, s, &result, &err), &err, ERROR_REFUSED); /* one */
    n[RSA3072_SIZE - 1] = 0x40;
    check_error(rsa3_apply(n, s, &result, &err), &err, ERROR_REFUSED); /* 3071 bits */
    n[RSA3072_SIZE - 1] = 0x80;
    n[0] = 0;
    check_error(rsa3_apply(n, s, &result, &err), &err, ERROR_REFUSED); /* even */
    n[0] = 1;
    check_ok(rsa3_apply(n, s, &result, &err), &err);
    check_error(rsa3_apply(n, n, &result, &err), &err, ERROR_REFUSED); /* s = n */
}

static void a_message_is_pkcs1s_to_the_byte(void **state)
{
    (void)state;
    static const uint8_t digest[SHA256_SIZE] = {9};
    static const uint8_t info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                   0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    uint8_t message[RSA3072_SIZE];
    memset(message, 0xFF, sizeof message);
    message[RSA3072_SIZE - 1] = 0;
    message[RSA3072_SIZE - 2] = 1;
    message[SHA256_SIZE + sizeof info] = 0;
    for (size_t i = 0; i < sizeof info; i++)
        message[SHA256_SIZE + sizeof info - 1 - i] = info[i];
    for (size_t i = 0; i < SHA256_SIZE; i++)
        message[SHA256_SIZE - 1 - i] = digest[i];
    assert_true(rsa3_message_is(message, digest));
    for (size_t i = 0; i < sizeof message; i++) {
        message[i] ^= 0x04;
        assert_false(rsa3_message_is(message, digest));
        message[i] ^= 0x04;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_what_a_private_key_signed),
        cmocka_unit_test(refuses_zero_and_points_off_the_curve),
        cmocka_unit_test(a_key_of_another_kind_has_no_point),
        cmocka_unit_test(rsa3_divides_as_by_hand),
        cmocka_unit_test(rsa3_refuses_other_moduli_and_large_signatures),
        cmocka_unit_test(a_message_is_pkcs1s_to_the_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
