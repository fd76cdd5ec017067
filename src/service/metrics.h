/*
 * How long answers take, by route: a histogram each, in Prometheus' text format (version 0.0.4).
 * Observing takes no lock.
 */
#ifndef CAISSON_SERVICE_METRICS_H
#define CAISSON_SERVICE_METRICS_H

#include "base/buf.h"

#define METRICS_ROUTES_MAX 96

struct metrics;

/* The caller frees it; NULL where memory ran out. */
struct metrics *metrics_new(struct error *err);
void metrics_free(struct metrics *metrics);

/* An answer of the route of this number (below METRICS_ROUTES_MAX) took so long. */
void metrics_observe(struct metrics *metrics, size_t route, uint64_t microseconds);

/* What a route is called in labels. */
struct metrics_label {
    const char *method;
    const char *route;
};

/* Appends the histograms of routes that have answered; `labels` are those of routes 0 to `count`-1.
 * ERROR_LIMIT, ERROR_MEMORY. */
int metrics_append(const struct metrics *metrics, const struct metrics_label *labels, size_t count,
                   struct buf *out, struct error *err);

#endif
