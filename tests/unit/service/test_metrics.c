/* Histograms as Prometheus reads them: buckets hold all that is not longer, up to +Inf. */
#include "../check.h"

#include <string.h>

#include "service/metrics.h"

static const struct metrics_label labels[] = {{"GET", "/a"}, {"POST", "/b/"}, {"", "other"}};

static void holds(const struct buf *text, const char *line)
{
    if (!strstr(buf_text(text), line))
        fail_msg("there is no %s in:\n%s", line, buf_text(text));
}

static void buckets_hold_all_that_is_not_longer(void **state)
{
    (void)state;
    struct error err = {0};
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    struct metrics *metrics = metrics_new(&err);
    assert_non_null(metrics);
    static const uint64_t times[] = {0, 500, 501, 1000, 9999, 10000, 10000000, 10000001, 90000000};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        metrics_observe(metrics, 1, times[i]);
    metrics_observe(metrics, 2, 7);
    metrics_observe(metrics, METRICS_ROUTES_MAX, 7);
    check_ok(metrics_append(metrics, labels, 3, &text, &err), &err);
    holds(&text, "# TYPE caisson_request_duration_seconds histogram\n");
    holds(&text, "_bucket{method=\"POST\",route=\"/b/\",le=\"0.0005\"} 2\n");
    holds(&text, "_bucket{method=\"POST\",route=\"/b/\",le=\"0.001\"} 4\n");
    holds(&text, "_bucket{method=\"POST\",route=\"/b/\",le=\"0.0025\"} 4\n");
    holds(&text, "_bucket{method=\"POST\",route=\"/b/\",le=\"0.01\"} 6\n");
    holds(&text, "_bucket{method=\"POST\",route=\"/b/\",le=\"10\"} 7\n");
    holds(&text, "_bucket{method=\"POST\",route=\"/b/\",le=\"+Inf\"} 9\n");
    holds(&text, "_sum{method=\"POST\",route=\"/b/\"} 110.022001\n");
    holds(&text, "_count{method=\"POST\",route=\"/b/\"} 9\n");
    holds(&text, "_sum{method=\"\",route=\"other\"} 0.000007\n");
    assert_null(strstr(buf_text(&text), "route=\"/a\""));
    metrics_free(metrics);
}

static void a_full_buffer_is_an_error(void **state)
{
    (void)state;
    struct error err;
    BUF_AUTO text = BUF_WITH_LIMIT(200);
    struct metrics *metrics = metrics_new(&err);
    metrics_observe(metrics, 0, 1);
    check_error(metrics_append(metrics, labels, 1, &text, &err), &err, ERROR_LIMIT);
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_hold_all_that_is_not_longer),
        cmocka_unit_test(a_full_buffer_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
