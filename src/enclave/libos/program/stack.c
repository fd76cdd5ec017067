/* The stack with which a program begins (System V ABI for x86-64, section 3.4.1). */
#include <asm/errno.h>
#include <elf.h>
#include <string.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/program/load.h"
#include "enclave/libos/program/memory.h"

#define AUXILIARY_MAX 16

/* The texts' addresses, and a null; *at goes on behind them. */
static int put_pointers(uint64_t **to, const char **at, const char *end, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (*at == end)
            return -EINVAL;
        *(*to)++ = (uint64_t)(uintptr_t)*at;
        while (**at)
            (*at)++;
        (*at)++;
    }
    *(*to)++ = 0;
    return 0;
}

static void put_auxiliary(uint64_t *to, const struct program *program, uint64_t random,
                          uint64_t name)
{
    const uint64_t all[][2] = {
        {AT_PHDR, program->headers},
        {AT_PHENT, sizeof(Elf64_Phdr)},
        {AT_PHNUM, program->header_count},
        {AT_PAGESZ, MEMORY_PAGE},
        {AT_BASE, program->interpreter},
        {AT_FLAGS, 0},
        {AT_ENTRY, program->entry},
        {AT_UID, program->uid},
        {AT_EUID, program->uid},
        {AT_GID, program->gid},
        {AT_EGID, program->gid},
        {AT_SECURE, 0},
        {AT_CLKTCK, 100},
        {AT_RANDOM, random},
        {AT_EXECFN, name},
        {AT_NULL, 0},
    };
    _Static_assert(sizeof all == AUXILIARY_MAX * 16, "program_stack() leaves room for these");
    __builtin_memcpy(to, all, sizeof all);
}

int program_stack(const struct program *program, const struct program_words *words, uint64_t *stack)
{
    uintptr_t low = 0;
    size_t size = words->size;
    size_t count = 1 + words->arguments + 1 + words->environment + 1 + 2 * AUXILIARY_MAX;
    int result = memory_map(&low, PROGRAM_STACK_SIZE + MEMORY_PAGE, 0, false);
    low += MEMORY_PAGE; /* below it there is nothing */
    if (result == 0)
        result = memory_map(&low, PROGRAM_STACK_SIZE, MEMORY_READ | MEMORY_WRITE, true);
    if (result < 0)
        return result;
    char *texts = (char *)(low + PROGRAM_STACK_SIZE - size);
    uintptr_t random = ((uintptr_t)texts - 16) & ~(uintptr_t)15;
    uint64_t *top = (uint64_t *)((random - 8 * count) & ~(uintptr_t)15);
    const char *at = texts;
    __builtin_memcpy(texts, words->texts, size);
    at += strlen(texts) + 1; /* the path, for AT_EXECFN */
    result = enclave_random((void *)random, 16) ? 0 : -EIO;
    *stack = (uint64_t)(uintptr_t)top;
    *top++ = words->arguments;
    if (result < 0 || (result = put_pointers(&top, &at, texts + size, words->arguments)) < 0 ||
        (result = put_pointers(&top, &at, texts + size, words->environment)) < 0)
        return result;
    if (at != texts + size)
        return -EINVAL;
    put_auxiliary(top, program, random, (uint64_t)(uintptr_t)texts);
    return 0;
}
