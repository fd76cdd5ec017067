#include "enclave/libos/program/load.h"

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <string.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/log.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/program/rewrite.h"

/* --- reading ---------------------------------------------------------------------------------- */

static int read_part(const struct program_source *source, const struct program_file *file,
                     uint64_t offset, void *out, size_t size)
{
    for (size_t done = 0; done < size;) {
        int64_t got = source->read(source->argument, file, offset + done, (uint8_t *)out + done,
                                   size - done);
        if (got <= 0 || (uint64_t)got > size - done)
            return got < 0 ? (int)got : -EIO;
        done += (size_t)got;
    }
    return 0;
}

/* The file's first bytes: how many. */
static int read_head(const struct program_source *source, const struct program_file *file,
                     uint8_t head[ELF_HEAD_SIZE])
{
    size_t size = file->size < ELF_HEAD_SIZE ? (size_t)file->size : ELF_HEAD_SIZE;
    int result = read_part(source, file, 0, head, size);
    return result < 0 ? result : (int)size;
}

/* Where a program has fixed addresses there must be memory for programs. */
static int check_fixed(const struct elf_plan *plan)
{
    if (!plan->is_fixed ||
        memory_has(plan->first, plan->size - plan->first + MEMORY_PAGE + PROGRAM_HEAP_SIZE))
        return 0;
    log_line("the program ", "wants fixed addresses that the enclave does not have: build it as a "
                             "position-independent executable");
    return -ENOEXEC;
}

static int read_plan(const uint8_t *head, size_t size, struct program_part *part)
{
    const char *why = NULL;
    int result = elf_read(head, size, part->file.size, &part->plan, &why);
    if (result < 0)
        log_line("the program ", why);
    return result < 0 ? result : check_fixed(&part->plan);
}

/* --- opening ---------------------------------------------------------------------------------- */

static void close_part(struct program_image *image, struct program_part *part)
{
    if (part->file.handle != 0)
        image->source.close(image->source.argument, &part->file);
    part->file.handle = 0;
}

static int open_part(struct program_image *image, const struct program_name *name,
                     struct program_part *part, uint8_t head[ELF_HEAD_SIZE])
{
    int result = image->source.open(image->source.argument, name, &part->file);
    if (result == 0)
        return read_head(&image->source, &part->file, head);
    part->file.handle = 0;
    return result;
}

/* The interpreter's words are the program's. `path` is the script's. */
static int take_script(struct program_image *image, const struct script *script, const char *path)
{
    struct program_words words;
    int result = script_words(script, path, &image->words, &words);
    if (result < 0)
        return result;
    libos_free(image->texts);
    image->texts = (void *)(uintptr_t)words.texts;
    image->words = words;
    return 0;
}

/* Through scripts to the program: the bytes of its head, which is open. */
static int find_program(struct program_image *image, const struct program_name *first,
                        uint8_t head[ELF_HEAD_SIZE])
{
    struct script script;
    struct program_name name = *first;
    memcpy(image->path, image->words.texts, strlen(image->words.texts) + 1);
    for (unsigned depth = 0;; depth++) {
        int size = open_part(image, &name, &image->program, head);
        int result = size < 0 ? size : script_read(head, (size_t)size, &script);
        if (result <= 0)
            return result < 0 ? result : size;
        close_part(image, &image->program);
        result = depth < SCRIPT_DEPTH_MAX ? take_script(image, &script, image->path) : -ELOOP;
        if (result < 0)
            return result;
        memcpy(image->path, script.interpreter, sizeof script.interpreter);
        name = (struct program_name){.at = AT_FDCWD, .path = image->path};
    }
}

static int open_linker(struct program_image *image, uint8_t head[ELF_HEAD_SIZE])
{
    char path[ELF_PATH_MAX];
    const struct program_name name = {.at = AT_FDCWD, .path = path};
    const struct elf_plan *plan = &image->program.plan;
    if (plan->interpreter_size == 0)
        return 0;
    int result = read_part(&image->source, &image->program.file, plan->interpreter, path,
                           plan->interpreter_size);
    if (result < 0)
        return result;
    path[plan->interpreter_size - 1] = 0; /* as Linux demands, or the path is another one */
    int size = open_part(image, &name, &image->linker, head);
    if (size < 0) {
        log_line("the program's interpreter cannot be opened: ", path);
        return size;
    }
    result = read_plan(head, (size_t)size, &image->linker);
    if (result == 0 && image->linker.plan.interpreter_size > 0) {
        log_line("the program ", "has an interpreter that wants one itself");
        result = -ENOEXEC;
    }
    return result;
}

static int check_words(const struct program_words *words)
{
    uint64_t count = words->arguments + words->environment;
    if (words->size > PROGRAM_WORDS_MAX || words->arguments > PROGRAM_WORDS_MAX ||
        words->environment > PROGRAM_WORDS_MAX || words->size + 8 * count > PROGRAM_WORDS_MAX)
        return -E2BIG;
    if (words->arguments == 0 || words->size == 0 || words->texts[words->size - 1])
        return -EINVAL;
    return strlen(words->texts) < PROGRAM_PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int open_image(struct program_image *image, const struct program_name *name)
{
    uint8_t head[ELF_HEAD_SIZE];
    int result = check_words(&image->words);
    if (result == 0)
        result = find_program(image, name, head);
    if (result >= 0)
        result = read_plan(head, (size_t)result, &image->program);
    if (result == 0)
        result = open_linker(image, head);
    return result == 0 ? check_words(&image->words) : result;
}

int program_open(const struct program_source *source, const struct program_name *name,
                 const struct program_words *words, struct program_image **out)
{
    struct program_image *image = alloc_zeroed(1, sizeof *image);
    if (!image)
        return -ENOMEM;
    image->source = *source;
    image->words = *words;
    int result = open_image(image, name);
    if (result == 0)
        *out = image;
    else
        program_close(image);
    return result;
}

void program_close(struct program_image *image)
{
    if (!image)
        return;
    close_part(image, &image->program);
    close_part(image, &image->linker);
    libos_free(image->texts);
    libos_free(image);
}

/* --- loading ---------------------------------------------------------------------------------- */

struct segment_origin {
    const struct program_source *source;
    const struct program_file *file;
    uint64_t offset;
};

static int find_sites(const void *origin, const uint8_t *code, size_t size, struct site *out)
{
    const struct segment_origin *from = origin;
    return from->source->find_sites(from->source->argument, from->file, from->offset, code, size,
                                    out);
}

static uintptr_t first_page(uintptr_t base, const struct elf_segment *segment)
{
    return (base + segment->address) & ~(uintptr_t)(MEMORY_PAGE - 1);
}

/* Memory for it, which can be written. */
static int place_segment(uintptr_t base, const struct elf_segment *segment)
{
    uintptr_t page = first_page(base, segment);
    size_t size = base + segment->address + segment->size - page;
    int result = memory_map(&page, size, MEMORY_READ | MEMORY_WRITE, true);
    return result == 0 ? memory_touch(base + segment->address, segment->file_size) : result;
}

static int load_segment(const struct program_image *image, const struct program_part *part,
                        uintptr_t base, const struct elf_segment *segment)
{
    uintptr_t page = first_page(base, segment);
    size_t size = base + segment->address + segment->size - page;
    const struct segment_origin origin = {&image->source, &part->file, segment->offset};
    int result = read_part(&image->source, &part->file, segment->offset,
                           (void *)(base + segment->address), segment->file_size);
    if (result == 0 && (segment->access & MEMORY_EXECUTE))
        rewrite_code(base + segment->address, segment->file_size, find_sites, &origin);
    return result < 0 ? result : memory_protect(page, size, segment->access);
}

/* Room for all and `more` bytes behind it, then each segment in its place; between them nothing.
 * Their memory comes before any is read: much of it at once costs less (model_blocks.c). */
static int load_part(const struct program_image *image, const struct program_part *part,
                     uint64_t more, uintptr_t *base)
{
    const struct elf_plan *plan = &part->plan;
    uintptr_t at = plan->is_fixed ? plan->first : 0;
    int result = memory_map(&at, plan->size - (plan->is_fixed ? plan->first : 0) + more, 0,
                            plan->is_fixed);
    *base = plan->is_fixed ? 0 : at;
    for (size_t i = 0; result == 0 && i < plan->count; i++)
        result = place_segment(*base, &plan->segments[i]);
    for (size_t i = 0; result == 0 && i < plan->count; i++)
        result = load_segment(image, part, *base, &plan->segments[i]);
    return result;
}

static int load_all(const struct program_image *image, struct program *out)
{
    const struct elf_plan *plan = &image->program.plan;
    uintptr_t base = 0;
    int result = load_part(image, &image->program, MEMORY_PAGE + PROGRAM_HEAP_SIZE, &base);
    *out = (struct program){.uid = image->source.uid,
                            .gid = image->source.gid,
                            .start = base + plan->entry,
                            .entry = base + plan->entry,
                            .headers = plan->headers ? base + plan->headers : 0,
                            .header_count = plan->header_count,
                            .heap = base + plan->size + MEMORY_PAGE};
    if (result < 0 || image->linker.file.handle == 0)
        return result;
    result = load_part(image, &image->linker, 0, &base);
    out->start = base + image->linker.plan.entry;
    out->interpreter = base;
    return result;
}

int program_load(const struct program_image *image, struct program *out, uint64_t *stack)
{
    int result = load_all(image, out);
    return result < 0 ? result : program_stack(out, &image->words, stack);
}
