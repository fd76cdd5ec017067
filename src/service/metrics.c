#include "service/metrics.h"

#include <stdatomic.h>
#include <stdlib.h>

#define NAME "caisson_request_duration_seconds"

/* The buckets' ends, as Prometheus' libraries have them by default, and half a millisecond to two
 * below. */
static const struct {
    uint64_t microseconds;
    const char *seconds;
} ends[] = {
    {500, "0.0005"},  {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},
    {25000, "0.025"}, {50000, "0.05"},  {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"},
    {1000000, "1"},   {2500000, "2.5"}, {5000000, "5"},   {10000000, "10"},
};

#define END_COUNT (sizeof ends / sizeof ends[0])

struct histogram {
    atomic_ullong buckets[END_COUNT + 1]; /* each its own answers; the last is beyond all ends */
    atomic_ullong sum;                    /* microseconds */
};

struct metrics {
    struct histogram routes[METRICS_ROUTES_MAX];
};

struct metrics *metrics_new(struct error *err)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);
    if (!metrics)
        (void)error_memory(err);
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    free(metrics);
}

void metrics_observe(struct metrics *metrics, size_t route, uint64_t microseconds)
{
    size_t i = 0;
    if (route >= METRICS_ROUTES_MAX)
        return;
    while (i < END_COUNT && microseconds > ends[i].microseconds)
        i++;
    atomic_fetch_add_explicit(&metrics->routes[route].buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metrics->routes[route].sum, microseconds, memory_order_relaxed);
}

/* Buckets are read once: what is written adds up, whatever is counted meanwhile. */
static int append_histogram(const struct histogram *histogram, const struct metrics_label *label,
                            struct buf *out, struct error *err)
{
    unsigned long long counts[END_COUNT + 1], total = 0;
    for (size_t i = 0; i <= END_COUNT; i++) {
        total += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
        counts[i] = total;
    }
    unsigned long long sum = atomic_load_explicit(&histogram->sum, memory_order_relaxed);
    if (total == 0)
        return 0;
    for (size_t i = 0; i <= END_COUNT; i++) {
        const char *end = i < END_COUNT ? ends[i].seconds : "+Inf";
        if (buf_printf(out, err, NAME "_bucket{method=\"%s\",route=\"%s\",le=\"%s\"} %llu\n",
                       label->method, label->route, end, counts[i]) < 0)
            return -1;
    }
    return buf_printf(out, err,
                      NAME "_sum{method=\"%s\",route=\"%s\"} %llu.%06llu\n" NAME
                           "_count{method=\"%s\",route=\"%s\"} %llu\n",
                      label->method, label->route, sum / 1000000, sum % 1000000, label->method,
                      label->route, total);
}

int metrics_append(const struct metrics *metrics, const struct metrics_label *labels, size_t count,
                   struct buf *out, struct error *err)
{
    if (buf_append_text(out,
                        "# HELP " NAME " From a request's first byte to its answer.\n"
                        "# TYPE " NAME " histogram\n",
                        err) < 0)
        return -1;
    for (size_t i = 0; i < count && i < METRICS_ROUTES_MAX; i++) {
        if (append_histogram(&metrics->routes[i], &labels[i], out, err) < 0)
            return -1;
    }
    return 0;
}
