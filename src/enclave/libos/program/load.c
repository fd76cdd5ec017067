#include "enclave/libos/program/load.h"

#include <asm/errno.h>
#include <elf.h>
#include <linux/fcntl.h>
#include <string.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/alloc.h"
#include "enclave/libos/log.h"
#include "enclave/libos/program/elf.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/program/rewrite.h"

#define AUXILIARY_MAX 16
#define WORDS_MAX     (PROGRAM_STACK_SIZE / 4)

/* Where a program's bytes come from. */
struct source {
    struct file *file;
    uint64_t size; /* bytes */
};

static int read_source(const struct source *source, uint64_t offset, void *out, size_t size)
{
    for (size_t done = 0; done < size;) {
        int64_t got = file_read(source->file, offset + done, (uint8_t *)out + done, size - done);
        if (got <= 0)
            return got < 0 ? (int)got : -EIO;
        done += (size_t)got;
    }
    return 0;
}

static int load_segment(const struct source *source, uintptr_t base,
                        const struct elf_segment *segment)
{
    uintptr_t page = (base + segment->address) & ~(uintptr_t)(MEMORY_PAGE - 1);
    size_t size = base + segment->address + segment->size - page;
    int result = memory_map(&page, size, MEMORY_READ | MEMORY_WRITE, true);
    if (result == 0)
        result = read_source(source, segment->offset, (void *)(base + segment->address),
                             segment->file_size);
    if (result == 0 && (segment->access & MEMORY_EXECUTE))
        rewrite_code(base + segment->address, segment->file_size);
    return result < 0 ? result : memory_protect(page, size, segment->access);
}

static int read_plan(const struct source *source, struct elf_plan *plan)
{
    static uint8_t head[ELF_HEAD_SIZE];
    const char *why = NULL;
    size_t head_size = source->size < sizeof head ? (size_t)source->size : sizeof head;
    int result = read_source(source, 0, head, head_size);
    if (result < 0)
        return result;
    result = elf_read(head, head_size, source->size, plan, &why);
    if (result < 0)
        log_line("the program ", why);
    return result;
}

/* Where a program has fixed addresses there must be memory for programs. */
static int map_fixed(const struct elf_plan *plan, uint64_t more)
{
    uintptr_t at = plan->first;
    int result = memory_map(&at, plan->size - plan->first + more, 0, true);
    if (result == -ENOMEM)
        log_line("the program ", "wants fixed addresses that the enclave does not have: build it "
                                 "as a position-independent executable");
    return result == -ENOMEM ? -ENOEXEC : result;
}

/* Room for all and `more` bytes behind it, then each segment in its place; between them nothing. */
static int load_plan(const struct source *source, const struct elf_plan *plan, uint64_t more,
                     uintptr_t *base)
{
    *base = 0;
    int result = plan->is_fixed ? map_fixed(plan, more)
                                : memory_map(base, plan->size + more, 0, false);
    for (size_t i = 0; result == 0 && i < plan->count; i++)
        result = load_segment(source, *base, &plan->segments[i]);
    return result;
}

static int load_program(const struct source *source, struct elf_plan *plan, struct program *out)
{
    uintptr_t base = 0;
    int result = read_plan(source, plan);
    if (result == 0)
        result = load_plan(source, plan, MEMORY_PAGE + PROGRAM_HEAP_SIZE, &base);
    if (result < 0)
        return result;
    *out = (struct program){.uid = out->uid,
                            .gid = out->gid,
                            .start = base + plan->entry,
                            .entry = base + plan->entry,
                            .headers = plan->headers ? base + plan->headers : 0,
                            .header_count = plan->header_count,
                            .heap = base + plan->size + MEMORY_PAGE};
    return 0;
}

static int load_interpreter(const struct source *source, struct program *out)
{
    static struct elf_plan plan;
    uintptr_t base = 0;
    int result = read_plan(source, &plan);
    if (result == 0 && plan.interpreter_size > 0) {
        log_line("the program ", "has an interpreter that wants one itself");
        result = -ENOEXEC;
    }
    if (result == 0)
        result = load_plan(source, &plan, 0, &base);
    out->start = base + plan.entry;
    out->interpreter = base;
    return result;
}

/* The number of the open file, for which the caller closes it. */
static int open_program(struct vfs *vfs, const char *path, struct source *out)
{
    int number = vfs_open(vfs, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0, 0);
    if (number < 0)
        return number;
    struct file *file = file_table_get(&vfs->files, number);
    *out = (struct source){.file = file, .size = file->node ? file->node->size : 0};
    int result = file->kind == &file_plain ? access_node(&vfs->creds, file->node, ACCESS_EXECUTE)
                                           : -EACCES;
    if (result == 0)
        return number;
    (void)file_close(&vfs->files, number);
    return result;
}

/* 1 when the file is a script. */
static int read_script(struct vfs *vfs, const char *path, struct script *script)
{
    uint8_t head[SCRIPT_LINE_MAX];
    struct source source;
    int number = open_program(vfs, path, &source);
    if (number < 0)
        return number;
    size_t size = source.size < sizeof head ? (size_t)source.size : sizeof head;
    int result = read_source(&source, 0, head, size);
    if (result == 0)
        result = script_read(head, size, script);
    (void)file_close(&vfs->files, number);
    return result;
}

int program_find(struct vfs *vfs, struct program_words *words, char path[PROGRAM_PATH_MAX])
{
    struct script script;
    size_t len = words->size > 0 ? strlen(words->texts) : 0;
    int result = len < PROGRAM_PATH_MAX ? 0 : -ENAMETOOLONG;
    if (result == 0)
        memcpy(path, words->texts, len + 1);
    for (unsigned depth = 0; result == 0; depth++) {
        struct program_words outer = *words;
        result = read_script(vfs, path, &script);
        if (result <= 0)
            return result;
        result = depth < SCRIPT_DEPTH_MAX ? script_words(&script, path, &outer, words) : -ELOOP;
        if (depth > 0 && result == 0)
            libos_free((void *)(uintptr_t)outer.texts);
        memcpy(path, script.interpreter, sizeof script.interpreter);
    }
    return result;
}

static int load_interpreter_of(struct vfs *vfs, const struct source *source,
                               const struct elf_plan *plan, struct program *out)
{
    char path[ELF_PATH_MAX];
    struct source linker;
    if (plan->interpreter_size == 0)
        return 0;
    int result = read_source(source, plan->interpreter, path, plan->interpreter_size);
    if (result < 0)
        return result;
    path[plan->interpreter_size - 1] = 0; /* as Linux demands, or the path is another one */
    int number = open_program(vfs, path, &linker);
    if (number < 0) {
        log_line("the program's interpreter cannot be opened: ", path);
        return number;
    }
    result = load_interpreter(&linker, out);
    (void)file_close(&vfs->files, number);
    return result;
}

int program_load(struct vfs *vfs, const char *path, struct program *out)
{
    static struct elf_plan plan;
    struct source source;
    int number = open_program(vfs, path, &source);
    if (number < 0)
        return number;
    int result = load_program(&source, &plan, out);
    if (result == 0)
        result = load_interpreter_of(vfs, &source, &plan, out);
    (void)file_close(&vfs->files, number);
    return result;
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
    at += strlen(texts) + 1; /* the path, for AT_EXECFN */
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
