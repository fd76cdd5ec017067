/* The library OS' memory in a hosted test: malloc's, which may be told to fail. */
#include "heap.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "enclave/libos/alloc.h"

size_t heap_left = SIZE_MAX;
void (*heap_freed)(const void *memory, size_t size);
size_t heap_asked;

void *libos_alloc(size_t size)
{
    if (heap_left == 0)
        return NULL;
    heap_left -= heap_left != SIZE_MAX;
    heap_asked += size;
    return malloc(size);
}

void libos_free(void *memory)
{
    if (memory && heap_freed)
        heap_freed(memory, malloc_usable_size(memory));
    free(memory);
}
