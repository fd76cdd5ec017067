/* YAML: what is accepted is JSON within the limits, and reads back as the same values, from JSON
 * and from YAML. */
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
    const struct yaml_limits wider = {.size = 1 << 20, .depth = 16, .nodes = 1 << 13};
    BUF_AUTO yaml = BUF_WITH_LIMIT(1 << 20);
    if (yaml_write(documents, &yaml, &err) < 0)
        return 0;
    json_auto_t *rewritten = yaml_read(buf_span(&yaml), &wider, &err);
    fuzz_require(rewritten && json_equal(documents, rewritten));
    return 0;
}
