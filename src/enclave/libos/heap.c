#include "enclave/libos/heap.h"

#include <stdbool.h>
#include <string.h>

#define HEAD       16 /* bytes before what is given out */
#define UNIT       ((size_t)16)
#define PIECE_MIN  ((size_t)32)
#define LOOKS_MOST 32 /* at pieces of the own list */
#define IN_USE     ((size_t)1)
#define SIZE_MOST  (SIZE_MAX / 4)
#define PAGE       ((size_t)4096)

struct heap_piece {
    size_t size;             /* bytes with the head, and IN_USE; 0 and IN_USE behind the last one */
    size_t before;           /* bytes of the piece before; 0 for the first */
    struct heap_piece *next; /* of free ones: in the list */
    struct heap_piece **place; /* what points here */
};

static size_t size_of(const struct heap_piece *piece)
{
    return piece->size & ~IN_USE;
}

static bool is_free(const struct heap_piece *piece)
{
    return !(piece->size & IN_USE);
}

static struct heap_piece *behind(struct heap_piece *piece)
{
    return (struct heap_piece *)((uint8_t *)piece + size_of(piece));
}

/* The list of pieces of this size, at least PIECE_MIN: the power of two, then two bits. */
static size_t list_of(size_t size)
{
    size_t power = 63 - (size_t)__builtin_clzl(size);
    size_t list = (power - 5) * 4 + ((size >> (power - 2)) & 3);
    return list < HEAP_LISTS ? list : HEAP_LISTS - 1;
}

static void put(struct heap *heap, struct heap_piece *piece, size_t size)
{
    struct heap_piece **place = &heap->lists[list_of(size)];
    piece->size = size;
    piece->next = *place;
    piece->place = place;
    if (piece->next)
        piece->next->place = &piece->next;
    *place = piece;
    behind(piece)->before = size;
}

static void drop(struct heap_piece *piece)
{
    *piece->place = piece->next;
    if (piece->next)
        piece->next->place = piece->place;
}

void heap_init(struct heap *heap, void *memory, size_t size)
{
    struct heap_piece *first = memory;
    *heap = (struct heap){.memory = memory, .size = size & ~(UNIT - 1)};
    heap->fresh = heap->memory + heap->size;
    size_t all = heap->size - HEAD;
    ((struct heap_piece *)(heap->memory + all))->size = IN_USE;
    first->before = 0;
    put(heap, first, all);
}

static struct heap_piece *find(const struct heap *heap, size_t size)
{
    size_t list = list_of(size);
    struct heap_piece *piece = heap->lists[list];
    for (int looks = 0; piece && looks < LOOKS_MOST; looks++, piece = piece->next) {
        if (piece->size >= size)
            return piece;
    }
    while (++list < HEAP_LISTS) {
        if (heap->lists[list] && heap->lists[list]->size >= size)
            return heap->lists[list];
    }
    return NULL;
}

void heap_set_room(struct heap *heap, size_t room, int (*accept)(uintptr_t page))
{
    heap->room = room;
    heap->accept = accept;
}

/* How many of these bytes behind the heap have become memory. */
static size_t accept_pages(const struct heap *heap, size_t size)
{
    uintptr_t end = (uintptr_t)heap->memory + heap->size;
    size_t done = 0;
    while (done < size && heap->accept(end + done) == 0)
        done += PAGE;
    return done;
}

/* Bytes of the free piece that ends the heap. */
static size_t free_at_end(const struct heap *heap)
{
    const struct heap_piece *end = (const void *)(heap->memory + heap->size - HEAD);
    const struct heap_piece *last = (const void *)((const uint8_t *)end - end->before);
    return end->before > 0 && is_free(last) ? last->size : 0;
}

/* Makes room for a piece of this size at the end: what ended the heap becomes the head of a piece
 * that is given back at once. */
static bool grow(struct heap *heap, size_t size)
{
    if (heap->room == 0)
        return false;
    size_t there = free_at_end(heap);
    size_t wanted = size > there ? size - there : PAGE;
    size_t step = (wanted + HEAP_STEP - 1) & ~(HEAP_STEP - 1);
    if (step > heap->room)
        step = heap->room;
    step = step < wanted ? 0 : accept_pages(heap, step);
    if (step == 0)
        return false;
    struct heap_piece *end = (struct heap_piece *)(heap->memory + heap->size - HEAD);
    heap->room -= step;
    heap->size += step;
    end->size = step | IN_USE;
    behind(end)->size = IN_USE;
    behind(end)->before = step;
    heap_give(heap, (uint8_t *)end + HEAD);
    if (there > 0) /* it is amidst the bytes of a piece now */
        memset(end, 0, HEAD);
    return true;
}

/* Takes a free piece, and leaves behind it what is not wanted. */
static void split(struct heap *heap, struct heap_piece *piece, size_t size)
{
    size_t rest = piece->size - size;
    drop(piece);
    if (rest < PIECE_MIN) {
        piece->size |= IN_USE;
        return;
    }
    piece->size = size | IN_USE;
    behind(piece)->before = size;
    put(heap, behind(piece), rest);
}

void *heap_take(struct heap *heap, size_t size)
{
    if (size > SIZE_MOST)
        return NULL;
    size = (size + HEAD + UNIT - 1) & ~(UNIT - 1);
    if (size < PIECE_MIN)
        size = PIECE_MIN;
    struct heap_piece *piece = find(heap, size);
    if (!piece && grow(heap, size))
        piece = find(heap, size);
    if (!piece)
        return NULL;
    split(heap, piece, size);
    uint8_t *end = (uint8_t *)behind(piece) + sizeof *piece; /* of the next one's head */
    heap->fresh = end > heap->fresh ? end : heap->fresh;
    return (uint8_t *)piece + HEAD;
}

void *heap_take_zeroed(struct heap *heap, size_t size)
{
    const uint8_t *fresh = heap->fresh;
    uint8_t *memory = heap_take(heap, size);
    if (memory && memory < fresh)
        memset(memory, 0, (size_t)(fresh - memory) < size ? (size_t)(fresh - memory) : size);
    return memory;
}

void heap_give(struct heap *heap, void *memory)
{
    if (!memory)
        return;
    struct heap_piece *piece = (struct heap_piece *)((uint8_t *)memory - HEAD);
    uintptr_t offset = (uintptr_t)piece - (uintptr_t)heap->memory;
    if (offset >= heap->size || offset % UNIT != 0 || is_free(piece) ||
        behind(piece)->before != size_of(piece))
        __builtin_trap();
    size_t size = size_of(piece);
    struct heap_piece *next = behind(piece);
    if (is_free(next)) {
        drop(next);
        size += next->size;
    }
    if (piece->before > 0) {
        struct heap_piece *previous = (struct heap_piece *)((uint8_t *)piece - piece->before);
        if (is_free(previous)) {
            drop(previous);
            size += previous->size;
            piece->size = 0; /* a second heap_give() is seen */
            piece = previous;
        }
    }
    put(heap, piece, size);
}
