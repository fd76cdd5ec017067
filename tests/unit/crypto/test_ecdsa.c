#include "../check.h"

#include "base/hex.h"
#include "crypto/ecdsa.h"
#include "crypto/issue.h"

static struct error err;

/* RFC 6979, appendix A.2.5: P-256, SHA-256, the message "sample". */
#define KNOWN_X "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
#define KNOWN_Y "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define KNOWN_R "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
#define KNOWN_S "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
/* The group's order, SP 800-186, section 3.2.1.3. */
#define ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"

struct known {
    uint8_t key[P256_POINT_SIZE];
    uint8_t digest[SHA256_SIZE];
    uint8_t signature[P256_SIGNATURE_SIZE];
};

static struct known known(void)
{
    struct known known;
    assert_true(hex_decode(span_of_text(KNOWN_X KNOWN_Y), known.key, sizeof known.key));
    assert_true(hex_decode(span_of_text(KNOWN_R KNOWN_S), known.signature, sizeof known.signature));
    sha256_digest(span_of_text("sample"), known.digest);
    return known;
}

static int check(const struct known *known)
{
    return ecdsa_check_p256(known->key, known->digest, known->signature, &err);
}

static void accepts_the_example_of_rfc_6979(void **state)
{
    (void)state;
    struct known example = known();
    check_ok(check(&example), &err);
}

static void refuses_any_flipped_bit(void **state)
{
    (void)state;
    struct known example = known();
    uint8_t *bytes = (uint8_t *)&example;
    for (size_t i = 0; i < 8 * sizeof example; i++) {
        bytes[i / 8] ^= (uint8_t)(1U << (i % 8));
        check_error(check(&example), &err, ERROR_REFUSED);
        bytes[i / 8] ^= (uint8_t)(1U << (i % 8));
    }
    check_ok(check(&example), &err);
}

static void refuses_a_key_off_the_curve(void **state)
{
    (void)state;
    struct known example = known();
    memset(example.key, 0, sizeof example.key);
    check_refused(check(&example), &err, "no point");
    memset(example.key, 0xFF, sizeof example.key);
    check_refused(check(&example), &err, "no point");
}

static void refuses_numbers_out_of_range(void **state)
{
    (void)state;
    uint8_t order[P256_SIZE];
    assert_true(hex_decode(span_of_text(ORDER), order, sizeof order));
    for (size_t half = 0; half < P256_SIGNATURE_SIZE; half += P256_SIZE) {
        struct known example = known();
        memset(example.signature + half, 0, P256_SIZE);
        check_error(check(&example), &err, ERROR_REFUSED);
        memcpy(example.signature + half, order, P256_SIZE);
        check_error(check(&example), &err, ERROR_REFUSED);
    }
    struct known none = known();
    memset(none.signature, 0, sizeof none.signature);
    check_error(check(&none), &err, ERROR_REFUSED);
}

static void signs_what_it_accepts(void **state)
{
    (void)state;
    struct known made = known();
    PRIVATE_KEY_AUTO *key = private_key_new_p256(&err);
    assert_non_null(key);
    check_ok(private_key_point_p256(key, made.key, &err), &err);
    check_error(check(&made), &err, ERROR_REFUSED);
    check_ok(private_key_sign_p256(key, made.digest, made.signature, &err), &err);
    check_ok(check(&made), &err);
}

/* Numbers with zeros before them, and with a first bit that DER would take for a sign. */
static void accepts_numbers_of_every_length(void **state)
{
    (void)state;
    struct known made = known();
    size_t short_ones[2] = {0};
    PRIVATE_KEY_AUTO *key = private_key_new_p256(&err);
    assert_non_null(key);
    check_ok(private_key_point_p256(key, made.key, &err), &err);
    for (int i = 0; i < 100000 && (short_ones[0] == 0 || short_ones[1] == 0); i++) {
        check_ok(private_key_sign_p256(key, made.digest, made.signature, &err), &err);
        short_ones[0] += made.signature[0] == 0;
        short_ones[1] += made.signature[P256_SIZE] == 0;
        check_ok(check(&made), &err);
    }
    assert_true(short_ones[0] > 0 && short_ones[1] > 0);
}

static void refuses_to_sign_with_a_key_of_another_curve(void **state)
{
    (void)state;
    struct known made = known();
    uint8_t r[P384_SIZE];
    uint8_t s[P384_SIZE];
    const uint8_t digest[SHA384_SIZE] = {0};
    PRIVATE_KEY_AUTO *wide = private_key_new_p384(&err);
    PRIVATE_KEY_AUTO *narrow = private_key_new_p256(&err);
    check_refused(private_key_sign_p256(wide, made.digest, made.signature, &err), &err, "P-256");
    check_refused(private_key_point_p256(wide, made.key, &err), &err, "P-256");
    check_refused(private_key_sign_p384(narrow, digest, r, s, &err), &err, "P-384");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_the_example_of_rfc_6979),
        cmocka_unit_test(refuses_any_flipped_bit),
        cmocka_unit_test(refuses_a_key_off_the_curve),
        cmocka_unit_test(refuses_numbers_out_of_range),
        cmocka_unit_test(signs_what_it_accepts),
        cmocka_unit_test(accepts_numbers_of_every_length),
        cmocka_unit_test(refuses_to_sign_with_a_key_of_another_curve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
