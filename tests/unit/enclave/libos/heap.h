#ifndef CAISSON_TESTS_LIBOS_HEAP_H
#define CAISSON_TESTS_LIBOS_HEAP_H

#include <stddef.h>

/* How many allocations of the library OS succeed from now on; SIZE_MAX for all. */
extern size_t heap_left;

/* NULL, or what is called with all memory that is given back. */
extern void (*heap_freed)(const void *memory, size_t size);

/* Bytes that were asked for since the test's begin, whether they were given back or not. */
extern size_t heap_asked;

#endif
