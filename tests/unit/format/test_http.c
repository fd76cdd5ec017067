/* HTTP requests: what is read, and all that is refused because two readers could differ on it. */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "format/http.h"

static int read_text(const char *text, struct http_request *out, enum http_status *status,
                     struct error *err)
{
    return http_head_read(span_of_text(text), out, status, err);
}

static void reads_a_request(void **state)
{
    (void)state;
    struct error err = {0};
    struct http_request request;
    enum http_status status;
    check_ok(read_text("POST /attest/SevSnpVm?api-version=2022-08-01 HTTP/1.1\r\n"
                       "Host: a.example\r\ncontent-LENGTH:\t17 \r\nX-Empty:\r\n"
                       "Expect: 100-continue\r\n\r\n",
                       &request, &status, &err),
             &err);
    assert_true(span_equal_text(request.method, "POST"));
    assert_true(span_equal_text(request.path, "/attest/SevSnpVm"));
    assert_true(span_equal_text(request.query, "api-version=2022-08-01"));
    assert_int_equal(request.content_length, 17);
    assert_true(request.keep_alive && request.expects_continue && !request.chunked);
    assert_true(span_equal_text(*http_header_find(&request, "hOST"), "a.example"));
    assert_int_equal(http_header_find(&request, "X-Empty")->size, 0);
    assert_null(http_header_find(&request, "X-Emp"));
}

static void tells_which_connections_stay(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        bool stays;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: TE, Close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_request request;
        enum http_status status;
        struct error err = {0};
        check_ok(read_text(cases[i].head, &request, &status, &err), &err);
        assert_int_equal(request.keep_alive, cases[i].stays);
    }
}

static void refuses_what_can_be_read_in_two_ways(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        enum http_status status;
    } cases[] = {
        {"", HTTP_BAD_REQUEST},
        {"\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET /\r\n\r\n", HTTP_BAD_REQUEST},
        {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD_REQUEST},
        {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD_REQUEST},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", HTTP_VERSION_UNKNOWN},
        {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", HTTP_VERSION_UNKNOWN},
        {"GET / http/1.1\r\nHost: a\r\n\r\n", HTTP_VERSION_UNKNOWN},
        {"GET / HTTP/1.1\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\nnone\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\n: none\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\nHost: a\n\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\nmore", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
         HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n",
         HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
         HTTP_NOT_IMPLEMENTED},
        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", HTTP_NOT_IMPLEMENTED},
        {"GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
         HTTP_BAD_REQUEST},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_request request;
        enum http_status status = HTTP_OK;
        struct error err = {0};
        if (read_text(cases[i].head, &request, &status, &err) == 0 || status != cases[i].status ||
            !err.text[0])
            fail_msg("%zu: status %d: %s", i, (int)status, err.text);
    }
}

static void refuses_heads_beyond_its_limits(void **state)
{
    (void)state;
    struct error err = {0};
    struct http_request request;
    enum http_status status;
    BUF_AUTO text = BUF_WITH_LIMIT(1 << 20);
    check_ok(buf_append_text(&text, "GET / HTTP/1.1\r\nHost: a\r\n", &err), &err);
    for (int i = 1; i < HTTP_HEADERS_MAX; i++)
        check_ok(buf_printf(&text, &err, "X-%d: 1\r\n", i), &err);
    size_t full = text.size;
    check_ok(buf_append_text(&text, "\r\n", &err), &err);
    check_ok(http_head_read(buf_span(&text), &request, &status, &err), &err);
    assert_int_equal(request.header_count, HTTP_HEADERS_MAX);
    buf_truncate(&text, full);
    check_ok(buf_append_text(&text, "X: 1\r\n\r\n", &err), &err);
    check_error(http_head_read(buf_span(&text), &request, &status, &err), &err, ERROR_INVALID);
    assert_int_equal(status, HTTP_HEADERS_TOO_LARGE);

    buf_truncate(&text, 0);
    check_ok(buf_append_text(&text, "GET /", &err), &err);
    for (int i = 0; i < HTTP_TARGET_MAX; i++)
        check_ok(buf_append_byte(&text, 'a', &err), &err);
    check_ok(buf_append_text(&text, " HTTP/1.1\r\nHost: a\r\n\r\n", &err), &err);
    check_error(http_head_read(buf_span(&text), &request, &status, &err), &err, ERROR_INVALID);
    assert_int_equal(status, HTTP_TARGET_TOO_LONG);
}

/* Bytes that come one by one are looked at once, and the end is found where it is. */
static void finds_the_end_of_a_head_as_it_comes(void **state)
{
    (void)state;
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nbody\r\n\r\n";
    size_t end = strlen("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    size_t scanned = 0, size = 0;
    for (size_t i = 0; i < end; i++) {
        assert_false(http_head_is_whole(span_of(text, i), &scanned, &size));
        assert_int_equal(scanned, i);
    }
    assert_true(http_head_is_whole(span_of(text, end), &scanned, &size));
    assert_int_equal(size, end);
    scanned = 0;
    assert_true(http_head_is_whole(span_of(text, sizeof text - 1), &scanned, &size));
    assert_int_equal(size, end);
}

/* Feeds a body in pieces of `step` bytes; returns the result and leaves what was used in *used. */
static int feed(const char *text, size_t step, struct buf *body, size_t *used,
                enum http_status *status, struct error *err)
{
    struct http_chunks chunks = {0};
    size_t size = strlen(text);
    *used = 0;
    while (*used < size && !chunks.is_done) {
        size_t part = size - *used < step ? size - *used : step, taken = 0;
        if (http_chunks_take(&chunks, span_of(text + *used, part), &taken, body, status, err) < 0)
            return -1;
        *used += taken;
    }
    if (!chunks.is_done) {
        *status = HTTP_OK;
        return error_set(err, ERROR_LIMIT, "the body does not end");
    }
    return 0;
}

static void joins_chunks_however_they_come(void **state)
{
    (void)state;
    static const char text[] = "4\r\nWiki\r\n6;name=\"value\"\r\npedia \r\nE \r\nin "
                               "\r\n\r\nchunks.\r\n0\r\nA: b\r\n\r\nGET";
    for (size_t step = 1; step < sizeof text; step++) {
        struct error err = {0};
        enum http_status status;
        size_t used;
        BUF_AUTO body = BUF_WITH_LIMIT(100);
        check_ok(feed(text, step, &body, &used, &status, &err), &err);
        assert_string_equal(buf_text(&body), "Wikipedia in \r\n\r\nchunks.");
        assert_string_equal(text + used, "GET");
    }
}

static void refuses_chunks_that_are_malformed_or_too_large(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum http_status status;
    } cases[] = {
        {"\r\n", HTTP_BAD_REQUEST},
        {"g\r\n", HTTP_BAD_REQUEST},
        {"-1\r\n", HTTP_BAD_REQUEST},
        {"1\na\r\n", HTTP_BAD_REQUEST},
        {"1\r\nab\r\n", HTTP_BAD_REQUEST},
        {"1\r\na\n", HTTP_BAD_REQUEST},
        {"1\r\r\n", HTTP_BAD_REQUEST},
        {";a\r\n", HTTP_BAD_REQUEST},
        {"1;\x01\r\n", HTTP_BAD_REQUEST},
        {"0\r\n\n", HTTP_BAD_REQUEST},
        {"0\r\n\ra", HTTP_BAD_REQUEST},
        {"0\r\na\n", HTTP_BAD_REQUEST},
        {"10000000000000000\r\n", HTTP_TOO_LARGE},
        {"000000000000000000000000000000000000001\r\na\r\n0\r\n", HTTP_OK},
        {"65\r\n" /* 101 bytes */
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n0\r\n\r\n",
         HTTP_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        enum http_status status = HTTP_SERVER_ERROR;
        size_t used;
        BUF_AUTO body = BUF_WITH_LIMIT(100);
        if (feed(cases[i].text, 1000, &body, &used, &status, &err) == 0 ||
            status != cases[i].status)
            fail_msg("%zu: status %d", i, (int)status);
    }
}

static void refuses_endless_extensions_and_trailers(void **state)
{
    (void)state;
    static const char *const begins[] = {"1;", "0\r\n"};
    for (size_t i = 0; i < 2; i++) {
        struct error err = {0};
        enum http_status status = HTTP_OK;
        size_t used;
        BUF_AUTO body = BUF_WITH_LIMIT(100), text = BUF_WITH_LIMIT(100000);
        check_ok(buf_append_text(&text, begins[i], &err), &err);
        for (int k = 0; k < 5000; k++)
            check_ok(buf_append_byte(&text, 'a', &err), &err);
        check_error(feed(buf_text(&text), 7, &body, &used, &status, &err), &err, ERROR_LIMIT);
        assert_int_equal(status, HTTP_TOO_LARGE);
    }
}

static void decodes_escapes_strictly(void **state)
{
    (void)state;
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(100);
    check_ok(http_decode(span_of_text("/a%20b+c%C3%A9%2f"), false, &out, &err), &err);
    assert_string_equal(buf_text(&out), "/a b+c\xc3\xa9/");
    buf_truncate(&out, 0);
    check_ok(http_decode(span_of_text("a+b%2B"), true, &out, &err), &err);
    assert_string_equal(buf_text(&out), "a b+");
    static const char *const bad[] = {"%",   "%2",  "a%",  "%g0", "%0g",    "%00",
                                      "%0a", "%7f", "%ff", "%c3", "%c0%af", "%ed%a0%80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t before = out.size;
        check_error(http_decode(span_of_text(bad[i]), false, &out, &err), &err, ERROR_INVALID);
        assert_int_equal(out.size, before);
    }
}

static void finds_parameters_of_a_query(void **state)
{
    (void)state;
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(100);
    struct span query = span_of_text("a=1&api%2Dversion=2022-08-01&b&c=&a=2&x=%zz");
    check_ok(http_query_find(span_of_text("api-version=7.4"), "api-version", &out, &err), &err);
    assert_string_equal(buf_text(&out), "7.4");
    buf_truncate(&out, 0);
    check_ok(http_query_find(query, "api-version", &out, &err), &err);
    check_ok(http_query_find(query, "b", &out, &err), &err);
    check_ok(http_query_find(query, "c", &out, &err), &err);
    assert_string_equal(buf_text(&out), "2022-08-01");
    check_error(http_query_find(query, "a", &out, &err), &err, ERROR_INVALID);
    check_error(http_query_find(query, "x", &out, &err), &err, ERROR_INVALID);
    check_error(http_query_find(query, "d", &out, &err), &err, ERROR_NOT_FOUND);
    check_error(http_query_find(span_of_text(""), "d", &out, &err), &err, ERROR_NOT_FOUND);
    check_error(http_query_find(span_of_text("%=1"), "d", &out, &err), &err, ERROR_INVALID);
}

static void finds_a_cookie_that_is_there_once(void **state)
{
    (void)state;
    static const struct {
        const char *header, *value;
    } cases[] = {
        {"id=1", "1"},
        {"a=2; id=1", "1"},
        {"id=1; b=3", "1"},
        {"a=2;id=1=;b", "1="},
        {"id=", ""},
        {"id", ""},
        {"ID=1", ""},
        {"xid=1", ""},
        {"id =1", ""},
        {"id=1; id=2", ""},
        {"id=1; id=", ""},
        {"; ;;", ""},
        {"a=\"; id=1\"", "1\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_request request = {
            .header_count = 1,
            .headers = {{span_of_text("cookie"), span_of_text(cases[i].header)}}};
        assert_true(span_equal_text(http_cookie_find(&request, "id"), cases[i].value));
    }
    struct http_request none = {0};
    assert_int_equal(http_cookie_find(&none, "id").size, 0);
}

static void reads_the_head_of_an_answer(void **state)
{
    (void)state;
    struct http_request head;
    struct error err = {0};
    unsigned int code;
    check_ok(http_answer_read(span_of_text("HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n"
                                           "Connection: close\r\n\r\n"),
                              &code, &head, &err),
             &err);
    assert_int_equal(code, 404);
    assert_int_equal(head.content_length, 7);
    assert_false(head.keep_alive);
    check_ok(http_answer_read(span_of_text("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n"),
                              &code, &head, &err),
             &err);
    assert_true(head.chunked && head.keep_alive);
    check_ok(http_answer_read(span_of_text("HTTP/1.1 204 No Content\r\n\r\n"), &code, &head, &err),
             &err);
    assert_int_equal(head.content_length, 0);
}

static void refuses_other_answers(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct http_request head;
        struct error err = {0};
        unsigned int code;
        if (http_answer_read(span_of_text(bad[i]), &code, &head, &err) == 0)
            fail_msg("taken: %s", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_head_of_an_answer),
        cmocka_unit_test(refuses_other_answers),
        cmocka_unit_test(reads_a_request),
        cmocka_unit_test(tells_which_connections_stay),
        cmocka_unit_test(refuses_what_can_be_read_in_two_ways),
        cmocka_unit_test(refuses_heads_beyond_its_limits),
        cmocka_unit_test(finds_the_end_of_a_head_as_it_comes),
        cmocka_unit_test(joins_chunks_however_they_come),
        cmocka_unit_test(refuses_chunks_that_are_malformed_or_too_large),
        cmocka_unit_test(refuses_endless_extensions_and_trailers),
        cmocka_unit_test(decodes_escapes_strictly),
        cmocka_unit_test(finds_parameters_of_a_query),
        cmocka_unit_test(finds_a_cookie_that_is_there_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
