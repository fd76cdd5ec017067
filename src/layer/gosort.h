/*
 * The order in which Go's sort.Slice leaves its elements. With a comparison that is no ordering the
 * outcome depends on the algorithm, step by step, and the reference converter sorts the extended
 * attributes of a block with such a comparison. The algorithm is pattern-defeating quicksort as Go
 * has it since 1.19 (O. Peters, arXiv:2106.05123, without the block partitioning).
 */
#ifndef CAISSON_LAYER_GOSORT_H
#define CAISSON_LAYER_GOSORT_H

#include <stdbool.h>
#include <stddef.h>

struct gosort {
    bool (*less)(void *arg, size_t a, size_t b); /* of the elements at these places */
    void (*swap)(void *arg, size_t a, size_t b);
    void *arg;
};

void gosort(const struct gosort *sort, size_t count);

#endif
