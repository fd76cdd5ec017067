#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)16 << 10)

struct arena_block {
    struct arena_block *next;
    size_t size; /* of the bytes that follow */
    alignas(max_align_t) unsigned char bytes[];
};

void arena_fini(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    arena->used = arena->total = 0;
}

static int grow(struct arena *arena, size_t size)
{
    size_t wanted = size > BLOCK_SIZE ? size : BLOCK_SIZE;
    if (wanted > arena->limit - arena->total)
        return -1;
    struct arena_block *block = calloc(1, sizeof *block + wanted);
    if (!block)
        return -1;
    *block = (struct arena_block){.next = arena->blocks, .size = wanted};
    arena->blocks = block;
    arena->total += wanted;
    arena->used = 0;
    return 0;
}

void *arena_take(struct arena *arena, size_t count, size_t size)
{
    const size_t unit = alignof(max_align_t);
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > arena->limit)
        return NULL;
    bytes = (bytes + unit - 1) / unit * unit;
    if ((!arena->blocks || bytes > arena->blocks->size - arena->used) && grow(arena, bytes) < 0)
        return NULL;
    void *out = arena->blocks->bytes + arena->used;
    arena->used += bytes;
    return out;
}

char *arena_copy(struct arena *arena, struct span bytes)
{
    char *copy = arena_take(arena, bytes.size + 1, 1);
    if (copy && bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return copy;
}

char *arena_text(struct arena *arena, const char *text)
{
    return arena_copy(arena, span_of_text(text));
}
