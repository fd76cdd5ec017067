#include "enclave/libos/program/facts.h"

#include <linux/fcntl.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/files/walk.h"
#include "enclave/libos/program/memory.h"

static struct program_facts facts;

const struct program_facts *program_facts(void)
{
    return &facts;
}

void program_facts_end(void)
{
    node_put(facts.file);
    facts = (struct program_facts){0};
}

static void set_name(const char *name)
{
    size_t len = strnlen(name, sizeof facts.name - 1);
    memset(facts.name, 0, sizeof facts.name);
    memcpy(facts.name, name, len);
}

/* The file, and its path as the kernel would tell it. */
static void find_file(struct vfs *vfs, const char *path)
{
    struct walk walk;
    node_put(facts.file);
    facts.file = NULL;
    facts.path[0] = 0;
    if (!vfs->root || walk_path(vfs, AT_FDCWD, path, 0, &walk) < 0)
        return;
    char *whole = walk_whole_path(vfs, &walk);
    size_t len = whole ? strnlen(whole, sizeof facts.path - 1) : 0;
    if (whole)
        memcpy(facts.path, whole, len);
    facts.path[len] = 0;
    facts.file = node_get(walk.node);
    libos_free(whole);
    walk_fini(&walk);
}

/* Behind the pointers that begin here, up to their null: the first of them is *first; *end is
 * where the text of the last one ends. */
static const uint64_t *skip(const uint64_t *at, uint64_t *first, uint64_t *end)
{
    *first = *end;
    if (*at != 0)
        *first = *at;
    for (; *at != 0; at++)
        *end = *at + strlen((const char *)(uintptr_t)*at) + 1;
    return at + 1;
}

/* What the System V ABI puts there; the library OS has just written it. */
static void read_stack(uint64_t stack)
{
    const uint64_t *at = (const uint64_t *)(uintptr_t)stack + 1;
    uint64_t end = 0;
    at = skip(at, &facts.arguments, &end);
    at = skip(at, &facts.environment, &end);
    facts.words_end = end;
    facts.auxiliary = (uintptr_t)at;
    while (at[0] != 0)
        at += 2;
    facts.auxiliary_end = (uintptr_t)(at + 2);
    facts.stack = stack;
    facts.stack_end = (end + MEMORY_PAGE - 1) & ~(uint64_t)(MEMORY_PAGE - 1);
}

static const char *last_part(const char *path)
{
    const char *part = path;
    for (; *path; path++)
        part = *path == '/' ? path + 1 : part;
    return part;
}

void program_facts_begin(struct vfs *vfs, const char *named, const char *path,
                         const struct program *program, uint64_t stack)
{
    find_file(vfs, path);
    read_stack(stack);
    set_name(last_part(named));
    facts.heap = program->heap;
    facts.started = clock_now(DOOR_CLOCK_MONOTONIC);
}
