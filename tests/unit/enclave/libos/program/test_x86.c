/* Instructions of every form; each cut short, with any prefix, and what is none. */
#include "../../../check.h"

#include <string.h>

#include "enclave/libos/program/x86.h"

enum { NOTHING, RELATIVE, RIP, END };

static const struct {
    const char *bytes;
    uint8_t size;
    int what;
    int32_t distance;
} known[] = {
    {"\x90", 1, NOTHING, 0},
    {"\xf3\x0f\x1e\xfa", 4, NOTHING, 0},                          /* endbr64 */
    {"\x0f\x05", 2, NOTHING, 0},                                  /* syscall */
    {"\xb8\x27\x00\x00\x00", 5, NOTHING, 0},                      /* mov $39, %eax */
    {"\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08", 10, NOTHING, 0}, /* movabs */
    {"\x66\xb8\x01\x02", 4, NOTHING, 0},
    {"\x66\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08", 11, NOTHING, 0},
    {"\x48\x3d\x01\xf0\xff\xff", 6, NOTHING, 0},
    {"\x66\x3d\x01\xf0", 4, NOTHING, 0},
    {"\x48\xc7\xc0\x0f\x00\x00\x00", 7, NOTHING, 0},
    {"\x66\xc7\x04\x24\x01\x00", 6, NOTHING, 0},
    {"\x8b\x45\xf8", 3, NOTHING, 0},
    {"\x8b\x85\x00\x01\x00\x00", 6, NOTHING, 0},
    {"\x8b\x04\x25\x00\x00\x00\x00", 7, NOTHING, 0}, /* an address of four bytes */
    {"\x8b\x44\x24\x08", 4, NOTHING, 0},
    {"\x8b\x84\x24\x00\x01\x00\x00", 7, NOTHING, 0},
    {"\x48\x8d\x05\x10\x00\x00\x00", 7, RIP, 0},
    {"\x48\x8d\x04\x05\x10\x00\x00\x00", 8, NOTHING, 0},
    {"\xa1\x01\x02\x03\x04\x05\x06\x07\x08", 9, NOTHING, 0},
    {"\xf6\xc1\x01", 3, NOTHING, 0}, /* test $1, %cl */
    {"\xf6\xd9", 2, NOTHING, 0},     /* neg %cl */
    {"\xf7\xc1\x01\x00\x00\x00", 6, NOTHING, 0},
    {"\x48\xf7\xd8", 3, NOTHING, 0},
    {"\xc8\x10\x00\x00", 4, NOTHING, 0}, /* enter */
    {"\x6b\xc0\x09", 3, NOTHING, 0},
    {"\x69\xc0\x09\x00\x00\x00", 6, NOTHING, 0},
    {"\x64\x48\x8b\x04\x25\x28\x00\x00\x00", 9, NOTHING, 0}, /* mov %fs:40, %rax */
    {"\xf0\x0f\xb1\x17", 4, NOTHING, 0},                     /* lock cmpxchg */
    {"\x66\x0f\x3a\x0f\xc1\x08", 6, NOTHING, 0},             /* palignr */
    {"\x66\x0f\x38\x00\xc1", 5, NOTHING, 0},                 /* pshufb */
    {"\x0f\xa2", 2, NOTHING, 0},
    {"\xc5\xf8\x77", 3, NOTHING, 0},                     /* vzeroupper */
    {"\xc5\xfd\x70\xc1\x1b", 5, NOTHING, 0},             /* vpshufd */
    {"\xc4\xe3\x7d\x39\xc1\x01", 6, NOTHING, 0},         /* vextracti128 */
    {"\xc4\xe2\x7d\x18\x05\x00\x00\x00\x00", 9, RIP, 0}, /* vbroadcastss */
    {"\x62\xf1\x7c\x48\x10\x47\x01", 7, NOTHING, 0},     /* vmovups 64(%rdi), %zmm0 */
    {"\x62\xf3\x75\x40\x1e\xc0\x01", 7, NOTHING, 0},
    {"\x8f\xe8\x78\xc2\xec\x0e", 6, NOTHING, 0}, /* vprotd, of XOP */
    {"\x8f\xc0", 2, NOTHING, 0},
    {"\xe8\xfc\xff\xff\xff", 5, RELATIVE, -4},
    {"\x0f\x84\x00\x01\x00\x00", 6, RELATIVE, 256},
    {"\x74\x80", 2, RELATIVE, -128},
    {"\xe3\x7f", 2, RELATIVE, 127},
    {"\xc7\xf8\x05\x00\x00\x00", 6, RELATIVE, 5}, /* xbegin */
    {"\xeb\x01", 2, END, 1},
    {"\xe9\x01\x00\x00\x00", 5, END, 1},
    {"\xc3", 1, END, 0},
    {"\xf3\xc3", 2, END, 0},
    {"\xc2\x08\x00", 3, END, 0},
    {"\xcc", 1, END, 0},
    {"\xf4", 1, END, 0},
    {"\x0f\x0b", 2, END, 0},
    {"\xff\xe0", 2, END, 0},
    {"\xff\x25\x00\x00\x00\x00", 6, END, 0},
    {"\xff\xd0", 2, NOTHING, 0}, /* call *%rax comes back */
};
#define KNOWN (sizeof known / sizeof *known)

static void knows_each_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < KNOWN; i++) {
        uint8_t code[X86_SIZE_MAX + 1] = {0};
        struct x86_instruction found;
        memcpy(code, known[i].bytes, known[i].size);
        assert_true(x86_read(code, sizeof code, &found));
        if (found.size != known[i].size)
            fail_msg("%zu: %u bytes, not %u", i, found.size, known[i].size);
        assert_int_equal(found.is_relative, known[i].what == RELATIVE || known[i].distance != 0);
        assert_int_equal(found.distance, known[i].distance);
        assert_int_equal(found.ends, known[i].what == END);
        if (known[i].what == RIP)
            assert_true(found.uses_rip);
    }
}

static void refuses_each_cut_short(void **state)
{
    (void)state;
    for (size_t i = 0; i < KNOWN; i++) {
        for (size_t size = 0; size < known[i].size; size++) {
            struct x86_instruction found;
            if (x86_read((const uint8_t *)known[i].bytes, size, &found))
                fail_msg("%zu: of %zu bytes", i, size);
        }
    }
}

static void refuses_what_is_no_instruction(void **state)
{
    static const char *const wrong[] = {
        "\x06",
        "\x27",
        "\x60",
        "\x82\xc0\x01",
        "\x9a",
        "\xd6",
        "\xea",
        "\x0f\x04",
        "\x0f\x0a",
        "\x0f\x24\xc0",
        "\x0f\xa6\xc0",
        "\x0f\x39\xc0",
        "\x40\x40",
        "\xc4\xe0\x78\x10\xc0",
        "\xc5\xf8\x05",
        "\x62\xf0\x7c\x48\x10\x07",
        "\x62\xf7\x7c\x48\x10\x07",
        "\x48\x66\x90",
        "\x8f\xec\x78\xc2\xec",
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t code[X86_SIZE_MAX] = {0};
        struct x86_instruction found;
        memcpy(code, wrong[i], strlen(wrong[i]));
        if (x86_read(code, sizeof code, &found))
            fail_msg("%zu", i);
    }
}

static void refuses_more_than_fifteen_bytes(void **state)
{
    uint8_t code[32];
    struct x86_instruction found;
    (void)state;
    memset(code, 0x66, sizeof code);
    assert_false(x86_read(code, sizeof code, &found));
    code[14] = 0x90;
    assert_true(x86_read(code, sizeof code, &found));
    assert_int_equal(found.size, 15);
    code[14] = 0x66;
    code[15] = 0x90;
    assert_false(x86_read(code, sizeof code, &found));
}

/* Each opcode with each ModRM, behind a REX or another prefix too; cut short, one by one. */
static void tells_the_same_size(void **state)
{
    static const uint8_t before[] = {0, 0x40, 0x41, 0x48, 0x66, 0x0F};
    (void)state;
    for (uint32_t i = 0; i < sizeof before * (UINT32_C(1) << 20); i++) {
        const uint8_t prefix = before[i >> 20];
        uint8_t code[X86_SIZE_MAX + 1] = {prefix};
        uint8_t *from = code + (prefix != 0);
        struct x86_instruction found;
        from[0] = (uint8_t)(i >> 12);
        from[1] = (uint8_t)(i >> 4);
        from[2] = (uint8_t)((i & 0xF) * 0x11); /* a SIB, with each base */
        size_t size = i % 7 == 0 ? i % sizeof code : sizeof code;
        size_t whole = x86_read(code, size, &found) ? found.size : 0;
        if (x86_size(code, size) != whole)
            fail_msg("%02x %02x %02x %02x, %zu bytes", prefix, from[0], from[1], from[2], size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_each_form),
        cmocka_unit_test(refuses_each_cut_short),
        cmocka_unit_test(refuses_what_is_no_instruction),
        cmocka_unit_test(refuses_more_than_fifteen_bytes),
        cmocka_unit_test(tells_the_same_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
