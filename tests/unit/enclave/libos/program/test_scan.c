/* What is found in code is what a look at each byte finds, and the program's registers stay. */
#include "../../../check.h"

#include "enclave/libos/program/scan.h"

#define WORDS 7

static uint8_t code[WORDS * SCAN_BYTES + 1];

static bool begins_syscall(const uint8_t *at)
{
    return at[0] == 0x0F && at[1] == 0x05;
}

static bool begins_branch(const uint8_t *at)
{
    return at[0] == 0xE8 || at[0] == 0xE9 || (at[0] == 0x0F && at[1] >= 0x80 && at[1] <= 0x8F);
}

static bool begins_short_branch(const uint8_t *at)
{
    return (at[0] >= 0x70 && at[0] <= 0x7F) || (at[0] >= 0xE0 && at[0] <= 0xE3) || at[0] == 0xEB;
}

static void check_words(size_t words)
{
    uint64_t calls[WORDS + 1], branches[WORDS + 1], short_branches[WORDS + 1];
    memset(calls, 0xA5, sizeof calls);
    memset(branches, 0xA5, sizeof branches);
    memset(short_branches, 0xA5, sizeof short_branches);
    scan_syscalls(code, words, calls);
    scan_branches(code, words, branches);
    scan_short_branches(code, words, short_branches);
    for (size_t at = 0; at < words * SCAN_BYTES; at++) {
        assert_int_equal(calls[at / 64] >> at % 64 & 1, begins_syscall(code + at));
        assert_int_equal(branches[at / 64] >> at % 64 & 1, begins_branch(code + at));
        assert_int_equal(short_branches[at / 64] >> at % 64 & 1, begins_short_branch(code + at));
    }
    for (size_t i = words; i <= WORDS; i++)
        assert_true(calls[i] == UINT64_C(0xA5A5A5A5A5A5A5A5) && branches[i] == calls[i] &&
                    short_branches[i] == calls[i]);
}

/* Each pair of bytes, at every place of a part of 16 bytes and across two of them. */
static void finds_what_each_byte_says(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair < 0x10000; pair++) {
        size_t at = pair % (WORDS * SCAN_BYTES);
        memset(code, 0x90, sizeof code);
        code[at] = (uint8_t)(pair >> 8);
        code[at + 1] = (uint8_t)pair;
        if (begins_syscall(code + at) || begins_branch(code + at) || (pair & 0xFF) == 0x90 ||
            pair % 61 == 0)
            check_words(WORDS);
    }
    for (size_t at = 0; at < WORDS * SCAN_BYTES; at++) {
        memset(code, 0x90, sizeof code);
        memcpy(code + at, at % 3 == 0 ? "\x0F\x05" : at % 3 == 1 ? "\x0F\x8F" : "\xE9\x0F", 2);
        check_words(WORDS);
    }
}

static void leaves_alone_what_is_behind(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof code; i++)
        code[i] = (uint8_t)(i % 2 == 0 ? 0x0F : 0x05);
    for (size_t words = 0; words <= WORDS; words++)
        check_words(words);
}

/* As the compiler of the library OS expects: they are the program's. */
static void keeps_the_vector_registers(void **state)
{
    const uint64_t before[2] = {0x0123456789abcdef, 0xfedcba9876543210};
    uint64_t first[2], last[2], found[WORDS];
    (void)state;
    if (IS_INSTRUMENTED)
        check_skip("these registers are the sanitizers' too");
    __asm__ volatile("movups (%0), %%xmm0\n\tmovups (%0), %%xmm15" : : "r"(before) : "memory");
    scan_syscalls(code, WORDS, found);
    scan_branches(code, WORDS, found);
    scan_short_branches(code, WORDS, found);
    __asm__ volatile("movups %%xmm0, (%0)\n\tmovups %%xmm15, (%1)"
                     :
                     : "r"(first), "r"(last)
                     : "memory");
    assert_memory_equal(first, before, sizeof before);
    assert_memory_equal(last, before, sizeof before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_each_byte_says),
        cmocka_unit_test(leaves_alone_what_is_behind),
        cmocka_unit_test(keeps_the_vector_registers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
