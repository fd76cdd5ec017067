/* Strict JSON: what is accepted is within the limits, and is accepted again as it is written. */
#include "fuzz.h"

#include "format/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits = {.size = 1 << 16, .depth = 16};
    struct error err = {0};
    json_auto_t *value = json_parse(span_of(data, size), &limits, &err);
    fuzz_require(value || err.code != ERROR_NONE);
    if (!value)
        return 0;
    const struct json_limits wide = {.size = 1 << 20, .depth = 16};
    BUF_AUTO text = BUF_WITH_LIMIT(wide.size);
    if (json_append(value, &text, &err) < 0)
        return 0;
    json_auto_t *again = json_parse(buf_span(&text), &wide, &err);
    fuzz_require(again && json_equal(value, again));
    return 0;
}
