#include "enclave/libos/program/elf.h"

#include <asm/errno.h>
#include <elf.h>

#include "enclave/libos/program/memory.h"

static int refuse(const char **why, const char *text)
{
    *why = text;
    return -ENOEXEC;
}

static int read_header(const uint8_t *head, size_t size, Elf64_Ehdr *header, const char **why)
{
    if (size < sizeof *header)
        return refuse(why, "is too short for an ELF file");
    __builtin_memcpy(header, head, sizeof *header);
    if (__builtin_memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        return refuse(why, "is no ELF file");
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
        header->e_ident[EI_VERSION] != EV_CURRENT || header->e_machine != EM_X86_64)
        return refuse(why, "is not for x86-64");
    if (header->e_type != ET_DYN && header->e_type != ET_EXEC)
        return refuse(why, "is no program");
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 ||
        header->e_phoff > size || header->e_phnum * sizeof(Elf64_Phdr) > size - header->e_phoff)
        return refuse(why, "has its program headers beyond the first 4096 bytes");
    return 0;
}

static uint64_t page_up(uint64_t value)
{
    return (value + MEMORY_PAGE - 1) & ~(uint64_t)(MEMORY_PAGE - 1);
}

static int add_segment(const Elf64_Phdr *program, uint64_t file_size, struct elf_plan *out,
                       const char **why)
{
    if (out->count == ELF_SEGMENTS_MAX)
        return refuse(why, "has more than 16 segments");
    if (program->p_memsz == 0 || program->p_filesz > program->p_memsz ||
        program->p_memsz > ELF_MEMORY_MAX || program->p_vaddr > ELF_MEMORY_MAX)
        return refuse(why, "has a segment whose size or address cannot be");
    if (program->p_offset > file_size || program->p_filesz > file_size - program->p_offset)
        return refuse(why, "has a segment beyond its end");
    if ((program->p_vaddr & ~(uint64_t)(MEMORY_PAGE - 1)) < out->size)
        return refuse(why, "has segments that do not ascend, each on pages of its own");
    if (out->count == 0)
        out->first = program->p_vaddr & ~(uint64_t)(MEMORY_PAGE - 1);
    out->segments[out->count++] = (struct elf_segment){
        .offset = program->p_offset,
        .file_size = program->p_filesz,
        .address = program->p_vaddr,
        .size = program->p_memsz,
        .access = ((program->p_flags & PF_R) ? MEMORY_READ : 0U) |
                  ((program->p_flags & PF_W) ? MEMORY_WRITE : 0U) |
                  ((program->p_flags & PF_X) ? MEMORY_EXECUTE : 0U),
    };
    out->size = page_up(program->p_vaddr + program->p_memsz);
    return 0;
}

static int add_interpreter(const Elf64_Phdr *program, uint64_t file_size, struct elf_plan *out,
                           const char **why)
{
    if (out->interpreter_size > 0)
        return refuse(why, "has two interpreters");
    if (program->p_filesz < 2 || program->p_filesz > ELF_PATH_MAX)
        return refuse(why, "has an interpreter whose path is empty or too long");
    if (program->p_offset > file_size || program->p_filesz > file_size - program->p_offset)
        return refuse(why, "has its interpreter's path beyond its end");
    out->interpreter = program->p_offset;
    out->interpreter_size = (size_t)program->p_filesz;
    return 0;
}

static int add_program(const Elf64_Phdr *program, uint64_t file_size, struct elf_plan *out,
                       const char **why)
{
    if (program->p_type == PT_INTERP)
        return add_interpreter(program, file_size, out, why);
    if (program->p_type == PT_GNU_STACK && (program->p_flags & PF_X))
        return refuse(why, "wants an executable stack");
    return program->p_type == PT_LOAD ? add_segment(program, file_size, out, why) : 0;
}

/* Where the headers are in memory, and whether the entry point is code. */
static int find_addresses(const Elf64_Ehdr *header, struct elf_plan *out, const char **why)
{
    uint64_t table = header->e_phnum * sizeof(Elf64_Phdr);
    int has_entry = 0;
    for (size_t i = 0; i < out->count; i++) {
        const struct elf_segment *segment = &out->segments[i];
        if (header->e_phoff >= segment->offset &&
            header->e_phoff - segment->offset < segment->file_size &&
            table <= segment->file_size - (header->e_phoff - segment->offset))
            out->headers = segment->address + (header->e_phoff - segment->offset);
        has_entry |= (segment->access & MEMORY_EXECUTE) && header->e_entry >= segment->address &&
                     header->e_entry - segment->address < segment->size;
    }
    if (!has_entry)
        return refuse(why, "has its entry point in no executable segment");
    out->entry = header->e_entry;
    out->header_count = header->e_phnum;
    return 0;
}

int elf_read(const uint8_t *head, size_t size, uint64_t file_size, struct elf_plan *out,
             const char **why)
{
    Elf64_Ehdr header;
    *out = (struct elf_plan){0};
    int result = read_header(head, size, &header, why);
    out->is_fixed = result == 0 && header.e_type == ET_EXEC;
    for (unsigned i = 0; result == 0 && i < header.e_phnum; i++) {
        Elf64_Phdr program;
        __builtin_memcpy(&program, head + header.e_phoff + i * sizeof program, sizeof program);
        result = add_program(&program, file_size, out, why);
    }
    if (result < 0)
        return result;
    if (out->count == 0)
        return refuse(why, "has nothing to load");
    return find_addresses(&header, out, why);
}
