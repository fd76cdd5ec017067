/* A registry's headers: what is kept of them, and what is passed over. */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "image/http_header.h"

static struct http_response response;

static void take(const char *line)
{
    http_take_header(&response, span_of_text(line));
}

static int setup(void **state)
{
    (void)state;
    response = (struct http_response){0};
    return 0;
}

static void keeps_what_matters(void **state)
{
    (void)state;
    take("HTTP/1.1 206 Partial Content\r\n");
    take("content-TYPE:  application/json; charset=utf-8 \r\n");
    take("WWW-Authenticate: Basic realm=a\r\n");
    take("www-authenticate: Bearer realm=b\r\n");
    take("Location: /v2/\r\n");
    take("Retry-After: 7\r\n");
    take("Content-Range: bytes 5-9/10\r\n");
    assert_int_equal(response.status, 206);
    assert_string_equal(response.media_type, "application/json");
    assert_string_equal(response.authenticate, "Basic realm=a, Bearer realm=b");
    assert_string_equal(response.location, "/v2/");
    assert_int_equal(response.retry_after, 7);
    assert_true(response.has_range);
    assert_int_equal(response.range_start, 5);
}

static void a_status_line_forgets_what_was_before(void **state)
{
    (void)state;
    take("Location: /old\r\n");
    take("HTTP/2 404 \r\n");
    assert_int_equal(response.status, 404);
    assert_string_equal(response.location, "");
}

static void passes_over_what_is_no_header_of_ours(void **state)
{
    static const char *const lines[] = {
        "", "\r\n", ":", "Location", "Location ", "Locations: x", "X-Location: x", " Location: x"};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        take(lines[i]);
        assert_string_equal(response.location, "");
    }
}

static void passes_over_bad_numbers(void **state)
{
    static const char *const ranges[] = {
        "bytes -9/10",  "bytes x-9/10", "bytes 5/10", "items 5-9/10", "bytes 99999999999999999999-",
        "bytes +5-9/10"};
    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "Content-Range: %s\r\n", ranges[i]);
        take(line);
        assert_false(response.has_range);
    }
    take("HTTP/1.1 20x OK\r\n");
    assert_int_equal(response.status, 0);
    take("HTTP/1.1 2000 OK\r\n");
    assert_int_equal(response.status, 0);
    take("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n");
    assert_int_equal(response.retry_after, 0);
    take("Retry-After: 18446744073709551615\r\n");
    assert_int_equal(response.retry_after, 300);
}

/* Only the span counts: a status whose digits go on behind it is not read further. */
static void reads_no_byte_behind_the_line(void **state)
{
    (void)state;
    http_take_header(&response, span_of("HTTP/1.1 2001", 12));
    assert_int_equal(response.status, 0);
    http_take_header(&response, span_of("HTTP/1.1 2001", 13));
    assert_int_equal(response.status, 0);
    http_take_header(&response, span_of("HTTP/1.1 200 1", 13));
    assert_int_equal(response.status, 200);
}

static void passes_over_what_is_too_long(void **state)
{
    static char line[2 * HTTP_HEADER_MAX];
    (void)state;
    memset(line, 'x', sizeof line - 1);
    memcpy(line, "Location: ", 10);
    take(line);
    assert_string_equal(response.location, "");
    line[HTTP_HEADER_MAX + 20] = '\0';
    memcpy(line, "WWW-Authenticate: ", 18);
    take(line);
    assert_string_equal(response.authenticate, "");
    memcpy(line, "Content-Type: xxxx", 18);
    line[300] = '\0';
    take(line);
    assert_string_equal(response.media_type, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(keeps_what_matters, setup),
        cmocka_unit_test_setup(a_status_line_forgets_what_was_before, setup),
        cmocka_unit_test_setup(passes_over_what_is_no_header_of_ours, setup),
        cmocka_unit_test_setup(passes_over_bad_numbers, setup),
        cmocka_unit_test_setup(reads_no_byte_behind_the_line, setup),
        cmocka_unit_test_setup(passes_over_what_is_too_long, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
