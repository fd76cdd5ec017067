/* Published ports as users write them. */
#include "../check.h"

#include "vm/ports.h"

static void reads_each_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *again;
    } cases[] = {
        {"80:8080", "0.0.0.0:80:8080/tcp"}, {"127.0.0.1:6379:6379", "127.0.0.1:6379:6379/tcp"},
        {"53:53/udp", "0.0.0.0:53:53/udp"}, {"127.0.0.1:53:5353/udp", "127.0.0.1:53:5353/udp"},
        {"80:80/tcp", "0.0.0.0:80:80/tcp"}, {"1:65535", "0.0.0.0:1:65535/tcp"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        struct port_rule rule;
        char again[PORT_RULE_TEXT];
        check_ok(port_rule_parse(cases[i].text, &rule, &err), &err);
        port_rule_text(&rule, again);
        assert_string_equal(again, cases[i].again);
        check_ok(port_rule_parse(again, &rule, &err), &err);
    }
}

static void refuses_what_is_no_rule(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "80",
        ":80",
        "80:",
        ":",
        "::",
        "0:80",
        "80:0",
        "65536:80",
        "80:65536",
        "-1:80",
        "+80:80",
        " 80:80",
        "80:80 ",
        "080:80",
        "80:80/",
        "80:80/sctp",
        "80:80/TCP",
        "80:80/tcp/udp",
        "a:80:80",
        "1.2.3:80:80",
        "256.0.0.1:80:80",
        "127.0.0.1,80:80:80",
        "localhost:80:80",
        "[::1]:80:80",
        "[::]:80:80",
        "[::1:80:80",
        "::g:80:80",
        "127.0.0.1:80:80:80",
        "1-5:1-5",
        "80:80\n",
        "$(id):80:80",
        "127.0.0.1%eth0:80:80",
        "99999999999999999999:80",
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "0"
        "00000000:80",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        struct port_rule rule;
        if (port_rule_parse(bad[i], &rule, &err) == 0)
            fail_msg("accepts \"%s\"", bad[i]);
        assert_int_equal(err.code, ERROR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_form),
        cmocka_unit_test(refuses_what_is_no_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
