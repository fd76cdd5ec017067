/* The library OS' memory in a hosted test: malloc's, which may be told to fail. */
#include "heap.h"

#include <stdint.h>
#include <stdlib.h>

#include "enclave/libos/alloc.h"

size_t heap_left = SIZE_MAX;

void *libos_alloc(size_t size)
{
    if (heap_left == 0)
        return NULL;
    heap_left -= heap_left != SIZE_MAX;
    return malloc(size);
}

void libos_free(void *memory)
{
    free(memory);
}
