/* HTTP requests: what a head says is told apart cleanly, and chunks mean the same in any pieces. */
#include "fuzz.h"

#include "format/http.h"

static void check_head(struct span head)
{
    struct http_request request;
    enum http_status status = HTTP_OK;
    if (http_head_read(head, &request, &status, NULL) < 0) {
        fuzz_require(status >= HTTP_BAD_REQUEST);
        return;
    }
    fuzz_require(request.path.size > 0 && request.path.data[0] == '/');
    fuzz_require(!request.chunked || request.content_length == 0);
    for (size_t i = 0; i < request.header_count; i++) {
        fuzz_require(request.headers[i].name.size > 0);
        fuzz_require(!memchr(request.headers[i].name.data, '\n', request.headers[i].name.size));
        struct span value = request.headers[i].value;
        fuzz_require(value.size == 0 || !memchr(value.data, '\n', value.size));
    }
    struct span cookie = http_cookie_find(&request, "id");
    fuzz_require(cookie.size == 0 || !memchr(cookie.data, ';', cookie.size));
    BUF_AUTO out = BUF_WITH_LIMIT(HTTP_TARGET_MAX);
    if (http_decode(request.path, false, &out, NULL) == 0)
        fuzz_require(!memchr(out.data, '\0', out.size));
    buf_truncate(&out, 0);
    (void)http_query_find(request.query, "api-version", &out, NULL);
}

static int take(struct span input, size_t step, struct buf *body, size_t *used)
{
    struct http_chunks chunks = {0};
    enum http_status status;
    *used = 0;
    while (*used < input.size && !chunks.is_done) {
        size_t part = input.size - *used < step ? input.size - *used : step, taken = 0;
        if (http_chunks_take(&chunks, span_of(input.data + *used, part), &taken, body, &status,
                             NULL) < 0)
            return -1;
        *used += taken;
    }
    return chunks.is_done ? 1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    size_t scanned = 0, head = 0, used = 0, used_slowly = 0;
    if (http_head_is_whole(input, &scanned, &head)) {
        fuzz_require(head <= size);
        check_head(span_of(data, head));
        input = span_of(data + head, size - head);
    }
    BUF_AUTO body = BUF_WITH_LIMIT(1000), slowly = BUF_WITH_LIMIT(1000);
    int result = take(input, size + 1, &body, &used);
    int again = take(input, 1, &slowly, &used_slowly);
    fuzz_require(result == again);
    if (result >= 0) {
        fuzz_require(used == used_slowly);
        fuzz_require(span_equal(buf_span(&body), buf_span(&slowly)));
    }
    return 0;
}
