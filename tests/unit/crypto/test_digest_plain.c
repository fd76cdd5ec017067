/* SHA-256 without a library, by known answers and in every way cut to pieces; then by the
 * processor's instructions, where it has them. */
#include "../check.h"

#include "base/hex.h"
#include "crypto/digest.h"
#include "crypto/digest_plain.h"
#include "crypto/sha256_pair.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

static void expect(struct span bytes, const char *answer)
{
    uint8_t digest[SHA256_SIZE];
    char text[2 * SHA256_SIZE + 1];
    sha256_digest(bytes, digest);
    hex_encode(span_of(digest, sizeof digest), text);
    assert_string_equal(text, answer);
}

/* FIPS 180-2, appendix B, and the empty message. */
static void gives_the_known_answers(void **state)
{
    (void)state;
    expect(span_of(NULL, 0), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(span_of_text("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(span_of_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void hashes_a_million_letters(void **state)
{
    (void)state;
    struct sha256 ctx;
    uint8_t part[1000];
    uint8_t digest[SHA256_SIZE];
    char text[2 * SHA256_SIZE + 1];
    memset(part, 'a', sizeof part);
    sha256_init(&ctx);
    for (int i = 0; i < 1000; i++)
        sha256_update(&ctx, span_of(part, sizeof part));
    sha256_final(&ctx, digest);
    hex_encode(span_of(digest, sizeof digest), text);
    assert_string_equal(text, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* For each length around the padding's borders, in two pieces at each place. */
static void pieces_are_the_whole(void **state)
{
    (void)state;
    uint8_t bytes[200];
    uint8_t whole[SHA256_SIZE];
    uint8_t pieces[SHA256_SIZE];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(3 * i + 1);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        sha256_digest(span_of(bytes, size), whole);
        for (size_t cut = 0; cut <= size; cut++) {
            struct sha256 ctx;
            sha256_init(&ctx);
            sha256_update(&ctx, span_of(bytes, cut));
            sha256_update(&ctx, span_of(bytes + cut, size - cut));
            sha256_final(&ctx, pieces);
            assert_memory_equal(whole, pieces, sizeof whole);
        }
    }
}

static void digest_behind(size_t prefix, const uint8_t *bytes, const uint8_t *message, size_t size,
                          uint8_t out[SHA256_SIZE])
{
    struct sha256 ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, span_of(bytes, prefix));
    sha256_update(&ctx, span_of(message, size));
    sha256_final(&ctx, out);
}

/* Of every size around some blocks, behind prefixes of every kind, and neither takes the other's
 * place. */
static void two_at_once_are_each_for_itself(void **state)
{
    static const size_t prefixes[] = {0, 1, 31, 32, 55, 56, 63};
    uint8_t bytes[64 * 8], first[SHA256_SIZE], second[SHA256_SIZE], want[SHA256_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i + 3 * i);
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        for (size_t size = 0; size <= 64 * 4 + 1; size++) {
            const uint8_t *other = bytes + 199;
            sha256_pair(span_of(bytes, prefixes[i]), bytes + 5, other, size, first, second);
            digest_behind(prefixes[i], bytes, bytes + 5, size, want);
            assert_memory_equal(first, want, sizeof want);
            digest_behind(prefixes[i], bytes, other, size, want);
            assert_memory_equal(second, want, sizeof want);
        }
    }
}

/* Of every size, behind prefixes of every kind, and one in another place. */
static void many_at_once_are_each_for_itself(void **state)
{
    static const size_t prefixes[] = {0, 1, 31, 32, 55, 56, 63};
    const size_t strides[] = {0, 7, 64};
    uint8_t bytes[64 * SHA256_LANES + 300], many[SHA256_LANES][SHA256_SIZE], want[SHA256_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i + 5 * i + i / 256);
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        for (size_t size = 64; size <= 64 * 4 + 1; size++) {
            const size_t stride = strides[size % 3];
            sha256_lanes(span_of(bytes, prefixes[i]), bytes + 5, stride, size, many);
            for (size_t lane = 0; lane < SHA256_LANES; lane++) {
                digest_behind(prefixes[i], bytes, bytes + 5 + lane * stride, size, want);
                assert_memory_equal(many[lane], want, sizeof want);
            }
        }
    }
}

#ifdef __x86_64__
static bool has_instructions(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
}

/* Blocks of every number, from every place; the test before has shown what the digests are. */
static void instructions_hash_as_c_does(void **state)
{
    uint8_t bytes[64 * 9 + 16];
    uint8_t plain[64 * 9 + 1][SHA256_SIZE];
    uint8_t quick[SHA256_SIZE];
    if (!has_instructions())
        check_skip("this processor does not hash");
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i + 7 * i);
    for (size_t size = 0; size < 64 * 9 + 1; size++)
        sha256_digest(span_of(bytes + size % 16, size), plain[size]);
    sha256_plain_by(sha256_ni_blocks, sha256_ni_pairs, NULL);
    for (size_t size = 0; size < 64 * 9 + 1; size++) {
        sha256_digest(span_of(bytes + size % 16, size), quick);
        assert_memory_equal(quick, plain[size], sizeof quick);
    }
    gives_the_known_answers(state);
    hashes_a_million_letters(state);
    pieces_are_the_whole(state);
    two_at_once_are_each_for_itself(state);
    many_at_once_are_each_for_itself(state);
}

/* AVX-512, and the system keeps its registers. */
static bool has_wide_registers(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}

static void wide_registers_hash_as_c_does(void **state)
{
    if (!has_wide_registers())
        check_skip("this processor has no AVX-512");
    sha256_plain_by(sha256_ni_blocks, sha256_ni_pairs, sha256_wide_lanes);
    many_at_once_are_each_for_itself(state);
}

static void wide_registers_are_kept(void **state)
{
    static const uint8_t block[SHA256_BLOCK_SIZE];
    uint32_t h[8][SHA256_LANES] = {0};
    uint8_t before[64], first[64], last[64];
    (void)state;
    if (!has_wide_registers())
        check_skip("this processor has no AVX-512");
    if (IS_INSTRUMENTED)
        check_skip("these registers are the sanitizers' too");
    for (size_t i = 0; i < sizeof before; i++)
        before[i] = (uint8_t)(i + 1);
    __asm__ volatile("vmovdqu64 (%0), %%zmm0\n\tvmovdqu64 (%0), %%zmm31"
                     :
                     : "r"(before)
                     : "memory");
    sha256_wide_lanes(h, block, 0, 1);
    __asm__ volatile("vmovdqu64 %%zmm0, (%0)\n\tvmovdqu64 %%zmm31, (%1)\n\tvzeroupper"
                     :
                     : "r"(first), "r"(last)
                     : "memory");
    assert_memory_equal(first, before, sizeof before);
    assert_memory_equal(last, before, sizeof before);
    assert_int_equal(h[7][0], h[7][SHA256_LANES - 1]);
    assert_int_not_equal(h[7][0], 0);
}

/* As the compiler of the library OS expects: they are the program's. */
static void instructions_keep_the_vector_registers(void **state)
{
    static const uint8_t block[SHA256_BLOCK_SIZE];
    uint32_t h[8] = {0}, other[8] = {0};
    uint64_t before[2] = {0x0123456789abcdef, 0xfedcba9876543210};
    uint64_t first[2], last[2];
    (void)state;
    if (!has_instructions())
        check_skip("this processor does not hash");
    if (IS_INSTRUMENTED)
        check_skip("these registers are the sanitizers' too");
    __asm__ volatile("movups (%0), %%xmm0\n\tmovups (%0), %%xmm15" : : "r"(before) : "memory");
    sha256_ni_blocks(h, block, 1);
    sha256_ni_pairs(h, block, other, block, 1);
    __asm__ volatile("movups %%xmm0, (%0)\n\tmovups %%xmm15, (%1)"
                     :
                     : "r"(first), "r"(last)
                     : "memory");
    assert_memory_equal(first, before, sizeof before);
    assert_memory_equal(last, before, sizeof before);
    assert_int_not_equal(h[0], 0);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_known_answers),
        cmocka_unit_test(hashes_a_million_letters),
        cmocka_unit_test(pieces_are_the_whole),
        cmocka_unit_test(two_at_once_are_each_for_itself),
        cmocka_unit_test(many_at_once_are_each_for_itself),
#ifdef __x86_64__
        cmocka_unit_test(instructions_keep_the_vector_registers),
        cmocka_unit_test(wide_registers_are_kept),
        cmocka_unit_test(
            instructions_hash_as_c_does), /* and go on to, so that these are the last */
        cmocka_unit_test(wide_registers_hash_as_c_does),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
