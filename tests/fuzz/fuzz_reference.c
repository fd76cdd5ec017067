/* Image names: the canonical form of what is accepted means itself. */
#include "fuzz.h"

#include "base/text.h"
#include "image/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TEXT_AUTO text = text_dup_span(span_of(data, size));
    struct reference first;
    struct reference second;
    char names[2][REFERENCE_TEXT_MAX];
    if (!text || reference_parse(text, &first, NULL) < 0)
        return 0;
    reference_format(&first, names[0]);
    (void)reference_host_is_local(first.host);
    /* Nothing in it may change the URL that it becomes a part of. */
    fuzz_require(strpbrk(names[0], " ?#%\\\r\n\"'<>") == NULL);
    fuzz_require(strstr(first.path, "..") == NULL && strstr(first.host, "..") == NULL);
    fuzz_require(strlen(names[0]) + 1 < REFERENCE_TEXT_MAX);
    if (reference_parse(names[0], &second, NULL) < 0)
        abort();
    reference_format(&second, names[1]);
    fuzz_require(strcmp(names[0], names[1]) == 0);
    return 0;
}
