#include "enclave/libos/processes/told.h"

#include <linux/fcntl.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/walk.h"
#include "enclave/libos/program/script.h"

static const char *last_part(const char *path, size_t size)
{
    const char *part = path;
    for (size_t i = 0; i + 1 < size && path[i] != 0; i++)
        part = path[i] == '/' ? path + i + 1 : part;
    return part;
}

static void set_name(struct told *told, const char *texts, size_t size)
{
    const char *name = last_part(texts, size);
    size_t most = size - (size_t)(name - texts);
    most = most < sizeof told->name ? most : sizeof told->name - 1;
    memset(told->name, 0, sizeof told->name);
    memcpy(told->name, name, strnlen(name, most));
}

static char *copy(const char *bytes, size_t size)
{
    char *out = size > 0 ? libos_alloc(size) : NULL;
    if (out)
        memcpy(out, bytes, size);
    return out;
}

static void set_words(struct told *told, const char *words, size_t size)
{
    told->words = copy(words, size);
    told->words_size = told->words ? size : 0;
}

/* The path may lead by what was told before. */
static void find_file(struct vfs *vfs, const char *path, struct told *out)
{
    struct walk walk;
    if (!vfs->root || walk_path(vfs, AT_FDCWD, path, 0, &walk) < 0)
        return;
    out->path = walk_whole_path(vfs, &walk);
    out->file = node_get(walk.node);
    walk_fini(&walk);
}

void told_begin(struct told *told, struct vfs *vfs, const char *path, const char *texts,
                size_t size)
{
    struct told now = {.file = NULL};
    size_t named = strnlen(texts, size);
    size_t skipped = named < size ? named + 1 : size;
    set_name(&now, texts, size);
    find_file(vfs, path, &now);
    set_words(&now, texts + skipped, size - skipped);
    told_end(told);
    *told = now;
}

size_t told_size(const struct program_words *words)
{
    size_t at = 0;
    for (size_t i = 0; i < words->arguments + 1 && at < words->size; i++)
        at += strnlen(words->texts + at, words->size - at) + 1;
    at = at < words->size ? at : words->size;
    return at < TOLD_WORDS_MAX ? at : TOLD_WORDS_MAX;
}

void told_copy(struct told *out, const struct told *from)
{
    memcpy(out->name, from->name, sizeof out->name);
    out->file = from->file ? node_get(from->file) : NULL;
    out->path = from->path ? copy(from->path, strlen(from->path) + 1) : NULL;
    set_words(out, from->words, from->words_size);
}

void told_end(struct told *told)
{
    node_put(told->file);
    libos_free(told->path);
    libos_free(told->words);
    told->file = NULL;
    told->path = told->words = NULL;
    told->words_size = 0;
}
