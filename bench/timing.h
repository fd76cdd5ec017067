/* What the benches of verifiers share: time, medians, and the line that bench/run reads. */
#ifndef CAISSON_BENCH_TIMING_H
#define CAISSON_BENCH_TIMING_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline void require(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static inline double now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static inline int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

struct figure {
    double ratio;
    double us;       /* of the verifier */
    double floor_us; /* of the floor */
};

/* Without a goal (0) it is for information. */
static inline void print_ratio(const char *what, const struct figure *figure, const char *of,
                               double goal)
{
    (void)printf("RESULT | evidence: %s | %.2f ×%s%s (%.0f µs against %.0f µs) |", what,
                 figure->ratio, *of ? " " : "", of, figure->us, figure->floor_us);
    if (goal > 0)
        (void)printf(" ≤ %.1f × | %s\n", goal, figure->ratio <= goal ? "ok" : "missed");
    else
        (void)printf(" | info\n");
}

#endif
