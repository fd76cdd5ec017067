#include "../../../check.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "enclave/libos/program/elf.h"
#include "enclave/libos/program/memory.h"

#define FILE_SIZE 0x3000

static struct {
    Elf64_Ehdr header;
    Elf64_Phdr programs[3];
} file;
static const char *why;
static struct elf_plan plan;

static void make(void)
{
    memset(&file, 0, sizeof file);
    memcpy(file.header.e_ident,
           "\x7f"
           "ELF\2\1\1",
           7);
    file.header.e_type = ET_DYN;
    file.header.e_machine = EM_X86_64;
    file.header.e_entry = 0x1010;
    file.header.e_phoff = sizeof(Elf64_Ehdr);
    file.header.e_phentsize = sizeof(Elf64_Phdr);
    file.header.e_phnum = 3;
    file.programs[0] = (Elf64_Phdr){PT_LOAD, PF_R, 0, 0, 0, 0x800, 0x800, 0x1000};
    file.programs[1] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0x1000, 0x1000, 0, 0x200, 0x200, 0x1000};
    file.programs[2] = (Elf64_Phdr){PT_LOAD, PF_R | PF_W, 0x2000, 0x2100, 0, 0x10, 0x5000, 0x1000};
}

static int read_plan(void)
{
    why = NULL;
    return elf_read((const uint8_t *)&file, sizeof file, FILE_SIZE, &plan, &why);
}

static void refused(const char *words)
{
    assert_int_equal(read_plan(), -ENOEXEC);
    assert_non_null(why);
    if (!strstr(why, words))
        fail_msg("%s: %s", words, why);
    make();
}

static void reads_a_program(void **state)
{
    (void)state;
    make();
    assert_int_equal(read_plan(), 0);
    assert_int_equal(plan.count, 3);
    assert_int_equal(plan.size, 0x8000);
    assert_int_equal(plan.entry, 0x1010);
    assert_int_equal(plan.headers, sizeof(Elf64_Ehdr));
    assert_int_equal(plan.segments[1].access, MEMORY_READ | MEMORY_EXECUTE);
    assert_int_equal(plan.segments[2].access, MEMORY_READ | MEMORY_WRITE);
    assert_int_equal(plan.segments[2].size, 0x5000);
}

static void refuses_what_is_cut(void **state)
{
    (void)state;
    make();
    for (size_t size = 0; size < sizeof file; size++)
        assert_int_equal(elf_read((const uint8_t *)&file, size, FILE_SIZE, &plan, &why), -ENOEXEC);
    for (size_t size = 0; size < 0x2010; size++)
        assert_int_equal(elf_read((const uint8_t *)&file, sizeof file, size, &plan, &why),
                         -ENOEXEC);
}

static void refuses_other_kinds(void **state)
{
    (void)state;
    make();
    file.header.e_ident[0] = 'x', refused("no ELF");
    file.header.e_ident[EI_CLASS] = ELFCLASS32, refused("x86-64");
    file.header.e_machine = EM_AARCH64, refused("x86-64");
    file.header.e_type = ET_CORE, refused("no program");
    file.header.e_phentsize = 55, refused("program headers");
    file.header.e_phnum = 0, refused("program headers");
    file.header.e_phnum = 0xFFFF, refused("program headers");
    file.header.e_phoff = UINT64_MAX - 7, refused("program headers");
    file.programs[0] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_X}, refused("stack");
    file.header.e_entry = 0x2100, refused("entry point");
    file.header.e_entry = UINT64_MAX, refused("entry point");
}

static void takes_one_with_fixed_addresses(void **state)
{
    (void)state;
    make();
    assert_int_equal(read_plan(), 0);
    assert_false(plan.is_fixed);
    for (size_t i = 0; i < sizeof file.programs / sizeof *file.programs; i++)
        file.programs[i].p_vaddr += 0x400000;
    file.header.e_type = ET_EXEC;
    file.header.e_entry += 0x400000;
    assert_int_equal(read_plan(), 0);
    assert_true(plan.is_fixed);
    assert_int_equal(plan.first, 0x400000);
    assert_int_equal(plan.entry, file.header.e_entry);
    assert_true(plan.size > plan.first);
}

static void finds_the_interpreters_path(void **state)
{
    (void)state;
    make();
    assert_int_equal(read_plan(), 0);
    assert_int_equal(plan.interpreter_size, 0);
    file.programs[0] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = 0x2F00, .p_filesz = 0x100};
    assert_int_equal(read_plan(), 0);
    assert_int_equal(plan.interpreter, 0x2F00);
    assert_int_equal(plan.interpreter_size, 0x100);
    assert_int_equal(plan.headers, 0);
}

static void refuses_interpreters_that_cannot_be(void **state)
{
    const Elf64_Phdr path = {.p_type = PT_INTERP, .p_offset = 0x100, .p_filesz = 28};
    (void)state;
    make();
    file.programs[0] = path, file.programs[0].p_filesz = 1, refused("empty or too long");
    file.programs[0] = path, file.programs[0].p_filesz = 257, refused("empty or too long");
    file.programs[0] = path, file.programs[0].p_filesz = UINT64_MAX, refused("empty or too long");
    file.programs[0] = path, file.programs[0].p_offset = UINT64_MAX - 9, refused("beyond its end");
    file.programs[0] = path, file.programs[0].p_offset = FILE_SIZE - 27, refused("beyond its end");
    file.programs[0] = file.programs[2] = path, refused("two interpreters");
}

static void refuses_segments_that_cannot_be(void **state)
{
    (void)state;
    make();
    file.programs[1].p_memsz = 0, refused("size or address");
    file.programs[1].p_filesz = 0x201, refused("size or address");
    file.programs[2].p_memsz = UINT64_MAX, refused("size or address");
    file.programs[2].p_vaddr = UINT64_MAX - 0xFFF, refused("size or address");
    file.programs[2].p_offset = UINT64_MAX, refused("beyond its end");
    file.programs[2].p_offset = FILE_SIZE - 0xF, refused("beyond its end");
    file.programs[2].p_vaddr = 0x1FFF, refused("ascend");
    file.programs[1].p_vaddr = 0x800, refused("ascend");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_program),
        cmocka_unit_test(refuses_what_is_cut),
        cmocka_unit_test(refuses_other_kinds),
        cmocka_unit_test(takes_one_with_fixed_addresses),
        cmocka_unit_test(finds_the_interpreters_path),
        cmocka_unit_test(refuses_interpreters_that_cannot_be),
        cmocka_unit_test(refuses_segments_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
