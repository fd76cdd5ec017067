/* JSON to its canonical text: that text is JSON, says the same, and is its own canonical text. */
#include "fuzz.h"

#include "format/jcs.h"
#include "format/json.h"

#define TEXT_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits = {.size = TEXT_MAX, .depth = JSON_DEPTH_MAX};
    BUF_AUTO once = BUF_WITH_LIMIT(TEXT_MAX);
    BUF_AUTO twice = BUF_WITH_LIMIT(TEXT_MAX);
    json_auto_t *value = json_parse(span_of(data, size), &limits, NULL);
    if (!value || jcs_append(value, &once, NULL) < 0)
        return 0;
    json_auto_t *again = json_parse(buf_span(&once), &limits, NULL);
    if (!again)
        return 0; /* a name with a zero byte, or a number too large for its reader */
    if (jcs_append(again, &twice, NULL) < 0)
        return 0; /* a real number that is whole, and beyond the integers that are taken */
    fuzz_require(span_equal(buf_span(&once), buf_span(&twice)));
    return 0;
}
