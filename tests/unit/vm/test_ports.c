/* Published ports as users write them. */
#include "../check.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
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

static void check_not_free(const struct port_rule *rule, const char *words)
{
    struct error err = {0};
    check_error(port_rule_check_free(rule, &err), &err, ERROR_UNAVAILABLE);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not hold \"%s\"", err.text, words);
}

static void tells_which_port_is_in_use(void **state)
{
    (void)state;
    struct error err = {0};
    for (int udp = 0; udp < 2; udp++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
        socklen_t size = sizeof address;
        int fd = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
        assert_int_equal(udp ? 0 : listen(fd, 1), 0);
        struct port_rule rule = {
            .address = "127.0.0.1", .host = ntohs(address.sin_port), .guest = 1, .udp = udp};
        check_not_free(&rule, "in use");
        (void)text_copy(rule.address, sizeof rule.address, "0.0.0.0");
        check_not_free(&rule, "in use");
        (void)close(fd);
        check_ok(port_rule_check_free(&rule, &err), &err);
    }
}

static void tells_which_address_is_not_this_hosts(void **state)
{
    (void)state;
    struct port_rule rule = {.address = "192.0.2.1", .host = 8080, .guest = 80}; /* RFC 5737 */
    check_not_free(&rule, "192.0.2.1 is no address of this host");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_form),
        cmocka_unit_test(refuses_what_is_no_rule),
        cmocka_unit_test(tells_which_port_is_in_use),
        cmocka_unit_test(tells_which_address_is_not_this_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
