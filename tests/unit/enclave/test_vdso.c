#include "../check.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>

#include "enclave/vdso.h"

static struct error err;

/* The smallest file that has a function by name. */
static struct {
    Elf64_Ehdr header;
    char names[16];
    Elf64_Sym symbols[3];
    Elf64_Shdr sections[3];
} file;

static void make(void)
{
    static const uint8_t ident[EI_NIDENT] = {0x7F, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1};
    memset(&file, 0, sizeof file);
    memcpy(file.header.e_ident, ident, sizeof ident);
    file.header.e_shoff = offsetof(typeof(file), sections);
    file.header.e_shentsize = sizeof(Elf64_Shdr);
    file.header.e_shnum = 3;
    memcpy(file.names, "\0other\0enter", 13);
    file.symbols[1] = (Elf64_Sym){1, STT_FUNC, 0, 1, 0x10, 1};
    file.symbols[2] = (Elf64_Sym){7, STT_FUNC, 0, 1, 0x20, 1};
    file.sections[1] = (Elf64_Shdr){.sh_type = SHT_DYNSYM,
                                    .sh_offset = offsetof(typeof(file), symbols),
                                    .sh_size = sizeof file.symbols,
                                    .sh_link = 2};
    file.sections[2] = (Elf64_Shdr){
        .sh_type = SHT_STRTAB, .sh_offset = offsetof(typeof(file), names), .sh_size = 13};
}

static int find(const char *name, uint64_t *offset)
{
    return vdso_find(span_of(&file, sizeof file), name, offset, &err);
}

static void finds_a_function(void **state)
{
    (void)state;
    uint64_t offset = 0;
    make();
    check_ok(find("enter", &offset), &err);
    assert_int_equal(offset, 0x20);
    check_ok(find("other", &offset), &err);
    assert_int_equal(offset, 0x10);
}

static void finds_nothing_else(void **state)
{
    (void)state;
    static const char *const names[] = {"ente", "enter_", "ther", "", "nter"};
    uint64_t offset;
    make();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_error(find(names[i], &offset), &err, ERROR_NOT_FOUND);
    file.symbols[2].st_info = STT_OBJECT;
    check_error(find("enter", &offset), &err, ERROR_NOT_FOUND);
    make();
    file.symbols[2].st_shndx = SHN_UNDEF;
    check_error(find("enter", &offset), &err, ERROR_NOT_FOUND);
    make();
    file.symbols[2].st_name = 0xFFFFFFFF;
    check_error(find("enter", &offset), &err, ERROR_NOT_FOUND);
    make();
    file.sections[2].sh_size = 12; /* the name ends beyond it */
    check_error(find("enter", &offset), &err, ERROR_NOT_FOUND);
}

static void refuses_what_lies_beyond_its_end(void **state)
{
    (void)state;
    uint64_t offset;
    make();
    for (size_t size = 0; size < sizeof file; size++)
        check_error(vdso_find(span_of(&file, size), "enter", &offset, &err), &err, ERROR_INVALID);
    uint64_t *const places[] = {&file.header.e_shoff,      &file.sections[1].sh_offset,
                                &file.sections[1].sh_size, &file.sections[2].sh_offset,
                                &file.sections[2].sh_size, &file.symbols[2].st_value};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        make();
        *places[i] = UINT64_MAX - 8;
        check_error(find("enter", &offset), &err, ERROR_INVALID);
    }
    make();
    file.sections[1].sh_link = 3;
    check_error(find("enter", &offset), &err, ERROR_INVALID);
    make();
    file.sections[1].sh_type = SHT_SYMTAB;
    check_error(find("enter", &offset), &err, ERROR_INVALID);
    make();
    file.header.e_shnum = 65;
    check_error(find("enter", &offset), &err, ERROR_INVALID);
    make();
    file.header.e_shentsize = 63;
    check_error(find("enter", &offset), &err, ERROR_INVALID);
    make();
    file.header.e_ident[EI_CLASS] = ELFCLASS32;
    check_error(find("enter", &offset), &err, ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_function),
        cmocka_unit_test(finds_nothing_else),
        cmocka_unit_test(refuses_what_lies_beyond_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
