/* The guest's reader of JSON against jansson: what it accepts both read alike. */
#include "fuzz.h"

#include "format/json.h"
#include "format/value.h"

#define DEPTH 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits = {.size = 1 << 16, .depth = DEPTH};
    static const struct json_limits wide = {.size = 1 << 20, .depth = DEPTH};
    struct error json_err = {0};
    struct error err = {0};
    struct value value;
    struct arena arena = {.limit = 1 << 24};
    BUF_AUTO text = BUF_WITH_LIMIT(wide.size);
    /* jansson takes a zero byte after a number for a blank. */
    if (size > limits.size || (size > 0 && memchr(data, 0, size)))
        return 0;
    json_auto_t *json = json_parse_object(span_of(data, size), &limits, &json_err);
    int read = value_read_object(span_of(data, size), DEPTH, &arena, &value, &err);
    fuzz_require(read == 0 || err.code != ERROR_NONE);
    if (read == 0) {
        fuzz_require(json && value_append(&value, &text, &err) == 0);
        json_auto_t *again = json_parse_object(buf_span(&text), &wide, &err);
        fuzz_require(again && json_equal(json, again));
    }
    /* Only this reader limits the number of an object's members, and has no reals. */
    fuzz_require(read == 0 || !json || err.code == ERROR_LIMIT ||
                 strstr(err.text, "a number that is no integer"));
    arena_fini(&arena);
    return 0;
}
