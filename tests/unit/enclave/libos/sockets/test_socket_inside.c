/* Ports of the loopback that are in the enclave: who connects to them never asks the host. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>

#include "../../../check.h"
#include "../heap.h"
#include "../stage.h"
#include "enclave/inside/enclave.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/sockets/socket_inside.h"
#include "enclave/libos/sockets/socket_options.h"
#include "enclave/libos/sockets/socket_unix.h"

#define PORT 8080

static unsigned connects, closes, binds;
static int64_t answer; /* to a connect */

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)a, (void)b, (void)c;
    connects += number == DOOR_CONNECT;
    closes += number == DOOR_CLOSE;
    binds += number == DOOR_BIND;
    return number == DOOR_SOCKET ? DOOR_STREAMS : number == DOOR_CONNECT ? (uint64_t)answer : 0;
}

static struct socket_address address4(const char *text, unsigned port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct socket_address out = {.size = sizeof in};
    assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
    memcpy(out.bytes, &in, sizeof in);
    return out;
}

static struct socket_address address6(const char *text, unsigned port)
{
    struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct socket_address out = {.size = sizeof in};
    assert_int_equal(inet_pton(AF_INET6, text, &in.sin6_addr), 1);
    memcpy(out.bytes, &in, sizeof in);
    return out;
}

static struct file *listening; /* of all tests: a port stays inside */

static struct file *new_socket(int family)
{
    struct file *file;
    assert_int_equal(socket_host_new(family, SOCKET_STREAM, 0, 0, &file), 0);
    return file;
}

static int connect_to(struct file *file, struct socket_address address)
{
    return socket_of(file)->ops->connect(file, &address);
}

static void means_the_loopback_and_any_at_its_port_alone(void **state)
{
    const struct socket_address good[] = {
        address4("127.0.0.1", PORT), address4("127.9.8.7", PORT),
        address4("0.0.0.0", PORT),   address6("::1", PORT),
        address6("::", PORT),        address6("::ffff:127.0.0.1", PORT)};
    const struct socket_address bad[] = {
        address4("127.0.0.1", PORT + 1),   address4("128.0.0.1", PORT),
        address4("10.0.2.15", PORT),       address6("::2", PORT),
        address6("::1", PORT + 1),         address6("fe80::1", PORT),
        address6("::ffff:10.0.2.15", PORT)};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct socket_address cut = good[i];
        assert_true(socket_inside_means(&good[i]));
        while (cut.size-- > 0)
            assert_true(!socket_inside_means(&cut) || cut.size >= 16);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(socket_inside_means(&bad[i]));
    assert_int_equal(socket_inside_listen(PORT, &listening), -EADDRINUSE);
}

static unsigned asked;

static void note(void)
{
    asked++;
}

static void check_name(struct file *file, bool is_peer, struct socket_address expected,
                       bool has_port)
{
    struct socket_address name;
    assert_int_equal(socket_of(file)->ops->name(file, is_peer, &name), 0);
    assert_int_equal(name.size, expected.size);
    if (has_port)
        assert_memory_equal(name.bytes, expected.bytes, expected.size);
    else
        assert_memory_equal(name.bytes + 4, expected.bytes + 4, expected.size - 4);
}

static void what_is_said_goes_to_who_listens(void **state)
{
    char heard[16] = "";
    struct file *end;
    struct socket_address peer;
    uint8_t said[] = "hello";
    struct socket_message hello = {.bytes = said, .size = 5};
    struct socket_message room = {.bytes = (uint8_t *)heard, .size = sizeof heard};
    (void)state;
    socket_inside_asked = note;
    for (int i = 0; i < 2; i++) {
        connects = closes = asked = 0;
        const struct socket_address to = i ? address6("::1", PORT) : address4("127.0.0.1", PORT);
        struct file *file = new_socket(i ? SOCKET_INET6 : SOCKET_INET);
        assert_int_equal(socket_of(listening)->ops->accept(listening, &end, &peer), -EAGAIN);
        assert_int_equal(connect_to(file, to), 0);
        assert_int_equal(connect_to(file, to), -EISCONN);
        assert_int_equal(connects, 0);
        assert_int_equal(closes, 1); /* the host's socket is gone */
        assert_int_equal(asked, 1);
        assert_int_equal(socket_of(listening)->ops->accept(listening, &end, &peer), 0);
        assert_int_equal(peer.size, sizeof(struct sockaddr_in));
        check_name(file, true, to, true);
        check_name(file, false, to, false);
        check_name(end, false, address4("127.0.0.1", PORT), true);
        assert_int_equal(socket_of(file)->ops->send(file, &hello), 5);
        assert_int_equal(socket_of(end)->ops->receive(end, &room), 5);
        assert_string_equal(heard, "hello");
        file_put(end);
        assert_int_equal(socket_of(file)->ops->name(file, true, &peer), -ENOTCONN);
        assert_int_equal(socket_of(file)->ops->receive(file, &room), 0);
        file_put(file);
    }
    socket_inside_asked = NULL;
}

static void nobody_else_listens_there(void **state)
{
    const struct socket_address all[] = {address4("127.0.0.1", PORT), address4("0.0.0.0", PORT),
                                         address6("::1", PORT), address6("::", PORT)};
    const struct socket_address other = address4("127.0.0.1", PORT + 1);
    (void)state;
    binds = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct file *file = new_socket(all[i].bytes[0]);
        assert_int_equal(socket_of(file)->ops->bind(file, &all[i]), -EADDRINUSE);
        file_put(file);
    }
    assert_int_equal(binds, 0);
    struct file *file = new_socket(SOCKET_INET);
    assert_int_equal(socket_of(file)->ops->bind(file, &other), 0);
    assert_int_equal(binds, 1);
    file_put(file);
}

static void one_that_has_begun_with_the_host_stays_there(void **state)
{
    (void)state;
    struct file *file = new_socket(SOCKET_INET);
    answer = -EINPROGRESS;
    closes = 0;
    assert_int_equal(connect_to(file, address4("10.0.2.2", 80)), -EINPROGRESS);
    assert_int_equal(connect_to(file, address4("127.0.0.1", PORT)), -EISCONN);
    assert_true(socket_host_is(file));
    assert_int_equal(closes, 0);
    answer = -ECONNREFUSED;
    assert_int_equal(connect_to(file, address4("10.0.2.2", 80)), -ECONNREFUSED);
    assert_int_equal(connect_to(file, address4("127.0.0.1", PORT)), 0);
    file_put(file);
    answer = 0;
    file = new_socket(SOCKET_INET);
    assert_int_equal(socket_of(file)->ops->listen(file, 1), 0);
    assert_int_equal(connect_to(file, address4("127.0.0.1", PORT)), -EISCONN);
    file_put(file);
}

static void passes_no_files_and_knows_no_other_options(void **state)
{
    int value = 1;
    uint8_t said[] = "x";
    (void)state;
    struct file *file = new_socket(SOCKET_INET);
    struct socket_message message = {.bytes = said, .size = 1, .files = &file, .file_count = 1};
    assert_int_equal(connect_to(file, address4("127.0.0.1", PORT)), 0);
    const struct socket_ops *ops = socket_of(file)->ops;
    assert_int_equal(ops->send(file, &message), -EINVAL);
    assert_int_equal(ops->set_option(file, TCP_LEVEL, 1, &value, sizeof value), 0);
    assert_int_equal(ops->set_option(file, TCP_LEVEL, 1, &value, 1), -EINVAL);
    assert_int_equal(ops->set_option(file, SOCKET_LEVEL, 25, &value, sizeof value), -ENOPROTOOPT);
    assert_int_equal(ops->get_option(file, SOCKET_LEVEL, OPTION_PEER_CREDS, &value, sizeof value),
                     -ENOPROTOOPT);
    assert_int_equal(ops->get_option(file, SOCKET_LEVEL, OPTION_ERROR, &value, sizeof value), 4);
    assert_int_equal(value, 0);
    assert_int_equal(ops->bind(file, &(struct socket_address){.size = 0}), -EINVAL);
    assert_int_equal(ops->listen(file, 1), -EINVAL);
    file_put(file);
}

static void those_who_wait_are_bounded_and_without_memory_it_stays_the_hosts(void **state)
{
    struct file *files[200];
    size_t count = 0;
    (void)state;
    struct file *file = new_socket(SOCKET_INET);
    heap_left = 0;
    assert_int_equal(connect_to(file, address4("127.0.0.1", PORT)), -ENOMEM);
    heap_left = SIZE_MAX;
    assert_true(socket_host_is(file));
    file_put(file);
    int status = 0;
    while (status == 0 && count < 200) {
        files[count] = new_socket(SOCKET_INET);
        status = connect_to(files[count++], address4("127.0.0.1", PORT));
    }
    assert_int_equal(status, -ECONNREFUSED);
    while (count > 0)
        file_put(files[--count]);
    /* Those that have gone are taken out as any. */
    struct socket_address peer;
    while (socket_of(listening)->ops->accept(listening, &file, &peer) == 0) {
        assert_int_equal(peer.bytes[0], AF_INET);
        file_put(file);
    }
}

static void refuses_when_nobody_listens_any_more_and_asks_no_host(void **state)
{
    (void)state;
    struct file *waits = new_socket(SOCKET_INET);
    assert_int_equal(connect_to(waits, address4("127.0.0.1", PORT)), 0);
    socket_inside_end();
    file_put(listening);
    assert_int_equal(unix_poll(waits) & POLLHUP, POLLHUP);
    file_put(waits);
    connects = 0;
    struct file *file = new_socket(SOCKET_INET);
    const struct socket_address to = address4("0.0.0.0", PORT);
    assert_int_equal(connect_to(file, to), -ECONNREFUSED);
    assert_int_equal(socket_of(file)->ops->bind(file, &to), -EADDRINUSE);
    assert_int_equal(connects, 0);
    file_put(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_the_loopback_and_any_at_its_port_alone),
        cmocka_unit_test(what_is_said_goes_to_who_listens),
        cmocka_unit_test(nobody_else_listens_there),
        cmocka_unit_test(one_that_has_begun_with_the_host_stays_there),
        cmocka_unit_test(passes_no_files_and_knows_no_other_options),
        cmocka_unit_test(those_who_wait_are_bounded_and_without_memory_it_stays_the_hosts),
        cmocka_unit_test(refuses_when_nobody_listens_any_more_and_asks_no_host),
    };
    if (socket_inside_listen(PORT, &listening) < 0)
        return 1;
    return cmocka_run_group_tests_name("enclave/libos/sockets/socket_inside", tests, NULL, NULL);
}
