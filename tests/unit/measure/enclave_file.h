/* A small enclave image, made in memory: headers, a note, code, data. */
#ifndef CAISSON_TESTS_ENCLAVE_FILE_H
#define CAISSON_TESTS_ENCLAVE_FILE_H

#include <elf.h>
#include <string.h>

#include "base/span.h"

#define ENCLAVE_FILE_NOTE  0x200
#define ENCLAVE_FILE_SIZE  0x2010
#define ENCLAVE_FILE_DATA  3 /* the header of the writable segment */
#define ENCLAVE_FILE_COUNT 5

struct enclave_file {
    union {
        uint8_t bytes[0x3000];
        struct {
            Elf64_Ehdr header;
            Elf64_Phdr programs[16];
        };
        struct {
            uint8_t before[ENCLAVE_FILE_NOTE];
            uint32_t note[5]; /* name size, size, type, name */
            uint32_t numbers[9];
        };
    };
    size_t size;
};

/* Read-only headers, code, data with zeros after it, the note, a stack that is not executable. One
 * thread, two SSA frames of a page, a stack and a heap of two pages each. */
static inline void enclave_file_init(struct enclave_file *file)
{
    static const uint8_t ident[EI_NIDENT] = {0x7F, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1};
    static const Elf64_Phdr programs[ENCLAVE_FILE_COUNT] = {
        {PT_LOAD, PF_R, 0, 0, 0, 0x238, 0x238, 0x1000},
        {PT_LOAD, PF_R | PF_X, 0x1000, 0x1000, 0, 0x20, 0x20, 0x1000},
        {PT_NOTE, PF_R, ENCLAVE_FILE_NOTE, ENCLAVE_FILE_NOTE, 0, 56, 56, 4},
        {PT_LOAD, PF_R | PF_W, 0x2008, 0x3008, 0, 8, 0x1100, 0x1000},
        {PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16},
    };
    static const uint32_t numbers[9] = {2, 1, 1, 2, 1, 0x2000, 0, 0x2000, 0};
    memset(file, 0, sizeof *file);
    file->size = ENCLAVE_FILE_SIZE;
    file->header = (Elf64_Ehdr){.e_type = ET_DYN,
                                .e_machine = EM_X86_64,
                                .e_version = 1,
                                .e_entry = 0x1004,
                                .e_phoff = sizeof(Elf64_Ehdr),
                                .e_ehsize = sizeof(Elf64_Ehdr),
                                .e_phentsize = sizeof(Elf64_Phdr),
                                .e_phnum = ENCLAVE_FILE_COUNT};
    memcpy(file->header.e_ident, ident, sizeof ident);
    memcpy(file->programs, programs, sizeof programs);
    file->note[0] = 8;
    file->note[1] = 36;
    file->note[2] = 1;
    memcpy(&file->note[3], "Caisson", 8);
    memcpy(file->numbers, numbers, sizeof numbers);
    memset(file->bytes + 0x1000, 0xC3, 0x20);
    memset(file->bytes + 0x2000, 0x77, 0x10);
}

static inline struct span enclave_file_span(const struct enclave_file *file)
{
    return span_of(file->bytes, file->size);
}

#endif
