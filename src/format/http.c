#include "format/http.h"

#include <strings.h>

#include "base/text.h"

static const struct {
    enum http_status status;
    const char *text;
} statuses[] = {
    {HTTP_OK, "OK"},
    {HTTP_CREATED, "Created"},
    {HTTP_NO_CONTENT, "No Content"},
    {HTTP_NOT_MODIFIED, "Not Modified"},
    {HTTP_BAD_REQUEST, "Bad Request"},
    {HTTP_UNAUTHORIZED, "Unauthorized"},
    {HTTP_FORBIDDEN, "Forbidden"},
    {HTTP_NOT_FOUND, "Not Found"},
    {HTTP_METHOD_NOT_ALLOWED, "Method Not Allowed"},
    {HTTP_NOT_ACCEPTABLE, "Not Acceptable"},
    {HTTP_TIMEOUT, "Request Timeout"},
    {HTTP_CONFLICT, "Conflict"},
    {HTTP_TOO_LARGE, "Content Too Large"},
    {HTTP_TARGET_TOO_LONG, "URI Too Long"},
    {HTTP_UNSUPPORTED_MEDIA, "Unsupported Media Type"},
    {HTTP_TOO_MANY, "Too Many Requests"},
    {HTTP_HEADERS_TOO_LARGE, "Request Header Fields Too Large"},
    {HTTP_SERVER_ERROR, "Internal Server Error"},
    {HTTP_NOT_IMPLEMENTED, "Not Implemented"},
    {HTTP_UNAVAILABLE, "Service Unavailable"},
    {HTTP_VERSION_UNKNOWN, "HTTP Version Not Supported"},
};

const char *http_status_text(enum http_status status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i].status == status)
            return statuses[i].text;
    }
    return "Unknown";
}

/* RFC 9110, section 5.6.2. */
static bool is_token_byte(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') || (byte && strchr("!#$%&'*+-.^_`|~", byte));
}

static bool is_token(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!is_token_byte(text.data[i]))
            return false;
    }
    return text.size > 0;
}

static bool equal_ignoring_case(struct span text, const char *name)
{
    return text.size == strlen(name) && strncasecmp((const char *)text.data, name, text.size) == 0;
}

bool http_head_is_whole(struct span input, size_t *scanned, size_t *size)
{
    static const char end[] = "\r\n\r\n";
    size_t from = *scanned > 3 ? *scanned - 3 : 0;
    *scanned = input.size;
    if (input.size < from + 4)
        return false;
    const uint8_t *found = memmem(input.data + from, input.size - from, end, 4);
    if (!found)
        return false;
    *size = (size_t)(found - input.data) + 4;
    return true;
}

static int refuse(enum http_status *status, enum http_status with, struct error *err,
                  const char *text)
{
    *status = with;
    return error_set(err, ERROR_INVALID, "%s", text);
}

/* Takes the next line of a head that ends with an empty one. */
static bool next_line(struct span *rest, struct span *line)
{
    const uint8_t *end = memmem(rest->data, rest->size, "\r\n", 2);
    if (!end)
        return false;
    *line = span_of(rest->data, (size_t)(end - rest->data));
    *rest = span_of(end + 2, rest->size - line->size - 2);
    return true;
}

/* Splits `line` at the first blank; false where there is none. */
static bool next_word(struct span *line, struct span *word)
{
    const uint8_t *blank = memchr(line->data, ' ', line->size);
    if (!blank)
        return false;
    *word = span_of(line->data, (size_t)(blank - line->data));
    *line = span_of(blank + 1, line->size - word->size - 1);
    return true;
}

/* Origin form only (RFC 9112, section 3.2.1): a service is no proxy. */
static int read_target(struct span target, struct http_request *out, enum http_status *status,
                       struct error *err)
{
    if (target.size > HTTP_TARGET_MAX)
        return refuse(status, HTTP_TARGET_TOO_LONG, err, "the request's target is too long");
    if (target.size == 0 || target.data[0] != '/')
        return refuse(status, HTTP_BAD_REQUEST, err,
                      "the request's target does not begin with a slash");
    for (size_t i = 0; i < target.size; i++) {
        if (target.data[i] <= ' ' || target.data[i] >= 0x7f || target.data[i] == '#')
            return refuse(status, HTTP_BAD_REQUEST, err,
                          "the request's target holds a character that must be escaped");
    }
    const uint8_t *mark = memchr(target.data, '?', target.size);
    size_t path_size = mark ? (size_t)(mark - target.data) : target.size;
    out->path = span_of(target.data, path_size);
    out->query = mark ? span_of(mark + 1, target.size - path_size - 1) : span_of(NULL, 0);
    return 0;
}

static int read_request_line(struct span line, struct http_request *out, enum http_status *status,
                             struct error *err)
{
    struct span target;
    if (!next_word(&line, &out->method) || !next_word(&line, &target) || !is_token(out->method))
        return refuse(status, HTTP_BAD_REQUEST, err,
                      "the first line is not a method, a target and a version");
    if (read_target(target, out, status, err) < 0)
        return -1;
    bool is_1_1 = span_equal_text(line, "HTTP/1.1");
    if (!is_1_1 && !span_equal_text(line, "HTTP/1.0"))
        return refuse(status, HTTP_VERSION_UNKNOWN, err, "only HTTP/1.1 and HTTP/1.0 are known");
    out->keep_alive = is_1_1;
    return 0;
}

static struct span trim(struct span text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = span_of(text.data + 1, text.size - 1);
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

static int read_header(struct span line, struct http_request *out, enum http_status *status,
                       struct error *err)
{
    if (out->header_count == HTTP_HEADERS_MAX)
        return refuse(status, HTTP_HEADERS_TOO_LARGE, err, "there are too many headers");
    const uint8_t *colon = memchr(line.data, ':', line.size);
    if (!colon)
        return refuse(status, HTTP_BAD_REQUEST, err, "a header has no colon");
    struct http_header header = {.name = span_of(line.data, (size_t)(colon - line.data))};
    header.value = trim(span_of(colon + 1, line.size - header.name.size - 1));
    if (!is_token(header.name))
        return refuse(status, HTTP_BAD_REQUEST, err, "a header's name is no token");
    for (size_t i = 0; i < header.value.size; i++) {
        uint8_t byte = header.value.data[i];
        if ((byte < ' ' && byte != '\t') || byte == 0x7f)
            return refuse(status, HTTP_BAD_REQUEST, err,
                          "a header's value holds a control character");
    }
    out->headers[out->header_count++] = header;
    return 0;
}

const struct span *http_header_find(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (equal_ignoring_case(request->headers[i].name, name))
            return &request->headers[i].value;
    }
    return NULL;
}

/* The next pair of "a=1; b=2", without the blanks before it. */
static struct span take_pair(struct span *rest)
{
    while (rest->size > 0 && (rest->data[0] == ' ' || rest->data[0] == ';'))
        *rest = span_of(rest->data + 1, rest->size - 1);
    const uint8_t *end = rest->size > 0 ? memchr(rest->data, ';', rest->size) : NULL;
    struct span pair = span_of(rest->data, end ? (size_t)(end - rest->data) : rest->size);
    *rest = span_of(rest->data + pair.size, rest->size - pair.size);
    return pair;
}

struct span http_cookie_find(const struct http_request *request, const char *name)
{
    const struct span *header = http_header_find(request, "Cookie");
    struct span rest = header ? *header : span_of(NULL, 0), found = {0};
    size_t len = strlen(name), count = 0;
    while (rest.size > 0) {
        struct span pair = take_pair(&rest);
        if (pair.size <= len || memcmp(pair.data, name, len) != 0 || pair.data[len] != '=')
            continue;
        found = span_of(pair.data + len + 1, pair.size - len - 1);
        count++;
    }
    return count == 1 ? found : span_of(NULL, 0);
}

/* Headers of which a second one would say what the request is in two ways. */
static int check_single(const struct http_request *request, enum http_status *status,
                        struct error *err)
{
    static const char *const single[] = {"Host",   "Content-Length", "Transfer-Encoding",
                                         "Expect", "Authorization",  "Content-Type"};
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++) {
        size_t count = 0;
        for (size_t k = 0; k < request->header_count; k++)
            count += equal_ignoring_case(request->headers[k].name, single[i]);
        if (count > 1) {
            *status = HTTP_BAD_REQUEST;
            return error_set(err, ERROR_INVALID, "the header %s is there twice", single[i]);
        }
    }
    return 0;
}

/* How the body comes (RFC 9112, section 6.3). */
static int read_framing(struct http_request *out, enum http_status *status, struct error *err)
{
    const struct span *length = http_header_find(out, "Content-Length");
    const struct span *coding = http_header_find(out, "Transfer-Encoding");
    if (length && coding)
        return refuse(status, HTTP_BAD_REQUEST, err,
                      "Content-Length and Transfer-Encoding exclude each other");
    if (coding && !equal_ignoring_case(*coding, "chunked"))
        return refuse(status, HTTP_NOT_IMPLEMENTED, err, "no transfer coding but chunked is known");
    if (coding && !out->keep_alive)
        return refuse(status, HTTP_BAD_REQUEST, err, "HTTP/1.0 has no chunks");
    out->chunked = coding != NULL;
    if (!length)
        return 0;
    char digits[24];
    if (length->size >= sizeof digits)
        return refuse(status, HTTP_BAD_REQUEST, err, "Content-Length is no number");
    memcpy(digits, length->data, length->size);
    digits[length->size] = '\0';
    if (!text_to_u64(digits, INT64_MAX, &out->content_length))
        return refuse(status, HTTP_BAD_REQUEST, err, "Content-Length is no number");
    return 0;
}

/* True when a list of tokens with commas (RFC 9110, section 5.6.1) holds this one. */
static bool list_holds(struct span list, const char *token)
{
    while (list.size > 0) {
        const uint8_t *comma = memchr(list.data, ',', list.size);
        size_t size = comma ? (size_t)(comma - list.data) : list.size;
        if (equal_ignoring_case(trim(span_of(list.data, size)), token))
            return true;
        size_t step = comma ? size + 1 : size;
        list = span_of(list.data + step, list.size - step);
    }
    return false;
}

static void read_connection(struct http_request *out)
{
    for (size_t i = 0; i < out->header_count; i++) {
        if (equal_ignoring_case(out->headers[i].name, "Connection") &&
            list_holds(out->headers[i].value, "close"))
            out->keep_alive = false;
    }
}

static int read_options(struct http_request *out, enum http_status *status, struct error *err)
{
    const struct span *expect = http_header_find(out, "Expect");
    if (expect && !equal_ignoring_case(*expect, "100-continue"))
        return refuse(status, HTTP_BAD_REQUEST, err, "no expectation but 100-continue is known");
    if (!http_header_find(out, "Host") && out->keep_alive)
        return refuse(status, HTTP_BAD_REQUEST, err, "the header Host is missing");
    out->expects_continue = expect && out->keep_alive;
    read_connection(out);
    return 0;
}

/* All headers, and how the body comes. */
static int read_headers(struct span head, struct http_request *out, enum http_status *status,
                        struct error *err)
{
    struct span line;
    for (;;) {
        if (!next_line(&head, &line))
            return refuse(status, HTTP_BAD_REQUEST, err, "the head does not end");
        if (line.size == 0)
            break;
        if (read_header(line, out, status, err) < 0)
            return -1;
    }
    if (head.size > 0)
        return refuse(status, HTTP_BAD_REQUEST, err, "there are bytes after the head");
    return check_single(out, status, err) < 0 ? -1 : read_framing(out, status, err);
}

int http_head_read(struct span head, struct http_request *out, enum http_status *status,
                   struct error *err)
{
    struct span line;
    *out = (struct http_request){0};
    *status = HTTP_BAD_REQUEST;
    if (!next_line(&head, &line))
        return refuse(status, HTTP_BAD_REQUEST, err, "the request has no line");
    if (read_request_line(line, out, status, err) < 0 || read_headers(head, out, status, err) < 0)
        return -1;
    return read_options(out, status, err);
}

/* "HTTP/1.1 200 OK" (RFC 9112, section 4): 200 to 599. */
static bool read_status_line(struct span line, unsigned int *code)
{
    static const char version[] = "HTTP/1.1 ";
    const size_t size = sizeof version - 1;
    uint64_t number;
    char digits[4] = {0};
    if (line.size < size + 3 || memcmp(line.data, version, size) != 0 ||
        (line.size > size + 3 && line.data[size + 3] != ' '))
        return false;
    memcpy(digits, line.data + size, 3);
    if (!text_to_u64(digits, 599, &number) || number < 200)
        return false;
    *code = (unsigned int)number;
    return true;
}

int http_answer_read(struct span head, unsigned int *code, struct http_request *out,
                     struct error *err)
{
    struct span line;
    enum http_status ignored;
    *out = (struct http_request){.keep_alive = true};
    if (!next_line(&head, &line) || !read_status_line(line, code))
        return error_set(err, ERROR_INVALID, "the answer does not begin with HTTP/1.1 and a code");
    if (read_headers(head, out, &ignored, err) < 0)
        return -1;
    if (!out->chunked && *code != HTTP_NO_CONTENT && !http_header_find(out, "Content-Length"))
        return error_set(err, ERROR_INVALID, "the answer does not say how long it is");
    read_connection(out);
    return 0;
}
