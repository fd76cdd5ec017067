/* A program's ELF file: what of it is to be loaded where, or why it cannot be. The file is hostile.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_ELF_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_HEAD_SIZE    4096 /* bytes of the file's beginning, in which all headers lie */
#define ELF_SEGMENTS_MAX 16
#define ELF_MEMORY_MAX   (UINT64_C(1) << 30) /* bytes */
#define ELF_PATH_MAX     256                 /* of the interpreter, with its end */

struct elf_segment {
    uint64_t offset;    /* in the file */
    uint64_t file_size; /* bytes; the rest is zero */
    uint64_t address;   /* from the program's base, which is 0 for a fixed one */
    uint64_t size;
    unsigned access; /* MEMORY_* */
};

struct elf_plan {
    struct elf_segment segments[ELF_SEGMENTS_MAX]; /* ascending, none on another's page */
    size_t count;
    bool is_fixed;
    uint64_t first; /* address of the first page */
    uint64_t size;  /* bytes from the base to the last segment's end, whole pages */
    uint64_t entry;
    uint64_t headers; /* address of the program headers, or 0 where no segment has them */
    unsigned header_count;
    uint64_t interpreter;    /* where in the file the path of the dynamic linker is, with its end */
    size_t interpreter_size; /* bytes; 0 for none */
};

/* `head` are the file's first bytes, `size` of them; `file_size` is the whole file's. -ENOEXEC for
 * what is no such program: *why says it then. */
int elf_read(const uint8_t *head, size_t size, uint64_t file_size, struct elf_plan *out,
             const char **why);

#endif
