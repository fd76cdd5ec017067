/* JMESPath: an expression, a zero byte and a document. A search ends within its steps, leaves the
 * document as it is, and gives JSON. */
#include "fuzz.h"

#include "rules/jmespath.h"

static void search(const struct jmespath *expression, struct span text)
{
    static const struct json_limits limits = {.size = 1 << 16, .depth = 16};
    json_auto_t *document = json_parse(text, &limits, NULL);
    uint64_t steps = 20000;
    struct error err = {0};
    if (!document)
        document = json_pack("{s:[i,{s:i}], s:s}", "a", 1, "b", 2, "c", "text");
    json_auto_t *before = json_deep_copy(document);
    json_auto_t *result = jmespath_search(expression, document, &steps, &err);
    fuzz_require(steps <= 20000);
    fuzz_require(result || err.code == ERROR_INVALID || err.code == ERROR_LIMIT);
    fuzz_require(json_equal(document, before));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
    struct span text = span_of(data, end ? (size_t)(end - data) : size);
    struct error err = {0};
    struct jmespath *expression = jmespath_new(text, &err);
    fuzz_require(expression || err.code == ERROR_INVALID || err.code == ERROR_LIMIT);
    if (expression)
        search(expression, end ? span_of(end + 1, size - text.size - 1) : span_of(NULL, 0));
    jmespath_free(expression);
    return 0;
}
