#include "enclave/libos/alloc.h"

#include "enclave/libos/heap.h"

static struct heap heap;

void libos_alloc_begin(void *memory, size_t size)
{
    heap_init(&heap, memory, size);
}

void libos_alloc_set_room(size_t room, int (*accept)(uintptr_t page))
{
    heap_set_room(&heap, room, accept);
}

void *libos_alloc(size_t size)
{
    return heap_take(&heap, size);
}

void libos_free(void *memory)
{
    heap_give(&heap, memory);
}
