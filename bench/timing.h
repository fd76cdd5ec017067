/* What the benches of verifiers share: time, medians, and the line that bench/run reads. */
#ifndef CAISSON_BENCH_TIMING_H
#define CAISSON_BENCH_TIMING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS       800
#define WORK_SECONDS 2

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

/* Both in turn, each with what it works on. */
static inline struct figure compare(void (*floor)(const void *), const void *floor_subject,
                                    void (*verify)(const void *), const void *subject)
{
    static double ratios[ROUNDS];
    static double times[ROUNDS];
    static double floors[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        double start = now_us();
        floor(floor_subject);
        double middle = now_us();
        verify(subject);
        times[i] = now_us() - middle;
        floors[i] = middle - start;
        ratios[i] = times[i] / floors[i];
    }
    return (struct figure){median(ratios, ROUNDS), median(times, ROUNDS), median(floors, ROUNDS)};
}

struct worker {
    pthread_t thread;
    void (*verify)(const void *);
    const void *subject;
    size_t count;
};

static inline void *work(void *arg)
{
    struct worker *worker = arg;
    double end = now_us() + 1e6 * WORK_SECONDS;
    while (now_us() < end) {
        worker->verify(worker->subject);
        worker->count++;
    }
    return NULL;
}

/* Verifications a second by so many threads (1 or 2), which share the subject. */
static inline double throughput(void (*verify)(const void *), const void *subject, size_t threads)
{
    struct worker workers[2] = {{.verify = verify, .subject = subject},
                                {.verify = verify, .subject = subject}};
    size_t count = 0;
    for (size_t i = 0; i < threads; i++)
        require(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0, "no thread");
    for (size_t i = 0; i < threads; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        count += workers[i].count;
    }
    return (double)count / WORK_SECONDS;
}

static inline void print_throughput(const char *what, void (*verify)(const void *),
                                    const void *subject)
{
    double one = throughput(verify, subject, 1);
    double two = throughput(verify, subject, 2);
    (void)printf("RESULT | evidence: %s | %.0f by one thread, %.0f by two (× %.2f) | | info\n",
                 what, one, two, two / one);
}

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
