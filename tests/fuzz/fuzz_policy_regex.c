/* Patterns and subjects, one line each: no crash, no stall, and only the whole subject. */
#include "fuzz.h"

#include <string.h>

#include "policy/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char pattern[512];
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    size_t used = line ? (size_t)(line - data) : size;
    if (used >= sizeof pattern || memchr(data, 0, used))
        return 0;
    memcpy(pattern, data, used);
    pattern[used] = '\0';
    struct regex *regex = regex_new(pattern);
    struct regex_scratch *scratch = regex_scratch_new();
    if (regex && scratch) {
        struct span subject = line ? span_of(line + 1, size - used - 1) : span_of("", 0);
        bool matched = regex_match(regex, subject, scratch);
        fuzz_require(!matched || !regex_problem(regex));
    }
    regex_scratch_free(scratch);
    regex_free(regex);
    return 0;
}
