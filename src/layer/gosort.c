#include "layer/gosort.h"

#include <stdint.h>

/* All ranges are [a, b). The numbers are part of the result: another threshold, another order. */
#define INSERTION_MAX    12 /* ranges up to here are sorted by insertion */
#define NINTHER_MIN      50 /* from here on the pivot is a median of medians */
#define MEDIAN_MIN       8
#define SWAPS_IF_REVERSE 12 /* all comparisons of a ninther went the other way */
#define REPAIR_STEPS     5
#define REPAIR_MIN       50

typedef const struct gosort sorter;

static bool less(sorter *s, size_t a, size_t b)
{
    return s->less(s->arg, a, b);
}

static void swap(sorter *s, size_t a, size_t b)
{
    s->swap(s->arg, a, b);
}

static unsigned bit_length(size_t value)
{
    unsigned bits = 0;
    for (; value > 0; value >>= 1)
        bits++;
    return bits;
}

static void insertion_sort(sorter *s, size_t a, size_t b)
{
    for (size_t i = a + 1; i < b; i++) {
        for (size_t j = i; j > a && less(s, j, j - 1); j--)
            swap(s, j, j - 1);
    }
}

static void sift_down(sorter *s, size_t root, size_t end, size_t first)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= end)
            return;
        if (child + 1 < end && less(s, first + child, first + child + 1))
            child++;
        if (!less(s, first + root, first + child))
            return;
        swap(s, first + root, first + child);
        root = child;
    }
}

static void heap_sort(sorter *s, size_t a, size_t b)
{
    size_t count = b - a;
    for (size_t i = (count - 1) / 2 + 1; i-- > 0;)
        sift_down(s, i, count, a);
    for (size_t i = count; i-- > 0;) {
        swap(s, a, a + i);
        sift_down(s, 0, i, a);
    }
}

/* Puts three elements near the middle elsewhere, by a fixed sequence of numbers. */
static void break_patterns(sorter *s, size_t a, size_t b)
{
    size_t length = b - a;
    if (length < MEDIAN_MIN)
        return;
    uint64_t random = length;
    size_t modulus = (size_t)1 << bit_length(length);
    size_t middle = a + length / 4 * 2;
    for (size_t i = middle - 1; i <= middle + 1; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        size_t other = (size_t)random & (modulus - 1);
        if (other >= length)
            other -= length;
        swap(s, i, a + other);
    }
}

/* Orders the places *a and *b, not what stands there. */
static void order(sorter *s, size_t *a, size_t *b, int *swaps)
{
    if (!less(s, *b, *a))
        return;
    size_t keep = *a;
    *a = *b;
    *b = keep;
    (*swaps)++;
}

static size_t median(sorter *s, size_t a, size_t b, size_t c, int *swaps)
{
    order(s, &a, &b, swaps);
    order(s, &b, &c, swaps);
    order(s, &a, &b, swaps);
    return b;
}

enum hint { HINT_NONE, HINT_INCREASING, HINT_DECREASING };

static size_t choose_pivot(sorter *s, size_t a, size_t b, enum hint *hint)
{
    size_t length = b - a;
    size_t i = a + length / 4, j = a + length / 4 * 2, k = a + length / 4 * 3;
    int swaps = 0;
    if (length >= NINTHER_MIN) {
        i = median(s, i - 1, i, i + 1, &swaps);
        j = median(s, j - 1, j, j + 1, &swaps);
        k = median(s, k - 1, k, k + 1, &swaps);
    }
    if (length >= MEDIAN_MIN)
        j = median(s, i, j, k, &swaps);
    *hint = swaps == 0 ? HINT_INCREASING : swaps == SWAPS_IF_REVERSE ? HINT_DECREASING : HINT_NONE;
    return j;
}

static void reverse(sorter *s, size_t a, size_t b)
{
    for (size_t i = a, j = b - 1; i < j; i++, j--)
        swap(s, i, j);
}

/* Repairs a few places that are out of order; true when the range is sorted then. */
static bool repair(sorter *s, size_t a, size_t b)
{
    size_t i = a + 1;
    for (int step = 0; step < REPAIR_STEPS; step++) {
        while (i < b && !less(s, i, i - 1))
            i++;
        if (i == b)
            return true;
        if (b - a < REPAIR_MIN)
            return false;
        swap(s, i, i - 1);
        if (i - a >= 2) {
            for (size_t j = i - 1; j >= 1 && less(s, j, j - 1); j--)
                swap(s, j, j - 1);
        }
        if (b - i >= 2) {
            for (size_t j = i + 1; j < b && less(s, j, j - 1); j++)
                swap(s, j, j - 1);
        }
    }
    return false;
}

/* Moves what equals the pivot to the front; nothing in the range is less. Returns where the rest
 * begins. The range below stays non-negative: j starts above i and moves by one. */
static size_t partition_equal(sorter *s, size_t a, size_t b, size_t pivot)
{
    swap(s, a, pivot);
    size_t i = a + 1, j = b - 1;
    for (;;) {
        while (i <= j && !less(s, a, i))
            i++;
        while (i <= j && less(s, a, j))
            j--;
        if (i > j)
            return i;
        swap(s, i, j);
        i++;
        j--;
    }
}

static size_t partition(sorter *s, size_t a, size_t b, size_t pivot, bool *was_done)
{
    swap(s, a, pivot);
    size_t i = a + 1, j = b - 1;
    for (*was_done = true;; *was_done = false) {
        while (i <= j && less(s, i, a))
            i++;
        while (i <= j && !less(s, j, a))
            j--;
        if (i > j)
            break;
        swap(s, i, j);
        i++;
        j--;
    }
    swap(s, j, a);
    return j;
}

static void sort_range(sorter *s, size_t a, size_t b, unsigned limit)
{
    bool was_balanced = true, was_partitioned = true;
    for (;;) {
        size_t length = b - a;
        if (length <= INSERTION_MAX) {
            insertion_sort(s, a, b);
            return;
        }
        if (limit == 0) {
            heap_sort(s, a, b);
            return;
        }
        if (!was_balanced) {
            break_patterns(s, a, b);
            limit--;
        }
        enum hint hint;
        size_t pivot = choose_pivot(s, a, b, &hint);
        if (hint == HINT_DECREASING) {
            reverse(s, a, b);
            pivot = (b - 1) - (pivot - a);
            hint = HINT_INCREASING;
        }
        if (was_balanced && was_partitioned && hint == HINT_INCREASING && repair(s, a, b))
            return;
        if (a > 0 && !less(s, a - 1, pivot)) {
            a = partition_equal(s, a, b, pivot);
            continue;
        }
        size_t middle = partition(s, a, b, pivot, &was_partitioned);
        size_t left = middle - a, right = b - middle;
        was_balanced = (left < right ? left : right) >= length / 8;
        if (left < right) { /* the shorter side by recursion, the longer by the loop */
            sort_range(s, a, middle, limit);
            a = middle + 1;
        } else {
            sort_range(s, middle + 1, b, limit);
            b = middle;
        }
    }
}

void gosort(const struct gosort *sort, size_t count)
{
    if (count > 1)
        sort_range(sort, 0, count, bit_length(count));
}
