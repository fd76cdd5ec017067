/* A host that claims everything, or nothing: what sizes memory does not follow it. */
#include "../../../check.h"

#include <string.h>

#include "enclave/libos/program/cpuid.h"

#define AVX    (1U << 28)
#define AVX2   (1U << 5)
#define AVX512 (1U << 16)
#define VAES   (1U << 9)

static void begin(uint32_t word, uint64_t xfrm)
{
    struct door_cpuid answers[CPUID_ASKED];
    for (size_t i = 0; i < CPUID_ASKED; i++)
        answers[i] = (struct door_cpuid){77, 78, {word, word, word, word}};
    cpuid_begin(answers, xfrm);
}

static const uint32_t *ask(uint32_t leaf, uint32_t subleaf)
{
    static struct door_cpuid answer;
    cpuid_answer(leaf, subleaf, &answer);
    return answer.words;
}

static void gives_no_feature_before_it_has_begun(void **state)
{
    (void)state;
    for (uint32_t subleaf = 0; subleaf < 2; subleaf++) {
        for (uint32_t i = 0; i < 4; i++) {
            assert_int_equal(ask(1, subleaf)[i], 0);
            assert_int_equal(ask(7, subleaf)[i], 0);
        }
    }
}

static void is_always_the_one_vendor(void **state)
{
    (void)state;
    begin(0xFFFFFFFF, 0xE7);
    assert_int_equal(ask(0, 9)[0], 0x16);
    assert_memory_equal(&ask(0, 0)[1], "GenuntelineI", 12);
}

static void takes_features_of_the_list_alone(void **state)
{
    (void)state;
    begin(0xFFFFFFFF, 0xE7);
    assert_int_equal(ask(1, 0)[2], 0x7ED83203);
    assert_int_equal(ask(1, 0)[2] & 1U << 31, 0); /* a hypervisor */
    assert_int_equal(ask(1, 0)[1], 0x00010800);
    assert_int_equal(ask(7, 0)[0], 1);
    assert_int_equal(ask(7, 0)[1] & 1, 0);               /* WRFSBASE: the library OS sets FS */
    assert_int_equal(ask(7, 0)[2] & 0x18, 0);            /* protection keys */
    assert_int_equal(ask(7, 0)[3] & 7U << 22, 1U << 23); /* no AMX */
    assert_int_equal(ask(7, 5)[1], 0);
    assert_int_equal(ask(0x14, 0)[0] | ask(0x19, 0)[1] | ask(0x1D, 1)[1], 0);
    assert_int_equal(ask(0x40000000, 0)[1], 0);
}

static void hides_what_xfrm_has_no_registers_for(void **state)
{
    (void)state;
    begin(0xFFFFFFFF, 0x3);
    assert_int_equal(ask(1, 0)[2] & AVX, 0);
    assert_int_equal(ask(7, 0)[1] & (AVX2 | AVX512), 0);
    assert_int_equal(ask(7, 0)[2] & VAES, 0);
    begin(0xFFFFFFFF, 0x7);
    assert_int_equal(ask(1, 0)[2] & AVX, AVX);
    assert_int_equal(ask(7, 0)[1] & (AVX2 | AVX512), AVX2);
    begin(0xFFFFFFFF, 0xE7);
    assert_int_equal(ask(7, 0)[1] & (AVX2 | AVX512), AVX2 | AVX512);
    begin(0, 0xE7);
    assert_int_equal(ask(1, 0)[2] | ask(7, 0)[1], 0);
}

/* By it programs make room for their registers. */
static void knows_the_size_of_the_registers_itself(void **state)
{
    static const struct {
        uint64_t xfrm;
        uint32_t standard, compact;
    } all[] = {{0x3, 576, 576}, {0x7, 832, 832}, {0xE7, 2688, 2432}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        begin(i % 2 ? 0xFFFFFFFF : 0, all[i].xfrm);
        assert_int_equal(ask(0xD, 0)[0], all[i].xfrm);
        assert_int_equal(ask(0xD, 0)[1], all[i].standard);
        assert_int_equal(ask(0xD, 0)[2], all[i].standard);
        assert_int_equal(ask(0xD, 1)[0], i % 2 ? 7 : 0);
        assert_int_equal(ask(0xD, 1)[1], all[i].compact);
        assert_int_equal(ask(0xD, 2)[0], all[i].xfrm & 4 ? 256 : 0);
        assert_int_equal(ask(0xD, 9)[0] | ask(0xD, 17)[0] | ask(0xD, 0xFFFFFFFF)[0], 0);
    }
}

static void has_the_same_caches_whatever_the_host_says(void **state)
{
    uint32_t words[4];
    (void)state;
    begin(0, 0x3);
    memcpy(words, ask(4, 2), sizeof words);
    begin(0xFFFFFFFF, 0xE7);
    assert_memory_equal(words, ask(4, 2), sizeof words);
    assert_int_equal(((words[1] >> 22) + 1) * ((words[1] & 0xFFF) + 1) * (words[2] + 1), 1 << 20);
    assert_int_equal(ask(4, 4)[0], 0);
    assert_int_equal(ask(4, 0xFFFFFFFF)[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_no_feature_before_it_has_begun),
        cmocka_unit_test(is_always_the_one_vendor),
        cmocka_unit_test(takes_features_of_the_list_alone),
        cmocka_unit_test(hides_what_xfrm_has_no_registers_for),
        cmocka_unit_test(knows_the_size_of_the_registers_itself),
        cmocka_unit_test(has_the_same_caches_whatever_the_host_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
