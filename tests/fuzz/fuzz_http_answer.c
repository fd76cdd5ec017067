/* Heads of HTTP answers: what a hostile service says is told apart cleanly, or refused. */
#include "fuzz.h"

#include "format/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_request head;
    unsigned int code = 0;
    size_t scanned = 0, end = 0;
    struct span input = span_of(data, size);
    if (!http_head_is_whole(input, &scanned, &end) ||
        http_answer_read(span_of(data, end), &code, &head, NULL) < 0)
        return 0;
    fuzz_require(code >= 200 && code <= 599);
    fuzz_require(head.method.size == 0 && head.path.size == 0);
    fuzz_require(!head.chunked || head.content_length == 0);
    for (size_t i = 0; i < head.header_count; i++) {
        struct span value = head.headers[i].value;
        fuzz_require(head.headers[i].name.size > 0);
        fuzz_require(value.size == 0 || !memchr(value.data, '\n', value.size));
    }
    return 0;
}
