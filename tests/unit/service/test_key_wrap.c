/* A secret that is wrapped is its recipient's alone, and each wrap is what its name says. */
#include "../check.h"

#include "crypto/key.h"
#include "service/key_wrap.h"

static struct private_key *mine, *others;

static int make_keys(void **state)
{
    (void)state;
    mine = private_key_new(KEY_RSA, 2048, NULL);
    others = private_key_new(KEY_RSA, 2048, NULL);
    return mine && others ? 0 : -1;
}

static int free_keys(void **state)
{
    (void)state;
    private_key_free(mine);
    private_key_free(others);
    return 0;
}

static int unwrap(const struct private_key *key, enum oaep_hash hash, struct span wrapped,
                  struct buf *out, struct error *err)
{
    BUF_AUTO kek = BUF_WITH_LIMIT(256);
    if (oaep_unseal(key, hash, span_of(wrapped.data, 256), &kek, err) < 0)
        return -1;
    return aes_unwrap_padded(buf_span(&kek), span_of(wrapped.data + 256, wrapped.size - 256), out,
                             err);
}

static void each_is_what_its_name_says(void **state)
{
    (void)state;
    struct error err = {0};
    PUBLIC_KEY_AUTO *key = private_key_dup_public(mine, &err);
    static const enum oaep_hash hashes[] = {OAEP_SHA1, OAEP_SHA256, OAEP_SHA384};
    static const size_t sizes[] = {1, 16, 32, 1217};
    static const uint8_t secret[1217] = {1, 2, 3};
    for (size_t i = 0; i < KEY_WRAP_COUNT; i++) {
        enum key_wrap wrap;
        assert_true(key_wrap_find(key_wrap_name((enum key_wrap)i), &wrap));
        assert_int_equal(wrap, i);
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            struct span plain = span_of(secret, sizes[k]);
            BUF_AUTO wrapped = BUF_WITH_LIMIT(4096), given = BUF_WITH_LIMIT(4096);
            check_ok(key_wrap_seal(wrap, key, plain, &wrapped, &err), &err);
            check_ok(unwrap(mine, hashes[i], buf_span(&wrapped), &given, &err), &err);
            assert_true(span_equal(buf_span(&given), plain));
            check_error(unwrap(mine, hashes[(i + 1) % 3], buf_span(&wrapped), &given, &err), &err,
                        ERROR_REFUSED);
            check_error(unwrap(others, hashes[i], buf_span(&wrapped), &given, &err), &err,
                        ERROR_REFUSED);
        }
    }
}

static void refuses_keys_that_are_not_rsa_and_leaves_nothing(void **state)
{
    (void)state;
    struct error err = {0};
    enum key_wrap wrap;
    BUF_AUTO out = BUF_WITH_LIMIT(1000), tight = BUF_WITH_LIMIT(260);
    PRIVATE_KEY_AUTO *point = private_key_new(KEY_P256, 0, &err);
    PUBLIC_KEY_AUTO *key = private_key_dup_public(point, &err);
    PUBLIC_KEY_AUTO *good = private_key_dup_public(mine, &err);
    check_error(key_wrap_seal(RSA_AES_KEY_WRAP_256, key, span_of_text("s"), &out, &err), &err,
                ERROR_INVALID);
    check_error(key_wrap_seal(RSA_AES_KEY_WRAP_256, good, span_of(NULL, 0), &out, &err), &err,
                ERROR_INVALID);
    check_error(key_wrap_seal(RSA_AES_KEY_WRAP_256, good, span_of_text("s"), &tight, &err), &err,
                ERROR_LIMIT);
    assert_int_equal(out.size + tight.size, 0);
    static const char *const names[] = {"", "RSA-OAEP", "ckm_rsa_aes_key_wrap",
                                        "RSA_AES_KEY_WRAP_512"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_false(key_wrap_find(names[i], &wrap));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_what_its_name_says),
        cmocka_unit_test(refuses_keys_that_are_not_rsa_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
