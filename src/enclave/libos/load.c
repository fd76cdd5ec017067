#include "enclave/libos/load.h"

#include <asm/errno.h>
#include <elf.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/door.h"
#include "enclave/libos/elf.h"
#include "enclave/libos/log.h"
#include "enclave/libos/memory.h"

#define AUXILIARY_MAX 16
#define WORDS_MAX     (PROGRAM_STACK_SIZE / 4)

static int load_segment(uint32_t disk, uintptr_t base, const struct elf_segment *segment)
{
    uintptr_t page = (base + segment->address) & ~(uintptr_t)(MEMORY_PAGE - 1);
    size_t size = base + segment->address + segment->size - page;
    int result = memory_map(&page, size, MEMORY_READ | MEMORY_WRITE, true);
    if (result == 0)
        result = door_read_disk(disk, segment->offset, (void *)(base + segment->address),
                                segment->file_size);
    return result < 0 ? result : memory_protect(page, size, segment->access);
}

static int read_plan(uint32_t disk, struct elf_plan *plan)
{
    static uint8_t head[ELF_HEAD_SIZE];
    const char *why = NULL;
    int64_t size = door_disk_size(disk);
    if (size < 0)
        return (int)size;
    size_t head_size = (uint64_t)size < sizeof head ? (size_t)size : sizeof head;
    int result = door_read_disk(disk, 0, head, head_size);
    if (result < 0)
        return result;
    result = elf_read(head, head_size, (uint64_t)size, plan, &why);
    if (result < 0)
        log_line("the program ", why);
    return result;
}

int program_load(uint32_t disk, struct program *out)
{
    static struct elf_plan plan;
    uintptr_t base = 0;
    int result = read_plan(disk, &plan);
    if (result < 0)
        return result;
    /* Room for all, then each segment in its place; between them, and beyond the heap, nothing. */
    result = memory_map(&base, plan.size + MEMORY_PAGE + PROGRAM_HEAP_SIZE, 0, false);
    for (size_t i = 0; result == 0 && i < plan.count; i++)
        result = load_segment(disk, base, &plan.segments[i]);
    if (result < 0)
        return result;
    out->entry = base + plan.entry;
    out->headers = plan.headers ? base + plan.headers : 0;
    out->header_count = plan.header_count;
    out->heap = base + plan.size + MEMORY_PAGE;
    return 0;
}

/* --- the stack (System V ABI for x86-64, section 3.4.1) --------------------------------------- */

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
        {AT_BASE, 0},
        {AT_FLAGS, 0},
        {AT_ENTRY, program->entry},
        {AT_UID, 0},
        {AT_EUID, 0},
        {AT_GID, 0},
        {AT_EGID, 0},
        {AT_SECURE, 0},
        {AT_CLKTCK, 100},
        {AT_RANDOM, random},
        {AT_EXECFN, name},
        {AT_NULL, 0},
    };
    _Static_assert(sizeof all == AUXILIARY_MAX * 16, "program_stack() leaves room for these");
    __builtin_memcpy(to, all, sizeof all);
}

int program_stack(const struct program *program, const char *words, size_t size, size_t arguments,
                  size_t environment, uint64_t *stack)
{
    uintptr_t low = 0;
    size_t count = 1 + arguments + 1 + environment + 1 + 2 * AUXILIARY_MAX;
    if (size > WORDS_MAX || count > WORDS_MAX / 8)
        return -E2BIG;
    if (arguments == 0 || size == 0 || words[size - 1] != '\0')
        return -EINVAL;
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
    __builtin_memcpy(texts, words, size);
    result = enclave_random((void *)random, 16) ? 0 : -EIO;
    *stack = (uint64_t)(uintptr_t)top;
    *top++ = arguments;
    if (result < 0 || (result = put_pointers(&top, &at, texts + size, arguments)) < 0 ||
        (result = put_pointers(&top, &at, texts + size, environment)) < 0)
        return result;
    if (at != texts + size)
        return -EINVAL;
    put_auxiliary(top, program, random, (uint64_t)(uintptr_t)texts);
    return 0;
}
