#include "../check.h"

#include "base/hex.h"
#include "crypto/digest.h"

/* The examples of FIPS 180-4. */
static const struct {
    const char *text;
    const char *sha256;
    const char *sha384;
    const char *sha512;
} vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b"
     "95b",
     "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877ee"
     "c2f63b931bd47417a81a538327af927da3e"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c82"
     "5a7",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fee"
     "bbd454d4423643ce80e2a9ac94fa54ca49f"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
     "3391fdddfc8dc7393707a65b1b4709397cf8b1d162af05abfe8f450de5f36bc6b0455a8520bc4e6f5fe95b1fe3c84"
     "52b",
     "204a8fc6dda82f0a0ced7beb8e08a41657c16ef468b228a8279be331a703c33596fd15c13b1b07f9aa1d3bea57789"
     "ca031ad85c7a71dd70354ec631238ca3445"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnop"
     "qrsmnopqrstnopqrstu",
     "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
     "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712fcc7c71a557e2db966c3e9fa91746"
     "039",
     "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4b54"
     "33ac7d329eeb6dd26545e96e55b874be909"},
};

static void check_hex(const uint8_t *digest, size_t size, const char *expected)
{
    char text[2 * SHA512_SIZE + 1];
    hex_encode(span_of(digest, size), text);
    assert_string_equal(text, expected);
}

static void agrees_with_the_standard(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint8_t digest[SHA512_SIZE];
        sha256_digest(span_of_text(vectors[i].text), digest);
        check_hex(digest, SHA256_SIZE, vectors[i].sha256);
        sha384_digest(span_of_text(vectors[i].text), digest);
        check_hex(digest, SHA384_SIZE, vectors[i].sha384);
        sha512_digest(span_of_text(vectors[i].text), digest);
        check_hex(digest, SHA512_SIZE, vectors[i].sha512);
    }
}

static void takes_an_empty_span_that_is_null(void **state)
{
    (void)state;
    uint8_t digest[SHA256_SIZE];
    sha256_digest(span_of(NULL, 0), digest);
    check_hex(digest, SHA256_SIZE, vectors[0].sha256);
}

static void gives_the_same_in_pieces_of_any_size(void **state)
{
    (void)state;
    struct span text = span_of_text(vectors[3].text);
    for (size_t step = 1; step <= text.size; step++) {
        struct sha256 short_ctx;
        struct sha512 long_ctx;
        uint8_t digest[SHA384_SIZE];
        sha256_init(&short_ctx);
        sha384_init(&long_ctx);
        for (size_t at = 0; at < text.size; at += step) {
            size_t size = text.size - at < step ? text.size - at : step;
            sha256_update(&short_ctx, span_of(text.data + at, size));
            sha384_update(&long_ctx, span_of(text.data + at, size));
        }
        sha256_final(&short_ctx, digest);
        check_hex(digest, SHA256_SIZE, vectors[3].sha256);
        sha384_final(&long_ctx, digest);
        check_hex(digest, SHA384_SIZE, vectors[3].sha384);
    }
}

static void copies_a_context_to_go_two_ways(void **state)
{
    (void)state;
    struct sha256 one;
    sha256_init(&one);
    sha256_update(&one, span_of_text("a"));
    struct sha256 other = one;
    sha256_update(&one, span_of_text("bc"));
    sha256_update(&other, span_of_text("xy"));
    uint8_t digest[SHA256_SIZE];
    sha256_final(&one, digest);
    check_hex(digest, SHA256_SIZE, vectors[1].sha256);
}

static void digests_a_million_letters(void **state)
{
    (void)state;
    uint8_t block[1000];
    memset(block, 'a', sizeof block);
    struct sha256 ctx;
    sha256_init(&ctx);
    for (int i = 0; i < 1000; i++)
        sha256_update(&ctx, span_of(block, sizeof block));
    uint8_t digest[SHA256_SIZE];
    sha256_final(&ctx, digest);
    check_hex(digest, SHA256_SIZE,
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_standard),
        cmocka_unit_test(takes_an_empty_span_that_is_null),
        cmocka_unit_test(gives_the_same_in_pieces_of_any_size),
        cmocka_unit_test(copies_a_context_to_go_two_ways),
        cmocka_unit_test(digests_a_million_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
