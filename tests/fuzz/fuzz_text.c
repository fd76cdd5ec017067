/* Numbers and UTF-8: a number that is read prints as the same text. */
#include "fuzz.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = span_of(data, size);
    bool utf8 = text_is_utf8(bytes);
    /* No sequence spans two strings: a string is UTF-8 exactly when it is after an ASCII letter. */
    TEXT_AUTO text = text_dup_span(bytes);
    fuzz_require(!text || strlen(text) == size);
    if (!text)
        return 0;
    TEXT_AUTO longer = text_format("a%s", text);
    fuzz_require(!longer || text_is_utf8(span_of_text(longer)) == utf8);
    uint64_t number;
    if (text_to_u64(text, UINT64_MAX, &number)) {
        char printed[32];
        (void)snprintf(printed, sizeof printed, "%" PRIu64, number);
        fuzz_require(strcmp(printed, text) == 0);
    }
    return 0;
}
