/*
 * Memory that is given out and taken back in pieces. Its size is fixed, or grows where room was
 * named behind it.
 *
 * Theory of operation: pieces lie one behind another, each behind a head that says its size and
 * that of the one before. Free neighbours become one. Free pieces are in lists by their size, four
 * for each power of two: a piece is taken from its own list if one of the first few there is large
 * enough, else from the next list that has any, all of which are. Not for two threads at once.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_HEAP_H
#define CAISSON_ENCLAVE_LIBOS_HEAP_H

#include <stddef.h>
#include <stdint.h>

#define HEAP_LISTS 160

struct heap_piece;

#define HEAP_STEP ((size_t)256 << 10) /* bytes that it grows by, or more */

struct heap {
    uint8_t *memory;
    size_t size;                   /* bytes, with all heads */
    uint8_t *fresh;                /* from here on all bytes are zero, but for a head at the end */
    size_t room;                   /* bytes behind it that may become its */
    int (*accept)(uintptr_t page); /* makes memory of a page of them */
    struct heap_piece *lists[HEAP_LISTS];
};

/* `memory` is aligned to 16 bytes and borrowed; what is in it does not matter. At least 64 bytes.
 */
void heap_init(struct heap *heap, void *memory, size_t size);

/* The heap, which ends with a page, may grow by so many bytes of whole pages behind it. `accept`
 * answers 0 where a page has become memory, of zeros. */
void heap_set_room(struct heap *heap, size_t room, int (*accept)(uintptr_t page));

/* Aligned to 16 bytes, not zeroed; NULL when there is no room. */
void *heap_take(struct heap *heap, size_t size);

/* The same, zeroed: what has never been given out is not touched for that. */
void *heap_take_zeroed(struct heap *heap, size_t size);

/* NULL is allowed. What heap_take() did not give, or was given back already, is a bug that ends the
 * enclave where it is seen. */
void heap_give(struct heap *heap, void *memory);

#endif
