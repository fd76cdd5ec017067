/* A value put into a YAML text: where that is not refused the result is YAML, and put in again the
 * value is in its place already. (That nothing else has changed yaml_put() checks itself.) */
#include "fuzz.h"

#include "format/yaml_put.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct yaml_limits limits = {.size = 1 << 14, .depth = 16, .nodes = 1 << 12};
    static const struct yaml_step whole[] = {{"metadata", 0}, {"annotations", 0}, {"x/p", 0}};
    static const struct yaml_step item[] = {{"items", 0}, {NULL, 0}, {"metadata", 0}, {"x/p", 0}};
    const struct yaml_way ways[] = {{0, whole, 3}, {1, whole, 3}, {0, item, 4}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct error err = {0};
        BUF_AUTO out = BUF_WITH_LIMIT(1 << 17);
        BUF_AUTO again = BUF_WITH_LIMIT(1 << 17);
        if (yaml_put(span_of(data, size), &limits, &ways[i], "UA==", &out, &err) < 0) {
            fuzz_require(err.code != ERROR_NONE);
            continue;
        }
        const struct yaml_limits wider = {.size = 1 << 16, .depth = 24, .nodes = 1 << 13};
        json_auto_t *read = yaml_read(buf_span(&out), &wider, &err);
        fuzz_require(read != NULL);
        fuzz_require(yaml_put(buf_span(&out), &wider, &ways[i], "UA==", &again, &err) == 0);
        fuzz_require(span_equal(buf_span(&out), buf_span(&again)));
    }
    return 0;
}
