/* The good one is the seed of the fuzz target: made for it with a key of its own, that nobody has.
 */
#include "../check.h"
#include "../vectors.h"

#include "base/hex.h"
#include "measure/sigstruct.h"

#define SEEDS CAISSON_SOURCE_ROOT "/tests/fuzz/corpus/sigstruct/"

static struct error err;

static void read_seed(const char *path, uint8_t out[SIGSTRUCT_SIZE])
{
    FILE *file = fopen(path, "rbe");
    assert_non_null(file);
    assert_int_equal(fread(out, 1, SIGSTRUCT_SIZE, file), SIGSTRUCT_SIZE);
    (void)fclose(file);
}

static int check(const uint8_t bytes[SIGSTRUCT_SIZE], struct sigstruct *out)
{
    return sigstruct_check(span_of(bytes, SIGSTRUCT_SIZE), out, &err);
}

static void reads_what_is_signed(void **state)
{
    (void)state;
    uint8_t bytes[SIGSTRUCT_SIZE];
    uint8_t signer[SHA256_SIZE];
    struct sigstruct sigstruct;
    read_seed(SEEDS "good", bytes);
    check_ok(check(bytes, &sigstruct), &err);
    assert_int_equal(sigstruct.date, 0x20260131);
    assert_int_equal(sigstruct.isv_prod_id, 7);
    assert_int_equal(sigstruct.isv_svn, 3);
    assert_int_equal(sigstruct.attributes[0], 4);
    assert_memory_equal(sigstruct.mrenclave, bytes + 960, SHA256_SIZE);
    sha256_digest(span_of(bytes + 128, 384), signer);
    assert_memory_equal(sigstruct.mrsigner, signer, SHA256_SIZE);
}

static void tells_whether_it_admits_debug_enclaves(void **state)
{
    (void)state;
    uint8_t bytes[SIGSTRUCT_SIZE];
    struct sigstruct sigstruct;
    read_seed(SEEDS "debug", bytes);
    check_ok(check(bytes, &sigstruct), &err);
    assert_true(sigstruct_allows_debug(&sigstruct));
    sigstruct.attributes[0] = 4;
    sigstruct.attributes_mask[0] = 0xFF;
    assert_false(sigstruct_allows_debug(&sigstruct));
    sigstruct.attributes[0] = 6;
    assert_true(sigstruct_allows_debug(&sigstruct));
}

static void refuses_every_flipped_bit(void **state)
{
    (void)state;
    uint8_t bytes[SIGSTRUCT_SIZE];
    struct sigstruct sigstruct;
    read_seed(SEEDS "good", bytes);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (check(bytes, &sigstruct) == 0)
            fail_msg("bit %zu of byte %zu may be flipped", bit % 8, bit / 8);
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    check_ok(check(bytes, &sigstruct), &err);
}

static void refuses_other_sizes(void **state)
{
    (void)state;
    uint8_t bytes[SIGSTRUCT_SIZE + 1] = {0};
    struct sigstruct sigstruct;
    read_seed(SEEDS "good", bytes);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        if (size != SIGSTRUCT_SIZE)
            check_error(sigstruct_check(span_of(bytes, size), &sigstruct, &err), &err,
                        ERROR_INVALID);
    }
}

static void names_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        const char *words;
    } cases[] = {
        {0, "header"},      {16, "vendor"},      {20, "digits"},     {24, "header"},
        {44, "reserved"},   {512, "exponent"},   {128, "modulus"},   {520, "signature"},
        {960, "signature"}, {992, "reserved"},   {1028, "reserved"}, {1040, "Q1"},
        {1424, "Q2"},       {1024, "signature"}, {908, "signature"}, {910, "reserved"},
    };
    uint8_t bytes[SIGSTRUCT_SIZE];
    struct sigstruct sigstruct;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        read_seed(SEEDS "good", bytes);
        bytes[cases[i].at] ^= cases[i].at == 20 ? 0x0E : 0x01;
        check_refused(check(bytes, &sigstruct), &err, cases[i].words);
    }
    read_seed(SEEDS "good", bytes);
    memset(bytes + 516, 0xFF, 384);
    check_refused(check(bytes, &sigstruct), &err, "not below the modulus");
}

static void agrees_with_vectors(void **state)
{
    (void)state;
    vectors_need("sgx/synth.sig");
    static const struct {
        const char *name;
        const char *mrenclave;
        const char *mrsigner;
    } cases[] = {
        {"sgx/fortanix_sig1.sigstruct.bin",
         "c50673624a6cb17c1c6c2a4e6906f47a170c4629b8723781d1017ef376f1a75d",
         "83d719e77deaca1470f6baf62a4d774303c899db69020f9c70ee1dfc08c7ce9e"},
        {"sgx/fortanix_test_enclave.sig",
         "784acfd7d5096a8f0fbd3265760bff21b120f62407a9a9e5ba31aa3c8ed198fc",
         "fb4bab3d6036ac1d730fa83d7366df1dd2dfeac194ef335d6854d8a6c6475542"},
        {"sgx/synth.sig", "f28a827a9fd9e6375581a253d5abadeaf8b3740031ab87a5ecf3379a60c96d96",
         "5ded39327a6e31bc434be8d1a5e3a2125afa15e9c3fb389d049f3f2f51ee4b83"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BUF_AUTO bytes = BUF_WITH_LIMIT(SIGSTRUCT_SIZE);
        struct sigstruct sigstruct;
        char text[2 * SHA256_SIZE + 1];
        vectors_read(cases[i].name, &bytes);
        check_ok(sigstruct_check(buf_span(&bytes), &sigstruct, &err), &err);
        hex_encode(span_of(sigstruct.mrenclave, SHA256_SIZE), text);
        assert_string_equal(text, cases[i].mrenclave);
        hex_encode(span_of(sigstruct.mrsigner, SHA256_SIZE), text);
        assert_string_equal(text, cases[i].mrsigner);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_signed),
        cmocka_unit_test(tells_whether_it_admits_debug_enclaves),
        cmocka_unit_test(refuses_every_flipped_bit),
        cmocka_unit_test(refuses_other_sizes),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(agrees_with_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
