/* A server's headers, one a line: every text that is kept ends, and holds no line end. */
#include "fuzz.h"

#include "image/http_header.h"

static void check(const char *text, size_t room)
{
    fuzz_require(strnlen(text, room) < room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_response response;
    response = (struct http_response){0};
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t line = end ? (size_t)(end - data) + 1 - at : size - at;
        http_take_header(&response, span_of(data + at, line));
        at += line;
    }
    check(response.media_type, sizeof response.media_type);
    check(response.authenticate, sizeof response.authenticate);
    check(response.location, sizeof response.location);
    fuzz_require(!strchr(response.location, '\n'));
    fuzz_require(response.status >= 0 && response.status <= 999);
    return 0;
}
