/* YAML: what is accepted is JSON within the limits, and reads back as the same values. */
#include "fuzz.h"

#include "format/json.h"
#include "format/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct yaml_limits limits = {.size = 1 << 16, .depth = 16, .nodes = 1 << 12};
    struct error err = {0};
    json_auto_t *documents = yaml_read(span_of(data, size), &limits, &err);
    fuzz_require(documents || err.code != ERROR_NONE);
    if (!documents)
        return 0;
    const struct json_limits wide = {.size = 1 << 20, .depth = 17};
    BUF_AUTO text = BUF_WITH_LIMIT(wide.size);
    if (json_append(documents, &text, &err) < 0)
        return 0;
    json_auto_t *again = json_parse(buf_span(&text), &wide, &err);
    fuzz_require(again && json_equal(documents, again));
    return 0;
}
