#include "../check.h"

#include "crypto/key.h"

static struct error err;
static struct private_key *keys[KEY_KIND_COUNT];

static int make_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEY_KIND_COUNT; i++) {
        keys[i] = private_key_new((enum key_kind)i, 2048, &err);
        assert_non_null(keys[i]);
    }
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEY_KIND_COUNT; i++)
        private_key_free(keys[i]);
    return 0;
}

/* Numbers of a key, for a test to spoil. */
static void take(enum key_kind kind, struct key_numbers *numbers)
{
    key_numbers_init(numbers);
    check_ok(private_key_to_numbers(keys[kind], numbers, &err), &err);
    assert_int_equal(numbers->kind, kind);
}

static void refuses_private(const struct key_numbers *numbers, const char *words)
{
    err = (struct error){0};
    assert_null(private_key_from_numbers(numbers, &err));
    assert_int_equal(err.code, ERROR_INVALID);
    assert_non_null(strstr(err.text, words));
}

static void refuses_public(const struct key_numbers *numbers, const char *words)
{
    err = (struct error){0};
    assert_null(public_key_from_numbers(numbers, &err));
    assert_int_equal(err.code, ERROR_INVALID);
    assert_non_null(strstr(err.text, words));
}

static void a_key_survives_its_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEY_KIND_COUNT; i++) {
        KEY_NUMBERS_AUTO numbers;
        KEY_NUMBERS_AUTO again;
        take((enum key_kind)i, &numbers);
        key_numbers_init(&again);
        PRIVATE_KEY_AUTO *key = private_key_from_numbers(&numbers, &err);
        PUBLIC_KEY_AUTO *public_half = public_key_from_numbers(&numbers, &err);
        PUBLIC_KEY_AUTO *its_half = private_key_dup_public(keys[i], &err);
        assert_true(key && public_half && its_half);
        assert_true(public_key_equal(public_half, its_half));
        check_ok(private_key_to_numbers(key, &again, &err), &err);
        for (size_t k = 0; k < KEY_NUMBER_COUNT; k++)
            assert_true(span_equal(buf_span(&numbers.at[k]), buf_span(&again.at[k])));
    }
}

static void a_public_key_has_no_private_number(void **state)
{
    (void)state;
    static const enum key_number secret[] = {KEY_D, KEY_P, KEY_Q, KEY_DP, KEY_DQ, KEY_QI};
    for (size_t i = 0; i < KEY_KIND_COUNT; i++) {
        KEY_NUMBERS_AUTO numbers;
        key_numbers_init(&numbers);
        PUBLIC_KEY_AUTO *key = private_key_dup_public(keys[i], &err);
        check_ok(public_key_to_numbers(key, &numbers, &err), &err);
        for (size_t k = 0; k < sizeof secret / sizeof *secret; k++)
            assert_int_equal(numbers.at[secret[k]].size, 0);
        refuses_private(&numbers, i == KEY_RSA ? "is missing" : "0 bytes");
    }
}

static void refuses_points_off_the_curve_and_of_another_size(void **state)
{
    (void)state;
    for (size_t i = KEY_P256; i < KEY_KIND_COUNT; i++) {
        KEY_NUMBERS_AUTO numbers;
        take((enum key_kind)i, &numbers);
        struct buf *y = &numbers.at[KEY_Y];
        y->data[y->size - 1] ^= 1;
        refuses_public(&numbers, "no point");
        refuses_private(&numbers, "do not belong");
        y->data[y->size - 1] ^= 1;
        buf_truncate(y, y->size - 1);
        refuses_public(&numbers, "bytes");
        buf_truncate(y, 0);
        refuses_public(&numbers, "0 bytes");
    }
}

static void refuses_a_scalar_that_is_not_the_points(void **state)
{
    (void)state;
    for (size_t i = KEY_P256; i < KEY_KIND_COUNT; i++) {
        KEY_NUMBERS_AUTO numbers;
        take((enum key_kind)i, &numbers);
        struct buf *d = &numbers.at[KEY_D];
        d->data[d->size - 1] ^= 1;
        refuses_private(&numbers, "do not belong");
        memset(d->data, 0, d->size);
        refuses_private(&numbers, "do not belong");
        memset(d->data, 0xFF, d->size);
        refuses_private(&numbers, "do not belong");
    }
}

static void refuses_rsa_numbers_that_do_not_belong_together(void **state)
{
    (void)state;
    for (size_t k = KEY_N; k <= KEY_QI; k++) {
        KEY_NUMBERS_AUTO numbers;
        take(KEY_RSA, &numbers);
        struct buf *number = &numbers.at[k];
        number->data[number->size / 2] ^= 2;
        err = (struct error){0};
        assert_null(private_key_from_numbers(&numbers, &err));
        assert_int_equal(err.code, ERROR_INVALID);
        number->data[0] = 0;
        refuses_private(&numbers, "begins with zero");
        buf_truncate(number, 0);
        refuses_private(&numbers, "is missing");
    }
}

static void refuses_another_kind_of_the_same_size(void **state)
{
    (void)state;
    KEY_NUMBERS_AUTO numbers;
    take(KEY_P256, &numbers);
    numbers.kind = KEY_KIND_COUNT;
    refuses_public(&numbers, "no known kind");
    refuses_private(&numbers, "no known kind");
    numbers.kind = KEY_P384;
    refuses_public(&numbers, "32 bytes");
}

static void makes_no_rsa_key_of_another_size(void **state)
{
    (void)state;
    static const unsigned sizes[] = {0, 512, 1024, 2047, 2049, 16384};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        err = (struct error){0};
        assert_null(private_key_new(KEY_RSA, sizes[i], &err));
        assert_int_equal(err.code, ERROR_INVALID);
    }
    assert_null(private_key_new(KEY_KIND_COUNT, 2048, &err));
}

static void every_kind_goes_through_pkcs8(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEY_KIND_COUNT; i++) {
        BUF_AUTO der = BUF_WITH_LIMIT(KEY_DER_MAX + 1);
        check_ok(private_key_to_pkcs8(keys[i], &der, &err), &err);
        PRIVATE_KEY_AUTO *key = private_key_from_pkcs8(buf_span(&der), &err);
        assert_non_null(key);
        PUBLIC_KEY_AUTO *mine = private_key_dup_public(keys[i], &err);
        PUBLIC_KEY_AUTO *again = private_key_dup_public(key, &err);
        assert_true(public_key_equal(mine, again));
        for (size_t size = 0; size < der.size; size++)
            assert_null(private_key_from_pkcs8(span_of(der.data, size), &err));
        check_ok(buf_append_byte(&der, 0, &err), &err);
        assert_null(private_key_from_pkcs8(buf_span(&der), &err));
        assert_int_equal(err.code, ERROR_INVALID);
    }
}

/* openssl genpkey -algorithm ED25519 -outform DER */
static void refuses_a_key_of_another_algorithm(void **state)
{
    (void)state;
    static const uint8_t der[] = {0x30, 0x2e, 2,  1,  0,  0x30, 5,  6,  3,  0x2b, 0x65, 0x70,
                                  4,    0x22, 4,  32, 1,  2,    3,  4,  5,  6,    7,    8,
                                  9,    10,   11, 12, 13, 14,   15, 16, 17, 18,   19,   20,
                                  21,   22,   23, 24, 25, 26,   27, 28, 29, 30,   31,   32};
    err = (struct error){0};
    assert_null(private_key_from_pkcs8(span_of(der, sizeof der), &err));
    assert_non_null(strstr(err.text, "PKCS#8"));
}

static const struct {
    enum signature_scheme scheme;
    enum key_kind kind;
} schemes[] = {
    {SIGNATURE_ES256, KEY_P256}, {SIGNATURE_ES384, KEY_P384}, {SIGNATURE_ES512, KEY_P521},
    {SIGNATURE_PS256, KEY_RSA},  {SIGNATURE_PS384, KEY_RSA},  {SIGNATURE_PS512, KEY_RSA},
    {SIGNATURE_RS256, KEY_RSA},  {SIGNATURE_RS384, KEY_RSA},  {SIGNATURE_RS512, KEY_RSA},
};

static void each_scheme_signs_by_its_kind_of_key_alone(void **state)
{
    (void)state;
    struct span message = span_of_text("a message");
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        for (size_t k = 0; k < KEY_KIND_COUNT; k++) {
            BUF_AUTO signature = BUF_WITH_LIMIT(1024);
            int result = private_key_sign(keys[k], schemes[i].scheme, message, &signature, &err);
            assert_int_equal(result, k == schemes[i].kind ? 0 : -1);
            if (result < 0)
                continue;
            PUBLIC_KEY_AUTO *key = private_key_dup_public(keys[k], &err);
            check_ok(public_key_check(key, schemes[i].scheme, message, buf_span(&signature), &err),
                     &err);
            check_error(public_key_check(key, schemes[i].scheme, span_of_text("another"),
                                         buf_span(&signature), &err),
                        &err, ERROR_REFUSED);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_survives_its_numbers),
        cmocka_unit_test(a_public_key_has_no_private_number),
        cmocka_unit_test(refuses_points_off_the_curve_and_of_another_size),
        cmocka_unit_test(refuses_a_scalar_that_is_not_the_points),
        cmocka_unit_test(refuses_rsa_numbers_that_do_not_belong_together),
        cmocka_unit_test(refuses_another_kind_of_the_same_size),
        cmocka_unit_test(makes_no_rsa_key_of_another_size),
        cmocka_unit_test(every_kind_goes_through_pkcs8),
        cmocka_unit_test(refuses_a_key_of_another_algorithm),
        cmocka_unit_test(each_scheme_signs_by_its_kind_of_key_alone),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
