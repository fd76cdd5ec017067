#include "../bytes.h"
#include "../check.h"

#include "base/base64.h"
#include "crypto/key.h"
#include "crypto/seal.h"

static struct error err;

/* --- AES-GCM ---------------------------------------------------------------------------------- */

/* The GCM specification of McGrew and Viega, test case 16. */
static const char gcm_key[] = "feffe9928665731c6d6a8f9467308308 feffe9928665731c6d6a8f9467308308";
static const char gcm_iv[] = "cafebabefacedbaddecaf888";
static const char gcm_aad[] = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
static const char gcm_plain[] = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                                "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
static const char gcm_cipher[] = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                                 "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662";
static const char gcm_tag[] = "76fc6ece0f4e1768cddf8853bb2d551b";

struct gcm_case {
    struct buf key, iv, aad, plain, cipher, tag;
};

static void read_bytes(struct buf *out, const char *text)
{
    buf_init(out, 1024);
    assert_true(bytes_append(out, text));
}

static void gcm_case_init(struct gcm_case *vector)
{
    read_bytes(&vector->key, gcm_key);
    read_bytes(&vector->iv, gcm_iv);
    read_bytes(&vector->aad, gcm_aad);
    read_bytes(&vector->plain, gcm_plain);
    read_bytes(&vector->cipher, gcm_cipher);
    read_bytes(&vector->tag, gcm_tag);
}

static void gcm_case_fini(struct gcm_case *vector)
{
    struct buf *all[] = {&vector->key,   &vector->iv,     &vector->aad,
                         &vector->plain, &vector->cipher, &vector->tag};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_fini(all[i]);
}

static int unseal(const struct gcm_case *vector, struct buf *out)
{
    return gcm_unseal(vector->key.data, vector->iv.data, buf_span(&vector->aad),
                      buf_span(&vector->cipher), vector->tag.data, out, &err);
}

static void gcm_is_the_specifications(void **state)
{
    (void)state;
    struct gcm_case vector;
    uint8_t tag[GCM_TAG_SIZE];
    BUF_AUTO out = BUF_WITH_LIMIT(1024);
    BUF_AUTO plain = BUF_WITH_LIMIT(1024);
    gcm_case_init(&vector);
    check_ok(gcm_seal(vector.key.data, vector.iv.data, buf_span(&vector.aad),
                      buf_span(&vector.plain), &out, tag, &err),
             &err);
    assert_true(span_equal(buf_span(&out), buf_span(&vector.cipher)));
    assert_memory_equal(tag, vector.tag.data, GCM_TAG_SIZE);
    check_ok(unseal(&vector, &plain), &err);
    assert_true(span_equal(buf_span(&plain), buf_span(&vector.plain)));
    gcm_case_fini(&vector);
}

static void gcm_refuses_every_flipped_bit_and_gives_nothing(void **state)
{
    (void)state;
    struct gcm_case vector;
    gcm_case_init(&vector);
    struct buf *parts[] = {&vector.key, &vector.iv, &vector.aad, &vector.cipher, &vector.tag};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        for (size_t bit = 0; bit < 8 * parts[i]->size; bit++) {
            BUF_AUTO out = BUF_WITH_LIMIT(1024);
            check_ok(buf_append_text(&out, "before", &err), &err);
            parts[i]->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            check_error(unseal(&vector, &out), &err, ERROR_REFUSED);
            assert_true(span_equal_text(buf_span(&out), "before"));
            parts[i]->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    while (vector.cipher.size > 0) {
        BUF_AUTO out = BUF_WITH_LIMIT(1024);
        buf_truncate(&vector.cipher, vector.cipher.size - 1);
        check_error(unseal(&vector, &out), &err, ERROR_REFUSED);
    }
    gcm_case_fini(&vector);
}

static void gcm_seals_nothing_and_respects_a_limit(void **state)
{
    (void)state;
    static const uint8_t key[AES256_KEY_SIZE];
    static const uint8_t iv[GCM_IV_SIZE];
    uint8_t tag[GCM_TAG_SIZE];
    BUF_AUTO out = BUF_WITH_LIMIT(4);
    check_ok(gcm_seal(key, iv, span_of(NULL, 0), span_of(NULL, 0), &out, tag, &err), &err);
    check_ok(gcm_unseal(key, iv, span_of(NULL, 0), span_of(NULL, 0), tag, &out, &err), &err);
    assert_int_equal(out.size, 0);
    check_error(gcm_seal(key, iv, span_of(NULL, 0), span_of("12345", 5), &out, tag, &err), &err,
                ERROR_LIMIT);
    check_error(
        gcm_seal(key, iv, span_of(NULL, 0), span_of("", SEAL_SIZE_MAX + 1), &out, tag, &err), &err,
        ERROR_LIMIT);
}

/* --- AES key wrap ----------------------------------------------------------------------------- */

static const struct wrap_case {
    const char *kek;
    const char *key;
    const char *wrapped;
    bool padded;
} wrap_cases[] = {
    /* RFC 3394, sections 4.1, 4.2, 4.3 and 4.6 */
    {"000102030405060708090A0B0C0D0E0F", "00112233445566778899AABBCCDDEEFF",
     "1FA68B0A8112B447 AEF34BD8FB5A7B82 9D3E862371D2CFE5", false},
    {"000102030405060708090A0B0C0D0E0F1011121314151617", "00112233445566778899AABBCCDDEEFF",
     "96778B25AE6CA435 F92B5B97C050AED2 468AB8A17AD84E5D", false},
    {"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
     "00112233445566778899AABBCCDDEEFF", "64E8C3F9CE0F5BA2 63E9777905818A2A 93C8191E7D6E8AE7",
     false},
    {"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
     "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
     "28C9F404C4B810F4 CBCCB35CFB87F826 3F5786E2D80ED326 CBC7F0E71A99F43B FB988B9B7A02DD21", false},
    /* RFC 5649, section 6 */
    {"5840df6e29b02af1 ab493b705bf16ea1 ae8338f4dcc176a8",
     "c37b7e6492584340 bed1220780894115 5068f738",
     "138bdeaa9b8fa7fc 61f97742e72248ee 5ae6ae5360d1ae6a 5f54f373fa543b6a", true},
    {"5840df6e29b02af1 ab493b705bf16ea1 ae8338f4dcc176a8", "466f7250617369",
     "afbeb0f07dfbf541 9200f2ccb50bb24f", true},
};
#define WRAP_CASES (sizeof wrap_cases / sizeof *wrap_cases)

static int wrap(bool padded, struct span kek, struct span key, struct buf *out)
{
    return padded ? aes_wrap_padded(kek, key, out, &err) : aes_wrap(kek, key, out, &err);
}

static int unwrap(bool padded, struct span kek, struct span wrapped, struct buf *out)
{
    return padded ? aes_unwrap_padded(kek, wrapped, out, &err)
                  : aes_unwrap(kek, wrapped, out, &err);
}

static void key_wrap_is_the_rfcs(void **state)
{
    (void)state;
    for (size_t i = 0; i < WRAP_CASES; i++) {
        BUF_AUTO kek = BUF_WITH_LIMIT(64);
        BUF_AUTO key = BUF_WITH_LIMIT(64);
        BUF_AUTO expected = BUF_WITH_LIMIT(64);
        BUF_AUTO wrapped = BUF_WITH_LIMIT(64);
        BUF_AUTO again = BUF_WITH_LIMIT(64);
        assert_true(bytes_append(&kek, wrap_cases[i].kek));
        assert_true(bytes_append(&key, wrap_cases[i].key));
        assert_true(bytes_append(&expected, wrap_cases[i].wrapped));
        check_ok(wrap(wrap_cases[i].padded, buf_span(&kek), buf_span(&key), &wrapped), &err);
        assert_true(span_equal(buf_span(&wrapped), buf_span(&expected)));
        check_ok(unwrap(wrap_cases[i].padded, buf_span(&kek), buf_span(&wrapped), &again), &err);
        assert_true(span_equal(buf_span(&again), buf_span(&key)));
    }
}

static void key_wrap_refuses_every_flipped_bit_and_the_other_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < WRAP_CASES; i++) {
        bool padded = wrap_cases[i].padded;
        BUF_AUTO kek = BUF_WITH_LIMIT(64);
        BUF_AUTO wrapped = BUF_WITH_LIMIT(64);
        BUF_AUTO out = BUF_WITH_LIMIT(64);
        assert_true(bytes_append(&kek, wrap_cases[i].kek));
        assert_true(bytes_append(&wrapped, wrap_cases[i].wrapped));
        for (size_t bit = 0; bit < 8 * wrapped.size; bit++) {
            wrapped.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            check_error(unwrap(padded, buf_span(&kek), buf_span(&wrapped), &out), &err,
                        ERROR_REFUSED);
            wrapped.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t size = 0; size < wrapped.size; size++)
            check_error(unwrap(padded, buf_span(&kek), span_of(wrapped.data, size), &out), &err,
                        ERROR_REFUSED);
        check_error(unwrap(!padded, buf_span(&kek), buf_span(&wrapped), &out), &err, ERROR_REFUSED);
        kek.data[0] ^= 1;
        check_error(unwrap(padded, buf_span(&kek), buf_span(&wrapped), &out), &err, ERROR_REFUSED);
        assert_int_equal(out.size, 0);
    }
}

static void padded_wrap_takes_every_size(void **state)
{
    (void)state;
    static const uint8_t kek[AES256_KEY_SIZE] = {7};
    static const uint8_t key[100] = {1, 2, 3};
    for (size_t size = 1; size <= sizeof key; size++) {
        BUF_AUTO wrapped = BUF_WITH_LIMIT(256);
        BUF_AUTO again = BUF_WITH_LIMIT(256);
        check_ok(aes_wrap_padded(span_of(kek, 32), span_of(key, size), &wrapped, &err), &err);
        assert_int_equal(wrapped.size, (size + 7) / 8 * 8 + 8);
        check_ok(aes_unwrap_padded(span_of(kek, 32), buf_span(&wrapped), &again, &err), &err);
        assert_true(span_equal(buf_span(&again), span_of(key, size)));
    }
}

static void key_wrap_refuses_sizes_that_cannot_be(void **state)
{
    (void)state;
    static const uint8_t bytes[AES_WRAP_MAX + 8];
    static const size_t kek_sizes[] = {0, 8, 15, 17, 31, 33, 64};
    BUF_AUTO out = BUF_WITH_LIMIT(AES_WRAP_MAX * 2);
    for (size_t i = 0; i < sizeof kek_sizes / sizeof *kek_sizes; i++)
        check_error(aes_wrap(span_of(bytes, kek_sizes[i]), span_of(bytes, 16), &out, &err), &err,
                    ERROR_INVALID);
    struct span kek = span_of(bytes, 32);
    check_error(aes_wrap(kek, span_of(bytes, 0), &out, &err), &err, ERROR_INVALID);
    check_error(aes_wrap(kek, span_of(bytes, 8), &out, &err), &err, ERROR_INVALID);
    check_error(aes_wrap(kek, span_of(bytes, 17), &out, &err), &err, ERROR_INVALID);
    check_error(aes_wrap(kek, span_of(bytes, sizeof bytes), &out, &err), &err, ERROR_LIMIT);
    check_error(aes_wrap_padded(kek, span_of(bytes, 0), &out, &err), &err, ERROR_INVALID);
    assert_int_equal(out.size, 0);
}

/* --- RSA-OAEP --------------------------------------------------------------------------------- */

static void oaep_opens_with_its_key_and_hash_alone(void **state)
{
    (void)state;
    PRIVATE_KEY_AUTO *key = private_key_new(KEY_RSA, 2048, &err);
    PRIVATE_KEY_AUTO *other = private_key_new(KEY_RSA, 2048, &err);
    PUBLIC_KEY_AUTO *public_half = private_key_dup_public(key, &err);
    struct span secret = span_of_text("thirty-two bytes of a secret key");
    for (int hash = OAEP_SHA1; hash <= OAEP_SHA384; hash++) {
        BUF_AUTO cipher = BUF_WITH_LIMIT(1024);
        check_ok(oaep_seal(public_half, (enum oaep_hash)hash, secret, &cipher, &err), &err);
        assert_int_equal(cipher.size, 256);
        for (int with = OAEP_SHA1; with <= OAEP_SHA384; with++) {
            BUF_AUTO out = BUF_WITH_LIMIT(1024);
            int result = oaep_unseal(key, (enum oaep_hash)with, buf_span(&cipher), &out, &err);
            assert_int_equal(result, with == hash ? 0 : -1);
            assert_true(span_equal(buf_span(&out), with == hash ? secret : span_of(NULL, 0)));
        }
        BUF_AUTO out = BUF_WITH_LIMIT(1024);
        check_error(oaep_unseal(other, (enum oaep_hash)hash, buf_span(&cipher), &out, &err), &err,
                    ERROR_REFUSED);
    }
}

static void oaep_refuses_every_changed_byte_in_the_same_words(void **state)
{
    (void)state;
    PRIVATE_KEY_AUTO *key = private_key_new(KEY_RSA, 2048, &err);
    PUBLIC_KEY_AUTO *public_half = private_key_dup_public(key, &err);
    BUF_AUTO cipher = BUF_WITH_LIMIT(1024);
    BUF_AUTO out = BUF_WITH_LIMIT(1024);
    check_ok(oaep_seal(public_half, OAEP_SHA256, span_of_text("secret"), &cipher, &err), &err);
    for (size_t i = 0; i < cipher.size; i++) {
        cipher.data[i] ^= 0x10;
        check_refused(oaep_unseal(key, OAEP_SHA256, buf_span(&cipher), &out, &err), &err,
                      "not sealed for the RSA key");
        cipher.data[i] ^= 0x10;
    }
    check_refused(oaep_unseal(key, OAEP_SHA256, span_of(cipher.data, 255), &out, &err), &err,
                  "not sealed for the RSA key");
    check_refused(oaep_unseal(key, OAEP_SHA256, span_of(NULL, 0), &out, &err), &err,
                  "not sealed for the RSA key");
    assert_int_equal(out.size, 0);
}

static void oaep_refuses_other_keys_and_long_messages(void **state)
{
    (void)state;
    PRIVATE_KEY_AUTO *curve = private_key_new(KEY_P256, 0, &err);
    PUBLIC_KEY_AUTO *curve_public = private_key_dup_public(curve, &err);
    PRIVATE_KEY_AUTO *key = private_key_new(KEY_RSA, 2048, &err);
    PUBLIC_KEY_AUTO *public_half = private_key_dup_public(key, &err);
    static const uint8_t message[191];
    BUF_AUTO out = BUF_WITH_LIMIT(1024);
    check_error(oaep_seal(curve_public, OAEP_SHA1, span_of(message, 1), &out, &err), &err,
                ERROR_INVALID);
    check_error(oaep_unseal(curve, OAEP_SHA1, span_of(message, 1), &out, &err), &err,
                ERROR_INVALID);
    check_error(oaep_seal(public_half, OAEP_SHA256, span_of(message, 191), &out, &err), &err,
                ERROR_LIMIT); /* 256 - 2 * 32 - 2 = 190 */
    check_ok(oaep_seal(public_half, OAEP_SHA256, span_of(message, 190), &out, &err), &err);
}

/* --- ECDH ------------------------------------------------------------------------------------- */

static void number(struct key_numbers *numbers, enum key_number which, const char *text)
{
    check_ok(base64url_decode(span_of_text(text), &numbers->at[which], &err), &err);
}

/* RFC 7518, appendix C. */
static void agreement_and_kdf_are_the_rfcs(void **state)
{
    (void)state;
    KEY_NUMBERS_AUTO alice = {.kind = KEY_P256};
    KEY_NUMBERS_AUTO bob = {.kind = KEY_P256};
    key_numbers_init(&alice);
    key_numbers_init(&bob);
    number(&alice, KEY_X, "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0");
    number(&alice, KEY_Y, "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps");
    number(&alice, KEY_D, "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo");
    number(&bob, KEY_X, "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ");
    number(&bob, KEY_Y, "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck");
    number(&bob, KEY_D, "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw");
    PRIVATE_KEY_AUTO *alices = private_key_from_numbers(&alice, &err);
    PUBLIC_KEY_AUTO *alices_public = public_key_from_numbers(&alice, &err);
    PRIVATE_KEY_AUTO *bobs = private_key_from_numbers(&bob, &err);
    PUBLIC_KEY_AUTO *bobs_public = public_key_from_numbers(&bob, &err);
    assert_true(alices && alices_public && bobs && bobs_public);
    uint8_t secret[ECDH_SECRET_MAX];
    uint8_t same[ECDH_SECRET_MAX];
    uint8_t key[16];
    size_t size = 0;
    check_ok(ecdh_agree(alices, bobs_public, secret, &size, &err), &err);
    assert_int_equal(size, 32);
    check_ok(ecdh_agree(bobs, alices_public, same, &size, &err), &err);
    assert_memory_equal(secret, same, 32);
    const struct kdf_info info = {span_of_text("A128GCM"), span_of_text("Alice"),
                                  span_of_text("Bob")};
    concat_kdf(span_of(secret, size), &info, key, sizeof key);
    BUF_AUTO text = BUF_WITH_LIMIT(64);
    check_ok(base64url_encode(span_of(key, sizeof key), &text, &err), &err);
    assert_string_equal(buf_text(&text), "VqqN6vgjbSBcIijNcacQGg");
}

static void kdf_depends_on_every_part_and_makes_several_blocks(void **state)
{
    (void)state;
    const struct kdf_info infos[] = {
        {span_of_text("a"), span_of_text("b"), span_of_text("c")},
        {span_of_text("ab"), span_of_text(""), span_of_text("c")},
        {span_of_text("a"), span_of_text("bc"), span_of_text("")},
        {span_of_text("a"), span_of_text("b"), span_of_text("d")},
    };
    uint8_t keys[4][64];
    for (size_t i = 0; i < 4; i++) {
        concat_kdf(span_of_text("z"), &infos[i], keys[i], 64);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(keys[i], keys[k], 32);
        assert_memory_not_equal(keys[i], keys[i] + 32, 32);
    }
    uint8_t shorter[32]; /* the size is an input too */
    concat_kdf(span_of_text("z"), &infos[0], shorter, 32);
    assert_memory_not_equal(shorter, keys[0], 32);
}

static void agreement_wants_one_curve(void **state)
{
    (void)state;
    uint8_t secret[ECDH_SECRET_MAX];
    size_t size = 0;
    PRIVATE_KEY_AUTO *p256 = private_key_new(KEY_P256, 0, &err);
    PRIVATE_KEY_AUTO *p384 = private_key_new(KEY_P384, 0, &err);
    PRIVATE_KEY_AUTO *rsa = private_key_new(KEY_RSA, 2048, &err);
    PUBLIC_KEY_AUTO *p384_public = private_key_dup_public(p384, &err);
    PUBLIC_KEY_AUTO *rsa_public = private_key_dup_public(rsa, &err);
    check_error(ecdh_agree(p256, p384_public, secret, &size, &err), &err, ERROR_INVALID);
    check_error(ecdh_agree(p256, rsa_public, secret, &size, &err), &err, ERROR_INVALID);
    check_error(ecdh_agree(rsa, p384_public, secret, &size, &err), &err, ERROR_INVALID);
    check_ok(ecdh_agree(p384, p384_public, secret, &size, &err), &err);
    assert_int_equal(size, 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gcm_is_the_specifications),
        cmocka_unit_test(gcm_refuses_every_flipped_bit_and_gives_nothing),
        cmocka_unit_test(gcm_seals_nothing_and_respects_a_limit),
        cmocka_unit_test(key_wrap_is_the_rfcs),
        cmocka_unit_test(key_wrap_refuses_every_flipped_bit_and_the_other_kind),
        cmocka_unit_test(padded_wrap_takes_every_size),
        cmocka_unit_test(key_wrap_refuses_sizes_that_cannot_be),
        cmocka_unit_test(oaep_opens_with_its_key_and_hash_alone),
        cmocka_unit_test(oaep_refuses_every_changed_byte_in_the_same_words),
        cmocka_unit_test(oaep_refuses_other_keys_and_long_messages),
        cmocka_unit_test(agreement_and_kdf_are_the_rfcs),
        cmocka_unit_test(kdf_depends_on_every_part_and_makes_several_blocks),
        cmocka_unit_test(agreement_wants_one_curve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
