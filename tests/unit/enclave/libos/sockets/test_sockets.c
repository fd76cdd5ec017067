/* Sockets of the host's network under a host that answers wrongly in every way, and what sockets of
 * this enclave do with little memory. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "../../../check.h"
#include "../heap.h"
#include "../stage.h"
#include "enclave/inside/enclave.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/door/door_net.h"
#include "enclave/libos/sockets/socket.h"
#include "enclave/libos/sockets/socket_options.h"
#include "enclave/libos/sockets/socket_unix.h"
#include "enclave/libos/threads/finish.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/threads/wait.h"

#define INET 2 /* AF_INET */

static uint64_t answer;
static struct door_address told; /* what lies in the buffer after each call */
static unsigned closed;

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)a, (void)b, (void)c;
    closed += number == DOOR_CLOSE;
    if (number == DOOR_ACCEPT || number == DOOR_RECEIVE || number == DOOR_NAME)
        memcpy(stage_buffer, &told, sizeof told);
    return answer;
}

static const uint64_t wrong[] = {101,
                                 UINT32_MAX,
                                 INT64_MAX,
                                 1ULL << 63,
                                 (uint64_t)-4096,
                                 (uint64_t)INT64_MIN + 5,
                                 1ULL << 32,
                                 (uint64_t) - (1LL << 32)};

static void takes_no_size_that_was_not_asked_for(void **state)
{
    uint8_t bytes[100];
    struct door_address from;
    (void)state;
    told = (struct door_address){.size = 0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        answer = wrong[i];
        assert_int_equal(door_send(5, NULL, bytes, sizeof bytes, 0), -EIO);
        assert_int_equal(door_receive(5, INET, &from, bytes, sizeof bytes, 0), -EIO);
        assert_int_equal(door_bind(5, bytes, 16), -EIO);
        assert_int_equal(door_connect(5, bytes, 16), -EIO);
        assert_int_equal(door_listen(5, 1), -EIO);
        assert_int_equal(door_shutdown(5, 1), -EIO);
        assert_int_equal(door_get_option(5, 1, 1, bytes, 8), -EIO);
        assert_int_equal(door_set_option(5, 1, 1, bytes, 8), -EIO);
    }
}

static void a_stream_of_the_programs_own_is_no_socket(void **state)
{
    struct door_address peer;
    (void)state;
    for (answer = 0; answer < DOOR_STREAMS; answer++) {
        assert_int_equal(door_socket(INET, 1, 6), -EIO);
        assert_int_equal(door_accept(5, INET, &peer), -EIO);
    }
    answer = 1ULL << 33;
    assert_int_equal(door_socket(INET, 1, 6), -EIO);
    answer = 7;
    assert_int_equal(door_socket(INET, 1, 6), 7);
}

/* What is beyond 32 bits is none: its lower half may be another socket's. */
static void takes_no_handle_that_is_none(void **state)
{
    static const uint64_t handles[] = {UINT64_C(1) << 32, (UINT64_C(1) << 32) + 7, INT64_MAX,
                                       UINT64_C(1) << 63, (uint64_t)-4096};
    struct door_address peer;
    (void)state;
    told = (struct door_address){.size = 16, .bytes = {INET}};
    closed = 0;
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++) {
        answer = handles[i];
        assert_int_equal(door_socket(INET, 1, 6), -EIO);
        assert_int_equal(door_accept(5, INET, &peer), -EIO);
    }
    assert_int_equal(closed, 0);
    answer = UINT32_MAX - 1;
    assert_int_equal(door_accept(5, INET, &peer), UINT32_MAX - 1);
    assert_int_equal(peer.size, 16);
}

static void takes_errors_of_a_known_set(void **state)
{
    (void)state;
    for (int number = 1; number < 4096; number++) {
        answer = (uint64_t)-number;
        int expected = door_known_errno(number);
        assert_true(expected == number || expected == EIO);
        assert_int_equal(door_listen(5, 1), -expected);
    }
    assert_int_equal(door_known_errno(ECONNREFUSED), ECONNREFUSED);
    assert_int_equal(door_known_errno(ENOSYS), EIO);
    assert_int_equal(door_known_errno(EFAULT), EIO);
}

static void takes_addresses_of_the_family_alone(void **state)
{
    static const struct door_address bad[] = {
        {.size = 15, .bytes = {INET}},    {.size = 17, .bytes = {INET}},
        {.size = 16, .bytes = {10}},      {.size = 28, .bytes = {10}},
        {.size = 16, .bytes = {INET, 1}}, {.size = UINT32_MAX},
        {.size = 33, .bytes = {INET}},    {.size = 16, .bytes = {1}},
    };
    struct door_address out;
    uint8_t bytes[10];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        told = bad[i];
        answer = 9;
        closed = 0;
        assert_int_equal(door_accept(5, INET, &out), -EIO);
        assert_int_equal(closed, 1);
        assert_int_equal(door_receive(5, INET, &out, bytes, sizeof bytes, 0), -EIO);
        answer = 0;
        assert_int_equal(door_name(5, INET, false, &out), -EIO);
    }
    told = (struct door_address){.size = 0};
    assert_int_equal(door_name(5, INET, false, &out), -EIO); /* a socket has a name */
    assert_int_equal(door_name(5, INET, true, &out), -EIO);
    answer = 1; /* no such answer, whatever lies in the buffer */
    told = (struct door_address){.size = 16, .bytes = {INET, 0, 1, 2}};
    assert_int_equal(door_name(5, INET, false, &out), -EIO);
    answer = 0;
    assert_int_equal(door_name(5, INET, false, &out), 0);
    assert_int_equal(out.size, 16);
}

/* What a datagram's size is said to be is no count of bytes that are there. */
static void copies_no_more_than_there_is_room_for(void **state)
{
    uint8_t bytes[20];
    struct door_address from;
    (void)state;
    told = (struct door_address){.size = 0};
    memset(bytes, 0x11, sizeof bytes);
    memset(stage_buffer, 0x22, sizeof stage_buffer);
    answer = 65535;
    assert_int_equal(door_receive(5, INET, &from, bytes, 10, SOCKET_CUT), 65535);
    assert_int_equal(bytes[9], 0x22);
    assert_int_equal(bytes[10], 0x11);
    answer = 65536;
    assert_int_equal(door_receive(5, INET, &from, bytes, 10, SOCKET_CUT), -EIO);
}

static void the_hosts_word_of_an_error_is_a_known_one(void **state)
{
    struct file *file;
    int value = 0;
    (void)state;
    answer = 8;
    assert_int_equal(socket_host_new(INET, SOCKET_STREAM, 0, 0, &file), 0);
    answer = sizeof value;
    const int said[] = {0, ECONNREFUSED, ENOSYS, -5, 100000};
    const int known[] = {0, ECONNREFUSED, EIO, EIO, EIO};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        memcpy(stage_buffer, &said[i], sizeof said[i]);
        assert_int_equal(socket_of(file)->ops->get_option(file, SOCKET_LEVEL, OPTION_ERROR, &value,
                                                          sizeof value),
                         sizeof value);
        assert_int_equal(value, known[i]);
    }
    assert_int_equal(socket_of(file)->ops->set_option(file, SOCKET_LEVEL, 25, &value, 4),
                     -ENOPROTOOPT); /* SO_BINDTODEVICE */
    closed = 0;
    file_put(file);
    assert_int_equal(closed, 1);
    assert_int_equal(socket_host_new(INET, 3, 0, 0, &file), -ESOCKTNOSUPPORT);
    assert_int_equal(socket_host_new(INET, SOCKET_STREAM, 17, 0, &file), -EPROTONOSUPPORT);
}

static int64_t send_bytes(struct file *file, size_t size)
{
    static uint8_t bytes[2 * UNIX_QUEUE_MAX];
    struct socket_message message = {.bytes = bytes, .size = size};
    return unix_send(file, &message);
}

static void queues_are_bounded(void **state)
{
    struct file *ends[2];
    struct socket_message none = {.size = 0};
    (void)state;
    assert_int_equal(socket_unix_pair(SOCKET_STREAM, 0, ends), 0);
    assert_int_equal(unix_receive(ends[1], &none), -EAGAIN);
    assert_int_equal(send_bytes(ends[0], 2 * UNIX_QUEUE_MAX), UNIX_QUEUE_MAX);
    assert_int_equal(send_bytes(ends[0], 1), -EAGAIN);
    assert_int_equal(unix_poll(ends[0]) & POLLOUT, 0);
    assert_int_equal(unix_poll(ends[1]) & (POLLIN | POLLHUP), POLLIN);
    file_put(ends[1]);
    assert_int_equal(unix_poll(ends[0]) & (POLLIN | POLLHUP | POLLERR), POLLIN | POLLHUP | POLLERR);
    assert_int_equal(unix_receive(ends[0], &none), -ECONNRESET);
    assert_int_equal(unix_receive(ends[0], &none), 0);
    assert_int_equal(send_bytes(ends[0], 1), -EPIPE);
    file_put(ends[0]);
    assert_int_equal(socket_unix_pair(SOCKET_DATAGRAM, 0, ends), 0);
    assert_int_equal(send_bytes(ends[0], UNIX_QUEUE_MAX + 1), -EMSGSIZE);
    int64_t status = 0;
    for (int i = 0; i < 2 * UNIX_PACKETS_MAX && status >= 0; i++)
        status = send_bytes(ends[0], 1);
    assert_int_equal(status, -EAGAIN);
    file_put(ends[0]);
    file_put(ends[1]);
}

/* Files that are on their way go with the socket that nobody read. */
static void files_on_their_way_are_given_up(void **state)
{
    struct file *ends[2], *passed;
    uint8_t byte = 1;
    (void)state;
    assert_int_equal(socket_unix_pair(SOCKET_STREAM, 0, ends), 0);
    assert_int_equal(socket_unix_new(SOCKET_STREAM, 0, &passed), 0);
    struct socket_message message = {.bytes = &byte, .size = 1, .files = &passed, .file_count = 1};
    assert_int_equal(unix_send(ends[0], &message), 1);
    assert_int_equal(passed->references, 2);
    file_put(ends[1]);
    assert_int_equal(passed->references, 1);
    file_put(passed);
    file_put(ends[0]);
}

static void without_memory_nothing_is_sent(void **state)
{
    struct file *ends[2];
    (void)state;
    for (size_t allowed = 0; allowed < 4; allowed++) {
        heap_left = allowed;
        assert_int_equal(socket_unix_pair(SOCKET_PACKET, 0, ends), -ENOMEM);
    }
    heap_left = SIZE_MAX;
    assert_int_equal(socket_unix_pair(SOCKET_PACKET, 0, ends), 0);
    for (size_t allowed = 0; allowed < 2; allowed++) {
        heap_left = allowed;
        assert_int_equal(send_bytes(ends[0], 5), -ENOMEM);
    }
    heap_left = SIZE_MAX;
    assert_int_equal(unix_poll(ends[1]) & POLLIN, 0);
    assert_int_equal(send_bytes(ends[0], 5), 5);
    file_put(ends[0]);
    file_put(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_no_size_that_was_not_asked_for),
        cmocka_unit_test(a_stream_of_the_programs_own_is_no_socket),
        cmocka_unit_test(takes_no_handle_that_is_none),
        cmocka_unit_test(takes_errors_of_a_known_set),
        cmocka_unit_test(takes_addresses_of_the_family_alone),
        cmocka_unit_test(copies_no_more_than_there_is_room_for),
        cmocka_unit_test(the_hosts_word_of_an_error_is_a_known_one),
        cmocka_unit_test(queues_are_bounded),
        cmocka_unit_test(files_on_their_way_are_given_up),
        cmocka_unit_test(without_memory_nothing_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
