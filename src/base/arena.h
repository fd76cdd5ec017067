/* Memory of one document: taken piece by piece, freed at once. A limit bounds it. */
#ifndef CAISSON_BASE_ARENA_H
#define CAISSON_BASE_ARENA_H

#include "base/span.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* the newest first */
    size_t used;                /* of the newest */
    size_t total;
    size_t limit; /* bytes in all */
};

void arena_fini(struct arena *arena);

/* Zeroed bytes, aligned for any type; never freed singly. NULL past the limit or without memory.
 * A size of 0 gives a valid pointer. */
void *arena_take(struct arena *arena, size_t count, size_t size);

/* A copy of a C string, and one of bytes with a zero byte after them. */
char *arena_text(struct arena *arena, const char *text);
char *arena_copy(struct arena *arena, struct span bytes);

#endif
