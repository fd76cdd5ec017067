/* How passt is started: with a program in its place that tells its arguments, and for real where it
 * is installed. */
#include "../check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/process.h"
#include "vm/passt.h"

#define WAIT_MS 5000

/* Says its arguments on the descriptor that passt would get for the guest's packets. */
#define PROGRAM                                                                                    \
    "#!/bin/sh\nargs=$*\nwhile [ \"$1\" != --fd ]; do shift; done\neval \"echo $args >&$2\"\n"

static void write_program(char path[64])
{
    const char *folder = getenv("TMPDIR");
    (void)snprintf(path, 64, "%.32s/caisson-passt-XXXXXX", folder ? folder : "/tmp");
    int fd = mkostemp(path, O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, span_of_text(PROGRAM), NULL), 0);
    assert_int_equal(fchmod(fd, 0700), 0);
    (void)close(fd);
}

static void arguments_for(const char *const *rules, size_t count, const struct process_user *user,
                          struct buf *out)
{
    struct port_rule ports[PORTS_MAX];
    struct error err = {0};
    char program[64];
    int pair[2];
    pid_t pid;
    write_program(program);
    for (size_t i = 0; i < count; i++)
        check_ok(port_rule_parse(rules[i], &ports[i], &err), &err);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    const struct passt_config config = {
        .program = program, .fd = pair[1], .ports = ports, .port_count = count, .user = user};
    check_ok(passt_start(&config, &pid, &err), &err);
    (void)close(pair[1]);
    check_ok(fd_read_to_end(pair[0], out, &err), &err);
    check_ok(process_wait(pid, &(int){0}, &err), &err);
    (void)close(pair[0]);
    (void)unlink(program);
}

static void publishes_nothing_unless_asked(void **state)
{
    (void)state;
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    arguments_for(NULL, 0, NULL, &text);
    assert_non_null(strstr(buf_text(&text), " -t none -u none"));
    assert_non_null(strstr(buf_text(&text), " --no-map-gw "));
    assert_non_null(strstr(buf_text(&text), " --address 10.0.2.15 --netmask 24 "));
    assert_null(strstr(buf_text(&text), "--runas"));
}

static void turns_into_the_user_that_it_is_given(void **state)
{
    (void)state;
    static const struct process_user user = {1879048199, 1879048200};
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    arguments_for(NULL, 0, &user, &text);
    assert_non_null(strstr(buf_text(&text), " --runas 1879048199:1879048200 "));
}

static void publishes_each_rule_where_it_says(void **state)
{
    (void)state;
    static const char *const rules[] = {"127.0.0.1:6379:6380", "53:5353/udp"};
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    arguments_for(rules, 2, NULL, &text);
    assert_non_null(strstr(buf_text(&text), " -t 127.0.0.1/6379:6380"));
    assert_non_null(strstr(buf_text(&text), " -u 53:5353"));
    assert_null(strstr(buf_text(&text), "none"));
}

/* It tells its arguments in a file beside it. */
static void enters_namespaces_in_place_of_a_socket(void **state)
{
    (void)state;
    static const char told[] = "#!/bin/sh\necho \"$*\" >\"$0.told\"\n";
    struct error err = {0};
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    char program[64];
    char path[80];
    char paths[80];
    pid_t pid;
    const int places[2] = {open("/dev/null", O_RDWR | O_CLOEXEC),
                           open("/dev/null", O_RDWR | O_CLOEXEC)};
    const struct namespaces namespaces = {places[0], places[1]};
    write_program(program);
    int fd = open(program, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_int_equal(fd_write_all(fd, span_of_text(told), NULL), 0);
    (void)close(fd);
    const struct passt_config config = {.program = program, .namespaces = &namespaces};
    check_ok(passt_start(&config, &pid, &err), &err);
    check_ok(process_wait(pid, &(int){0}, &err), &err);
    (void)snprintf(path, sizeof path, "%s.told", program);
    check_ok(file_read(path, &text, &err), &err);
    (void)snprintf(paths, sizeof paths, " --userns /proc/self/fd/%d --netns /proc/self/fd/%d ",
                   places[0], places[1]);
    assert_non_null(strstr(buf_text(&text), paths));
    assert_non_null(strstr(buf_text(&text), " -T none -U none --config-net "));
    assert_non_null(strstr(buf_text(&text), " --no-map-gw "));
    assert_non_null(strstr(buf_text(&text), " -t none -u none"));
    assert_null(strstr(buf_text(&text), "--fd"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(program), 0);
    (void)close(places[0]);
    (void)close(places[1]);
}

/* Field by field, since the frame's bytes repeat what is text elsewhere. */
static void announces_the_address_that_passt_and_qemu_are_told(void **state)
{
    (void)state;
    struct error err = {0};
    BUF_AUTO frame = BUF_WITH_LIMIT(4096);
    struct in_addr address;
    char mac[18];
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    check_ok(passt_announce(pair[0], &err), &err);
    (void)close(pair[0]);
    check_ok(fd_read_to_end(pair[1], &frame, &err), &err);
    (void)close(pair[1]);
    assert_int_equal(frame.size, 4 + 42);
    assert_memory_equal(frame.data, "\0\0\0\x2a\xff\xff\xff\xff\xff\xff", 10);
    const uint8_t *from = frame.data + 4 + 6;
    (void)snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", from[0], from[1], from[2],
                   from[3], from[4], from[5]);
    assert_string_equal(mac, PASST_GUEST_MAC);
    assert_int_equal(inet_pton(AF_INET, PASST_GUEST, &address), 1);
    const uint8_t *arp = frame.data + 4 + 14;
    assert_memory_equal(arp - 2, "\x08\x06\0\1\x08\0\6\4\0\1", 10);
    assert_memory_equal(arp + 8, from, 6);
    assert_memory_equal(arp + 14, &address, 4); /* the sender's and the target's: nobody answers */
    assert_memory_equal(arp + 24, &address, 4);
}

static void fails_where_it_cannot_write(void **state)
{
    (void)state;
    struct error err = {0};
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    check_error(passt_announce(fd, &err), &err, ERROR_SYSTEM);
    (void)close(fd);
}

static void refuses_more_ports_than_it_takes(void **state)
{
    (void)state;
    struct error err = {0};
    pid_t pid;
    const struct passt_config config = {.program = "true", .port_count = PORTS_MAX + 1};
    check_error(passt_start(&config, &pid, &err), &err, ERROR_LIMIT);
}

static void tells_that_passt_is_not_installed(void **state)
{
    (void)state;
    struct error err = {0};
    pid_t pid;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const struct passt_config config = {.program = "no-such-passt", .fd = null};
    check_error(passt_start(&config, &pid, &err), &err, ERROR_UNAVAILABLE);
    (void)close(null);
}

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

static bool listens(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(0x7f000001)};
    for (int tries = 0; tries < WAIT_MS / 50; tries++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
        (void)close(fd);
        if (connected)
            return true;
        (void)poll(NULL, 0, 50);
    }
    return false;
}

static void listens_and_ends_with_the_guests_socket(void **state)
{
    (void)state;
    struct error err = {0};
    struct port_rule rule = {.address = "127.0.0.1", .host = free_port(), .guest = 80};
    int pair[2];
    pid_t pid;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    const struct passt_config config = {
        .program = PASST_PROGRAM, .fd = pair[1], .ports = &rule, .port_count = 1};
    if (passt_start(&config, &pid, &err) < 0) {
        (void)close(pair[0]);
        (void)close(pair[1]);
        check_skip("%s", err.text);
    }
    (void)close(pair[1]);
    bool listening = listens(rule.host);
    int watch = process_watch(pid, &err);
    struct pollfd wait = {.fd = watch, .events = POLLIN};
    (void)close(pair[0]);
    bool ended = poll(&wait, 1, WAIT_MS) == 1;
    if (!ended)
        (void)kill(pid, SIGKILL);
    (void)close(watch);
    check_ok(process_wait(pid, &(int){0}, &err), &err);
    assert_true(listening);
    assert_true(ended);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publishes_nothing_unless_asked),
        cmocka_unit_test(turns_into_the_user_that_it_is_given),
        cmocka_unit_test(publishes_each_rule_where_it_says),
        cmocka_unit_test(enters_namespaces_in_place_of_a_socket),
        cmocka_unit_test(announces_the_address_that_passt_and_qemu_are_told),
        cmocka_unit_test(fails_where_it_cannot_write),
        cmocka_unit_test(refuses_more_ports_than_it_takes),
        cmocka_unit_test(tells_that_passt_is_not_installed),
        cmocka_unit_test(listens_and_ends_with_the_guests_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
