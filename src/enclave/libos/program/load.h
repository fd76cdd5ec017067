/*
 * From a program's file to memory and a stack with which it can begin.
 *
 * program_open() finds all that can be refused without touching memory; program_load() puts the
 * program there. The files are hostile.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_LOAD_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "enclave/libos/files/vfs.h"
#include "enclave/libos/program/elf.h"
#include "enclave/libos/program/script.h"
#include "enclave/libos/program/source.h"

struct program {
    uint64_t start; /* addresses: of the interpreter, where there is one, else the entry */
    uint64_t entry;
    uint64_t interpreter; /* where it begins, or 0 */
    uint64_t headers;
    uint64_t header_count;
    uint32_t uid, gid; /* whose it is, as the auxiliary vector tells */
    uint64_t heap; /* where brk begins: pages that are mapped already, PROGRAM_HEAP_SIZE bytes */
};

#define PROGRAM_HEAP_SIZE  (UINT64_C(256) << 20)
#define PROGRAM_STACK_SIZE (UINT64_C(8) << 20) /* bytes */
#define PROGRAM_WORDS_MAX  (UINT64_C(1) << 18) /* bytes of the words and their addresses */
#define PROGRAM_PATH_MAX   4096                /* bytes with the end */

/* An open file, and what of it is to be loaded. */
struct program_part {
    struct program_file file; /* handle 0: none */
    struct elf_plan plan;
};

/* A program that can be loaded. */
struct program_image {
    struct program_source source;
    struct program_part program, linker;
    struct program_words words;  /* a script's are its interpreter's */
    void *texts;                 /* of the words, where they are new; else NULL */
    char path[PROGRAM_PATH_MAX]; /* of the file */
};

/* Opens what the name says, or its interpreter, where that is a script, and the dynamic linker. The
 * words are borrowed as long as there is the image; their first text is the path by which the
 * program knows itself. -ENOEXEC for a file that is no program (the log says why), -EACCES for one
 * that may not be executed, -ELOOP for too many scripts, -E2BIG for too many words, -EINVAL for
 * words that are not as many as is said, -EIO, -ENOMEM, or what finding it says. */
int program_open(const struct program_source *source, const struct program_name *name,
                 const struct program_words *words, struct program_image **out);
/* NULL is allowed. */
void program_close(struct program_image *image);

/* Loads the program and its dynamic linker, and makes a stack with the words and the auxiliary
 * vector: its pointer. -ENOEXEC, -EIO, -ENOMEM; memory is in no good state then. */
int program_load(const struct program_image *image, struct program *out, uint64_t *stack);

/* program_load()'s stack (stack.c). */
int program_stack(const struct program *program, const struct program_words *words,
                  uint64_t *stack);

#endif
