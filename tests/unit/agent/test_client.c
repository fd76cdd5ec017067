/* URLs of services, and what their refusals say. The conversation itself:
 * tests/scenario/test_agent. */
#include "../check.h"

#include "agent/client.h"

static void takes_urls_apart(void **state)
{
    static const struct {
        const char *url, *name;
        unsigned int port;
    } good[] = {{"https://a", "a", 443},
                {"https://attest.example:8443", "attest.example", 8443},
                {"https://10.0.2.2:1/", "10.0.2.2", 1},
                {"https://A-b.example/", "A-b.example", 443}};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char name[CLIENT_NAME_MAX + 1];
        unsigned int port;
        struct error err;
        check_ok(client_read_url(good[i].url, name, &port, &err), &err);
        assert_string_equal(name, good[i].name);
        assert_int_equal(port, good[i].port);
    }
}

static void refuses_other_urls(void **state)
{
    static const char *const bad[] = {"",
                                      "a",
                                      "http://a",
                                      "https://",
                                      "https:///",
                                      "https://:",
                                      "https://a:",
                                      "https://a:0",
                                      "https://a:65536",
                                      "https://a:1x",
                                      "https://a/b",
                                      "https://a//",
                                      "https://user@a",
                                      "https://a?b",
                                      "https://[::1]",
                                      "https://a:123456",
                                      "https://a b",
                                      "https://a\r\n"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char name[CLIENT_NAME_MAX + 1];
        unsigned int port;
        struct error err;
        check_error(client_read_url(bad[i], name, &port, &err), &err, ERROR_INVALID);
    }
}

static void expect_refusal(const char *body, const char *words)
{
    CLIENT_ANSWER_AUTO answer;
    struct error err = {0};
    client_answer_init(&answer);
    answer.code = 403;
    check_ok(buf_append_text(&answer.body, body, &err), &err);
    check_error(client_refusal(&answer, &err), &err, ERROR_REFUSED);
    assert_string_equal(err.text, words);
}

static void shows_a_services_reason_in_printable_characters(void **state)
{
    (void)state;
    expect_refusal("{\"type\":\"x\",\"detail\":\"no\\u001b[31m rule\\n\"}",
                   "the service refuses with 403: no?[31m rule?");
    expect_refusal("{\"error\":{\"code\":\"Forbidden\",\"message\":\"no key\"}}",
                   "the service refuses with 403: no key");
    expect_refusal("{\"detail\":7}", "the service refuses with 403");
    expect_refusal("<html>", "the service refuses with 403");
    expect_refusal("", "the service refuses with 403");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_urls_apart),
        cmocka_unit_test(refuses_other_urls),
        cmocka_unit_test(shows_a_services_reason_in_printable_characters),
    };
    return cmocka_run_group_tests_name("agent/client", tests, NULL, NULL);
}
