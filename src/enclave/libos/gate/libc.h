/* The memory that malloc() gives out in an image with the gate of policies (libc.c). */
#ifndef CAISSON_ENCLAVE_LIBOS_GATE_LIBC_H
#define CAISSON_ENCLAVE_LIBOS_GATE_LIBC_H

#include <stddef.h>
#include <stdint.h>

/* Before the first allocation; `memory` is aligned to 16 bytes and borrowed. */
void libc_begin(void *memory, size_t size);
/* And what it may grow by, behind that (heap_set_room()). */
void libc_set_room(size_t room, int (*accept)(uintptr_t page));

#endif
