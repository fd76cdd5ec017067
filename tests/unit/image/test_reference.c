#include "../check.h"

#include <stdio.h>

#include "image/reference.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void completes_names_as_docker_does(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"redis", "docker.io/library/redis:latest"},
        {"redis:7", "docker.io/library/redis:7"},
        {"user/app", "docker.io/user/app:latest"},
        {"docker.io/redis", "docker.io/library/redis:latest"},
        {"index.docker.io/redis", "docker.io/library/redis:latest"},
        {"localhost/app", "localhost/app:latest"},
        {"localhost:5000/app:v1", "localhost:5000/app:v1"},
        {"LOCAL/app", "LOCAL/app:latest"},
        {"ghcr.io/org/a_b/c--d.e:V1.0-x_y", "ghcr.io/org/a_b/c--d.e:V1.0-x_y"},
        {"[::1]:5000/app", "[::1]:5000/app:latest"},
        {"a@sha256:" HEX, "docker.io/library/a@sha256:" HEX},
        {"quay.io/a/b:t@sha256:" HEX, "quay.io/a/b:t@sha256:" HEX},
        {"redis:_x", "docker.io/library/redis:_x"},
        {"host:5000/a", "host:5000/a:latest"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        struct reference reference;
        char text[REFERENCE_TEXT_MAX];
        check_ok(reference_parse(cases[i][0], &reference, &err), &err);
        reference_format(&reference, text);
        assert_string_equal(text, cases[i][1]);
        /* The canonical form means itself. */
        check_ok(reference_parse(text, &reference, &err), &err);
        reference_format(&reference, text);
        assert_string_equal(text, cases[i][1]);
    }
}

static void refuses_what_is_no_reference(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        " ",
        "Redis",
        "/redis",
        "redis/",
        "redis:",
        "redis:.x",
        "redis:-x",
        "redis:a b",
        "redis:a/b:",
        "a//b",
        "a..b",
        "a___b",
        "a.-b",
        "-a",
        "a-",
        "../etc",
        "a/../b",
        "redis\n",
        "https://ghcr.io/a",
        "host.io:/a",
        "host.io:0/a",
        "host.io:65536/a",
        "host.io:05/a",
        "host.io:x/a",
        "-host.io/a",
        "host-.io/a",
        "host..io/a",
        ".host.io/a",
        "host.io./a",
        "user@host.io/a",
        "host.io?x/a",
        "[::1/a",
        "[]/a",
        "[::1]x/a",
        "a@sha256:" HEX "0",
        "a@sha256:0123",
        "a@sha256:" HEX "@sha256:" HEX,
        "a@sha512:" HEX HEX,
        "a@md5:0123",
        "a@",
        "a@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
        "\xc3\xa9/a",
        "host.io/%2e%2e/a",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        struct reference reference;
        if (reference_parse(cases[i], &reference, &err) == 0)
            fail_msg("\"%s\" was accepted", cases[i]);
        assert_int_equal(err.code, ERROR_INVALID);
        assert_non_null(strstr(err.text, "image name"));
    }
}

static void refuses_long_names(void **state)
{
    (void)state;
    struct error err;
    struct reference reference;
    char text[2048];
    memset(text, 'a', sizeof text);
    text[247] = '\0';
    check_ok(reference_parse(text, &reference, &err), &err); /* and "library/" makes 255 */
    text[247] = 'a';
    text[248] = '\0';
    check_error(reference_parse(text, &reference, &err), &err, ERROR_INVALID);
    text[248] = 'a';
    text[sizeof text - 1] = '\0';
    check_error(reference_parse(text, &reference, &err), &err, ERROR_INVALID);
    memcpy(text, "a:", 2);
    text[2 + REFERENCE_TAG_MAX] = '\0';
    check_ok(reference_parse(text, &reference, &err), &err);
    text[2 + REFERENCE_TAG_MAX] = 'a';
    text[3 + REFERENCE_TAG_MAX] = '\0';
    check_error(reference_parse(text, &reference, &err), &err, ERROR_INVALID);
}

static void tells_this_machine_from_others(void **state)
{
    (void)state;
    static const char *const local[] = {"localhost",    "localhost:5000", "127.0.0.1",
                                        "127.1.2.3:80", "[::1]",          "[::1]:5000"};
    static const char *const remote[] = {"localhost.example.org",
                                         "127.0.0.1.example.org",
                                         "128.0.0.1",
                                         "1127.0.0.1",
                                         "[::2]:5000",
                                         "docker.io",
                                         "127.0.0",
                                         ""};
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        assert_true(reference_host_is_local(local[i]));
    for (size_t i = 0; i < sizeof remote / sizeof remote[0]; i++)
        assert_false(reference_host_is_local(remote[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completes_names_as_docker_does),
        cmocka_unit_test(refuses_what_is_no_reference),
        cmocka_unit_test(refuses_long_names),
        cmocka_unit_test(tells_this_machine_from_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
