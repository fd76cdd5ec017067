#ifndef CAISSON_TESTS_LIBOS_HEAP_H
#define CAISSON_TESTS_LIBOS_HEAP_H

#include <stddef.h>

/* How many allocations of the library OS succeed from now on; SIZE_MAX for all. */
extern size_t heap_left;

#endif
