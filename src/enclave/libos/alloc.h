/* The library OS' own memory. Hosted tests give malloc's. */
#ifndef CAISSON_ENCLAVE_LIBOS_ALLOC_H
#define CAISSON_ENCLAVE_LIBOS_ALLOC_H

#include <stddef.h>
#include <stdint.h>

/* Aligned for every type, not zeroed; NULL when there is no room. */
void *libos_alloc(size_t size);

/* NULL is allowed. */
void libos_free(void *memory);

/* In the image, before the first allocation: what is given out (heap.h). */
void libos_alloc_begin(void *memory, size_t size);
/* And what it may grow by, behind that (heap_set_room()). */
void libos_alloc_set_room(size_t room, int (*accept)(uintptr_t page));

#endif
