/* The host's sockets: what is posted to the outbox gets to the other end in order, whoever sends it
 * and whatever the socket takes, and a look brings along what streams have to be read. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../check.h"
#include "enclave/host_parts.h"

static struct host host;
static struct host_thread *thread;
static struct door_outbox *outbox;

static int start(void **state)
{
    (void)state;
    host = (struct host){.program = {-1, -1, -1}};
    (void)pthread_mutex_init(&host.lock, NULL);
    thread = &host.threads[0];
    *thread = (struct host_thread){.host = &host,
                                   .token = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                   .buffer = calloc(1, DOOR_BUFFER_SIZE)};
    int64_t at = host_outbox_answer(&host);
    assert_true(at > 0);
    assert_int_equal(host_outbox_answer(&host), at);
    outbox = (struct door_outbox *)(uintptr_t)at;
    return 0;
}

static int end(void **state)
{
    (void)state;
    host_outbox_end(&host);
    host_net_fini(&host);
    free(atomic_load(&host.outbox));
    (void)close(thread->token);
    free(thread->buffer);
    return 0;
}

static size_t flush(void)
{
    (void)pthread_mutex_lock(&host.lock);
    size_t left = host_net_flush(&host);
    (void)pthread_mutex_unlock(&host.lock);
    return left;
}

/* The other end of a stream by this handle, whose calls wait. */
static int make(uint32_t *handle)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    (void)pthread_mutex_lock(&host.lock);
    int64_t made = host_net_add(&host, ends[0]);
    (void)pthread_mutex_unlock(&host.lock);
    assert_true(made >= DOOR_STREAMS);
    *handle = (uint32_t)made;
    return ends[1];
}

static void put_at(uint64_t place, const void *bytes, size_t size)
{
    size_t at = place % DOOR_OUTBOX_SIZE;
    size_t first = size < DOOR_OUTBOX_SIZE - at ? size : DOOR_OUTBOX_SIZE - at;
    memcpy(outbox->ring + at, bytes, first);
    memcpy(outbox->ring, (const uint8_t *)bytes + first, size - first);
}

static void put_raw(uint32_t handle, uint32_t size, const void *bytes, size_t there)
{
    const struct door_post head = {handle, size};
    uint64_t put = outbox->put;
    put_at(put, &head, sizeof head);
    put_at(put + sizeof head, bytes, there);
    put += (sizeof head + there + 7) & ~(uint64_t)7;
    __atomic_store_n(&outbox->put, put, __ATOMIC_SEQ_CST);
}

static void put(uint32_t handle, const char *text)
{
    put_raw(handle, (uint32_t)strlen(text), text, strlen(text));
}

static void check_read(int fd, const char *text)
{
    char bytes[64] = "";
    for (size_t done = 0; done < strlen(text);) {
        ssize_t got = read(fd, bytes + done, strlen(text) - done);
        assert_true(got > 0);
        done += (size_t)got;
    }
    assert_string_equal(bytes, text);
}

static int64_t ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t arguments[3] = {a, b, c};
    return host_net_answer(thread, number, arguments);
}

static void what_is_posted_is_sent_before_an_answer(void **state)
{
    uint32_t first, second;
    int one = make(&first), other = make(&second);
    (void)state;
    put(first, "a");
    put(second, "b");
    put(first, "cd");
    host_outbox_empty(&host);
    assert_int_equal(outbox->taken, outbox->put);
    check_read(one, "acd");
    check_read(other, "b");
    (void)close(one);
    (void)close(other);
}

/* Nobody calls: the reads here wait for the server. */
static void a_served_outbox_is_emptied_by_itself(void **state)
{
    uint32_t handle;
    int peer = make(&handle);
    (void)state;
    while (!__atomic_load_n(&outbox->is_served, __ATOMIC_SEQ_CST)) { /* sends that are often */
        (void)pthread_mutex_lock(&host.lock);
        host_outbox_expect(&host);
        (void)pthread_mutex_unlock(&host.lock);
    }
    put(handle, "posted");
    check_read(peer, "posted");
    (void)close(peer);
}

static void what_a_full_socket_leaves_goes_later_in_order(void **state)
{
    static uint8_t many[DOOR_POST_MAX], seen[DOOR_POST_MAX];
    uint32_t handle;
    int peer = make(&handle);
    (void)state;
    size_t count = 0;
    while (flush() == 0) {
        memset(many, (int)(count++ & 0xFF), sizeof many);
        put_raw(handle, sizeof many, many, sizeof many);
        host_outbox_empty(&host);
        assert_true(count < 1000);
    }
    memset(many, (int)(count++ & 0xFF), sizeof many);
    put_raw(handle, sizeof many, many, sizeof many);
    host_outbox_empty(&host);
    assert_int_equal(ask(DOOR_SEND, handle, 1, 0), -EAGAIN); /* not before what is left */
    for (size_t i = 0; i < count; i++) {
        for (size_t done = 0; done < sizeof seen;) {
            ssize_t got = recv(peer, seen + done, sizeof seen - done, MSG_DONTWAIT);
            assert_true(got > 0 || errno == EAGAIN);
            done += got > 0 ? (size_t)got : 0;
            (void)flush();
        }
        assert_int_equal(seen[0], i & 0xFF);
        assert_int_equal(seen[sizeof seen - 1], i & 0xFF);
    }
    assert_int_equal(flush(), 0);
    (void)close(peer);
}

static void entries_that_cannot_be_end_what_is_there(void **state)
{
    uint32_t handle;
    int peer = make(&handle);
    (void)state;
    put_raw(handle, DOOR_POST_MAX + 1, "x", 1);
    host_outbox_empty(&host);
    assert_int_equal(outbox->taken, outbox->put);
    put_raw(handle, UINT32_MAX, "x", 1);
    put_raw(handle, 100, "x", 1); /* more than is there */
    host_outbox_empty(&host);
    assert_int_equal(outbox->taken, outbox->put);
    outbox->put += DOOR_OUTBOX_SIZE + 8;
    host_outbox_empty(&host);
    assert_int_equal(outbox->taken, outbox->put);
    put(handle + 100, "no such socket");
    put(handle, "good");
    host_outbox_empty(&host);
    check_read(peer, "good");
    (void)close(peer);
}

/* The error of a posted send is the next call's. */
static void an_error_is_told_by_the_next_call(void **state)
{
    uint32_t handle;
    int peer = make(&handle);
    (void)state;
    put(handle, "unread");
    host_outbox_empty(&host);
    (void)close(peer); /* which resets the stream: the next one to ask is told, once */
    put(handle, "to nobody");
    host_outbox_empty(&host);
    assert_int_equal(ask(DOOR_RECEIVE, handle, 1, 0), -ECONNRESET);
    assert_int_equal(ask(DOOR_SEND, handle, 1, 0), -EPIPE);
}

static void closing_sends_what_is_left(void **state)
{
    uint32_t handle;
    int peer = make(&handle);
    char byte;
    (void)state;
    put(handle, "last words");
    host_outbox_empty(&host);
    assert_int_equal(ask(DOOR_CLOSE, handle, 0, 0), 0);
    check_read(peer, "last words");
    assert_int_equal(read(peer, &byte, 1), 0);
    put(handle, "too late");
    host_outbox_empty(&host);
    (void)close(peer);
}

static unsigned told(void)
{
    struct door_address from;
    memcpy(&from, thread->buffer, sizeof from);
    return from.flags;
}

static void a_receiver_is_told_of_room_where_it_asks(void **state)
{
    uint32_t handle;
    int peer = make(&handle);
    (void)state;
    assert_int_equal(write(peer, "ab", 2), 2);
    assert_int_equal(ask(DOOR_RECEIVE, handle, 1, 0), 1);
    assert_int_equal(told() & DOOR_ASKS_ROOM, 0);
    assert_int_equal(ask(DOOR_RECEIVE, handle, 1, DOOR_ASKS_ROOM), 1);
    assert_int_equal(told() & DOOR_ASKS_ROOM, DOOR_ASKS_ROOM);
    assert_int_equal(ask(DOOR_RECEIVE, handle, 1, DOOR_ASKS_ROOM | 0x40000000), -EINVAL);
    while (ask(DOOR_SEND, handle, DOOR_DATA_MAX, 0) > 0) {
    }
    assert_int_equal(write(peer, "c", 1), 1);
    assert_int_equal(ask(DOOR_RECEIVE, handle, 1, DOOR_ASKS_ROOM), 1);
    assert_int_equal(told() & DOOR_ASKS_ROOM, 0);
    (void)close(peer);
}

/* --- what is fetched -------------------------------------------------------------------------- */

static void place(size_t index, uint32_t handle, unsigned events)
{
    const struct door_ready one = {.handle = handle, .events = (uint16_t)events};
    memcpy(thread->buffer + index * sizeof one, &one, sizeof one);
}

static unsigned ready_at(size_t index)
{
    struct door_ready one;
    memcpy(&one, thread->buffer + index * sizeof one, sizeof one);
    return one.ready;
}

static void a_look_brings_what_was_asked_for(void **state)
{
    uint32_t handles[3], size;
    int peers[3];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        peers[i] = make(&handles[i]);
        place(i, handles[i], i == 1 ? POLLIN : POLLIN | DOOR_FETCH);
    }
    assert_int_equal(host_park(thread, 0, 3), 0);
    assert_int_equal(write(peers[0], "one", 3), 3);
    assert_int_equal(write(peers[1], "two", 3), 3);
    assert_int_equal(write(peers[2], "three", 5), 5);
    assert_int_equal(host_park(thread, 0, 3), 3);
    assert_int_equal(ready_at(0), POLLIN | DOOR_FETCH);
    assert_int_equal(ready_at(1), POLLIN);
    assert_int_equal(ready_at(2), POLLIN | DOOR_FETCH);
    const uint8_t *at = thread->buffer + DOOR_FETCHED_AT;
    memcpy(&size, at, sizeof size);
    assert_int_equal(size, 3);
    assert_memory_equal(at + sizeof size, "one", 3);
    at += sizeof size + 3;
    memcpy(&size, at, sizeof size);
    assert_int_equal(size, 5);
    assert_memory_equal(at + sizeof size, "three", 5);
    for (size_t i = 0; i < 3; i++)
        place(i, handles[i], POLLIN | DOOR_FETCH);
    assert_int_equal(host_park(thread, 0, 3), 1); /* the others were read */
    for (size_t i = 0; i < 3; i++)
        (void)close(peers[i]);
}

/* A stay outside reads nothing: others may read meanwhile. */
static void waiting_brings_nothing(void **state)
{
    uint32_t handle;
    int peer = make(&handle);
    (void)state;
    assert_int_equal(write(peer, "here", 4), 4);
    place(0, handle, POLLIN | DOOR_FETCH);
    assert_int_equal(host_park(thread, DOOR_FOREVER, 1), 1);
    assert_int_equal(ready_at(0), POLLIN);
    (void)close(peer);
    assert_int_equal(host_park(thread, 0, 1), 1);
    assert_int_equal(ready_at(0) & DOOR_FETCH, 0); /* its end is the program's to read, with them */
}

static void a_fetch_has_its_most_and_the_buffers(void **state)
{
    enum { COUNT = 40 };
    static const uint8_t many[2 * DOOR_FETCH_MAX];
    uint32_t handles[COUNT];
    int peers[COUNT];
    size_t fetched = 0;
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        peers[i] = make(&handles[i]);
        assert_int_equal(write(peers[i], many, sizeof many), sizeof many);
        place(i, handles[i], POLLIN | DOOR_FETCH);
    }
    assert_int_equal(host_park(thread, 0, COUNT), COUNT);
    for (size_t i = 0; i < COUNT; i++)
        fetched += (ready_at(i) & DOOR_FETCH) != 0;
    size_t most = (DOOR_BUFFER_SIZE - DOOR_FETCHED_AT) / (DOOR_FETCH_MAX + sizeof(uint32_t));
    assert_in_range(fetched, most, most + 1); /* the last one has what room there is */
    for (size_t i = 0; i < COUNT; i++)
        (void)close(peers[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_posted_is_sent_before_an_answer, start, end),
        cmocka_unit_test_setup_teardown(a_served_outbox_is_emptied_by_itself, start, end),
        cmocka_unit_test_setup_teardown(what_a_full_socket_leaves_goes_later_in_order, start, end),
        cmocka_unit_test_setup_teardown(entries_that_cannot_be_end_what_is_there, start, end),
        cmocka_unit_test_setup_teardown(an_error_is_told_by_the_next_call, start, end),
        cmocka_unit_test_setup_teardown(closing_sends_what_is_left, start, end),
        cmocka_unit_test_setup_teardown(a_receiver_is_told_of_room_where_it_asks, start, end),
        cmocka_unit_test_setup_teardown(a_look_brings_what_was_asked_for, start, end),
        cmocka_unit_test_setup_teardown(waiting_brings_nothing, start, end),
        cmocka_unit_test_setup_teardown(a_fetch_has_its_most_and_the_buffers, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
