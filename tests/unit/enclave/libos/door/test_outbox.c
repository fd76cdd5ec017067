/* What is sent without leaving, and what comes with a look at sockets: under a host that lies about
 * the outbox, its room, and the bytes that it fetched. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../check.h"
#include "../heap.h"
#include "../stage.h"
#include "enclave/inside/enclave.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/door/outbox.h"
#include "enclave/libos/files/ready.h"
#include "enclave/libos/sockets/socket.h"
#include "enclave/libos/sockets/socket_options.h"

#define INET 2 /* AF_INET */

static struct door_outbox outbox;
static int64_t address; /* what DOOR_OUTBOX answers */
static bool is_outside;
static unsigned calls[DOOR_OUTBOX + 1];
static int64_t sends;  /* what DOOR_SEND and DOOR_RECEIVE answer */
static uint16_t ready; /* of each handle, with DOOR_FETCH only if the test says so */
static uint16_t asked; /* events of the last one */
static uint32_t fetched_size;
static size_t fetched_place;
static uint32_t told_flags; /* of the address that comes with what is received */
static uint64_t asked_flags;

static uint64_t park(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct door_ready one;
        memcpy(&one, stage_buffer + i * sizeof one, sizeof one);
        asked = one.events;
        one.ready = ready;
        memcpy(stage_buffer + i * sizeof one, &one, sizeof one);
    }
    memset(stage_buffer + DOOR_FETCHED_AT, 'f', DOOR_BUFFER_SIZE - DOOR_FETCHED_AT);
    memcpy(stage_buffer + fetched_place, &fetched_size, sizeof fetched_size);
    return ready ? count : 0;
}

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    assert_true(number <= DOOR_OUTBOX);
    calls[number]++;
    if (number == DOOR_PARK)
        return a == 0 ? park(b) : 0;
    if (number == DOOR_SOCKET)
        return 7;
    if (number == DOOR_OUTBOX)
        return (uint64_t)address;
    if (number == DOOR_RECEIVE) {
        const struct door_address nobody = {.flags = told_flags};
        asked_flags = c;
        memcpy(stage_buffer, &nobody, sizeof nobody);
    }
    if (number == DOOR_RECEIVE && sends > 0)
        memset(stage_buffer + sizeof(struct door_address), 'd', (size_t)sends);
    return number == DOOR_SEND || number == DOOR_RECEIVE ? (uint64_t)sends : 0;
}

bool enclave_is_outside(uintptr_t at, uint64_t size)
{
    return is_outside && at == (uintptr_t)&outbox && size == sizeof outbox;
}

static int start(void **state)
{
    (void)state;
    memset(calls, 0, sizeof calls);
    address = (int64_t)(uintptr_t)&outbox;
    is_outside = true;
    outbox.is_served = 1;
    ready = 0;
    sends = -EAGAIN;
    told_flags = 0;
    fetched_place = DOOR_FETCHED_AT;
    heap_left = SIZE_MAX;
    return 0;
}

static struct file *make(void)
{
    struct file *file;
    assert_int_equal(socket_host_new(INET, SOCKET_STREAM, 0, 0, &file), 0);
    return file;
}

static unsigned look(struct file *file, unsigned wanted)
{
    struct ready one = {.file = file, .wanted = wanted};
    (void)ready_look(&one, 1);
    return one.seen;
}

static int64_t put(struct file *file, const void *bytes, size_t size)
{
    return file_write(file, FILE_HERE, bytes, size);
}

/* --- the outbox ------------------------------------------------------------------------------- */

/* It is asked for once: each wrong answer has a process of its own. */
static void takes_no_outbox_that_cannot_be(void **state)
{
    (void)state;
    const int64_t answers[] = {
        -ENOSYS, 0, INT64_MIN, 64, (int64_t)(uintptr_t)&outbox + 8, (int64_t)(uintptr_t)&outbox};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        address = answers[i];
        is_outside = i + 1 < sizeof answers / sizeof *answers;
        pid_t child = fork();
        if (child == 0)
            _exit(outbox_post(7, "x", 1) || outbox_post(7, "y", 1) || calls[DOOR_OUTBOX] != 1);
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

static void what_is_posted_lies_in_the_ring(void **state)
{
    struct door_post head;
    (void)state;
    uint64_t at = outbox.put;
    assert_true(outbox_post(9, "some bytes", 10));
    assert_int_equal(outbox.put, at + 24);
    memcpy(&head, outbox.ring + at % DOOR_OUTBOX_SIZE, sizeof head);
    assert_int_equal(head.handle, 9);
    assert_int_equal(head.size, 10);
    assert_memory_equal(outbox.ring + (at + sizeof head) % DOOR_OUTBOX_SIZE, "some bytes", 10);
    assert_int_equal(calls[DOOR_WAKE], 0);
    outbox.taken = outbox.put;
}

static void nothing_is_posted_where_nobody_looks_or_there_is_no_room(void **state)
{
    static const uint8_t many[DOOR_POST_MAX + 1];
    (void)state;
    outbox.taken = outbox.put;
    assert_false(outbox_post(9, many, DOOR_POST_MAX + 1));
    unsigned count = 0;
    while (outbox_post(9, many, DOOR_POST_MAX))
        assert_true(++count < 100);
    assert_int_equal(count, DOOR_OUTBOX_SIZE / (DOOR_POST_MAX + sizeof(struct door_post)));
    uint64_t at = outbox.put;
    outbox.taken = at + 1; /* more than there ever was */
    assert_false(outbox_post(9, many, 1));
    outbox.taken = at - DOOR_OUTBOX_SIZE - 8;
    assert_false(outbox_post(9, many, 1));
    outbox.taken = at;
    outbox.is_served = 0;
    assert_false(outbox_post(9, many, 1));
    outbox.is_served = 1;
    outbox.put = 12345; /* the host's word of its own place counts for nothing */
    assert_true(outbox_post(9, many, 1));
    assert_int_equal(outbox.put, at + 16);
    outbox.taken = outbox.put;
}

/* Every size, around the ring's end many times. */
static void all_bytes_come_through_the_ring(void **state)
{
    uint8_t bytes[257];
    struct door_post head;
    (void)state;
    for (size_t i = 0; i < 3000; i++) {
        size_t size = i % sizeof bytes;
        uint64_t at = outbox.put + sizeof head;
        memset(bytes, (int)(i & 0xFF), sizeof bytes);
        assert_true(outbox_post((uint32_t)i, bytes, size));
        memcpy(&head, outbox.ring + outbox.taken % DOOR_OUTBOX_SIZE, sizeof head);
        assert_int_equal(head.handle, i);
        assert_int_equal(head.size, size);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(outbox.ring[(at + k) % DOOR_OUTBOX_SIZE], i & 0xFF);
        outbox.taken = outbox.put;
    }
}

static void a_socket_posts_as_much_as_it_was_said_to_take(void **state)
{
    static const uint8_t bytes[DOOR_POST_MAX];
    struct file *file = make();
    (void)state;
    sends = 100;
    assert_int_equal(put(file, bytes, 100), 100); /* nobody has looked yet */
    assert_int_equal(calls[DOOR_SEND], 1);
    ready = POLLOUT;
    assert_int_equal(look(file, POLLIN), 0); /* the program is not told what it did not ask for */
    assert_int_equal(asked & POLLOUT, POLLOUT);
    assert_int_equal(put(file, bytes, DOOR_POST_MAX - 1), DOOR_POST_MAX - 1);
    assert_int_equal(put(file, bytes, 1), 1);
    assert_int_equal(calls[DOOR_SEND], 1);
    assert_int_equal(put(file, bytes, 100), 100);
    assert_int_equal(calls[DOOR_SEND], 2);
    outbox.taken = outbox.put;
    (void)look(file, POLLIN);
    assert_int_equal(socket_of(file)->ops->shutdown(file, 1), 0);
    assert_int_equal(put(file, bytes, 100), 100);
    assert_int_equal(calls[DOOR_SEND], 3);
    ready = POLLOUT | POLLERR;
    (void)look(file, POLLIN);
    assert_int_equal(put(file, bytes, 100), 100);
    assert_int_equal(calls[DOOR_SEND], 4);
    file_put(file);
}

static void what_is_received_tells_of_room(void **state)
{
    uint8_t bytes[8] = {0};
    struct file *file = make();
    (void)state;
    told_flags = DOOR_ASKS_ROOM | 0x40000000;
    sends = 0; /* the end tells nothing */
    assert_int_equal(file_read(file, FILE_HERE, bytes, 8), 0);
    assert_int_equal(put(file, bytes, 1), 0);
    assert_int_equal(calls[DOOR_SEND], 1);
    sends = 4;
    assert_int_equal(file_read(file, FILE_HERE, bytes, 8), 4);
    assert_int_equal(asked_flags, DOOR_ASKS_ROOM);
    assert_int_equal(file_read(file, FILE_HERE, bytes, 8), 4);
    assert_int_equal(asked_flags, 0); /* it is known */
    assert_int_equal(put(file, bytes, 8), 8);
    assert_int_equal(calls[DOOR_SEND], 1);
    file_put(file);
    outbox.taken = outbox.put;
    assert_int_equal(socket_host_new(INET, SOCKET_DATAGRAM, 0, 0, &file), 0);
    assert_int_equal(file_read(file, FILE_HERE, bytes, 8), 4);
    assert_int_equal(asked_flags & DOOR_ASKS_ROOM, 0);
    sends = 8;
    assert_int_equal(put(file, bytes, 8), 8);
    assert_int_equal(calls[DOOR_SEND], 2);
    file_put(file);
}

static void urgent_bytes_and_addresses_go_by_the_door(void **state)
{
    uint8_t bytes[8] = {0};
    struct file *file = make();
    struct socket_message urgent = {.bytes = bytes, .size = 8, .flags = SOCKET_OOB};
    struct socket_message more = {.bytes = bytes, .size = 8, .flags = SOCKET_MORE};
    (void)state;
    sends = 8;
    ready = POLLOUT;
    (void)look(file, POLLIN);
    assert_int_equal(socket_of(file)->ops->send(file, &urgent), 8);
    (void)look(file, POLLIN);
    assert_int_equal(socket_of(file)->ops->send(file, &more), 8);
    assert_int_equal(calls[DOOR_SEND], 2);
    file_put(file);
}

/* --- what is fetched -------------------------------------------------------------------------- */

static struct file *fetch(uint32_t size)
{
    struct file *file = make();
    fetched_size = size;
    ready = POLLIN | DOOR_FETCH;
    (void)look(file, POLLIN);
    assert_int_equal(asked & DOOR_FETCH, DOOR_FETCH);
    ready = 0;
    return file;
}

static void fetched_bytes_are_read_before_others(void **state)
{
    uint8_t bytes[100];
    struct file *file = fetch(30);
    (void)state;
    assert_int_equal(look(file, POLLIN | POLLOUT), POLLIN);
    assert_int_equal(asked & DOOR_FETCH, 0); /* there are some */
    assert_int_equal(file_read(file, FILE_HERE, bytes, 10), 10);
    assert_int_equal(file_read(file, FILE_HERE, bytes, 100), 20);
    assert_int_equal(bytes[19], 'f');
    assert_int_equal(calls[DOOR_RECEIVE], 0);
    assert_int_equal(look(file, POLLIN), 0);
    sends = 5;
    assert_int_equal(file_read(file, FILE_HERE, bytes, 100), 5);
    assert_int_equal(bytes[0], 'd');
    file_put(file);
    assert_int_equal(calls[DOOR_SET_OPTION], 0);
}

static void a_full_fetch_is_followed_by_a_call(void **state)
{
    static uint8_t bytes[3 * DOOR_FETCH_MAX];
    struct file *file = fetch(DOOR_FETCH_MAX);
    (void)state;
    sends = 40;
    assert_int_equal(file_read(file, FILE_HERE, bytes, sizeof bytes), DOOR_FETCH_MAX + 40);
    assert_int_equal(bytes[DOOR_FETCH_MAX - 1], 'f');
    assert_int_equal(bytes[DOOR_FETCH_MAX], 'd');
    file_put(file);
    file = fetch(DOOR_FETCH_MAX);
    sends = -ECONNRESET; /* that is for the next call */
    assert_int_equal(file_read(file, FILE_HERE, bytes, sizeof bytes), DOOR_FETCH_MAX);
    assert_int_equal(file_read(file, FILE_HERE, bytes, sizeof bytes), -ECONNRESET);
    file_put(file);
}

static void who_peeks_sees_what_comes_behind_too(void **state)
{
    uint8_t bytes[100];
    struct file *file = fetch(30);
    struct socket_message message = {.bytes = bytes, .size = 100, .flags = SOCKET_PEEK};
    (void)state;
    sends = 7;
    assert_int_equal(socket_of(file)->ops->receive(file, &message), 37);
    assert_int_equal(bytes[36], 'd');
    assert_int_equal(file_read(file, FILE_HERE, bytes, 30), 30);
    file_put(file);
}

static void a_lie_about_what_was_fetched_brings_nothing(void **state)
{
    (void)state;
    const uint32_t sizes[] = {0, DOOR_FETCH_MAX + 1, DOOR_BUFFER_SIZE, UINT32_MAX, UINT32_MAX - 3};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct file *file = fetch(sizes[i]);
        assert_int_equal(look(file, POLLIN), 0);
        file_put(file);
    }
    assert_int_equal(door_fetched_size(DOOR_BUFFER_SIZE - 3), 0);
    assert_int_equal(door_fetched_size(SIZE_MAX), 0);
    assert_int_equal(door_fetched_size(0), 0);
    fetched_size = 10; /* and what nobody asked for */
    ready = POLLIN | DOOR_FETCH;
    struct file *file = make();
    (void)look(file, POLLOUT);
    assert_int_equal(asked & DOOR_FETCH, 0);
    ready = 0;
    assert_int_equal(look(file, POLLIN), 0);
    file_put(file);
}

/* More bytes of the first than there is room for all of them: each is within the buffer. */
static void many_that_lie_stay_within_the_buffer(void **state)
{
    struct ready items[100];
    (void)state;
    for (size_t i = 0; i < 100; i++)
        items[i] = (struct ready){.file = make(), .wanted = POLLIN};
    uint32_t size = DOOR_FETCH_MAX;
    memset(stage_buffer, 0, sizeof stage_buffer);
    fetched_size = size;
    ready = POLLIN | DOOR_FETCH;
    assert_int_equal(ready_look(items, 100), 100);
    for (size_t i = 0; i < 100; i++)
        file_put(items[i].file);
}

static void closing_unread_bytes_is_a_reset(void **state)
{
    struct file *file = fetch(30);
    (void)state;
    file_put(file);
    assert_int_equal(calls[DOOR_SET_OPTION], 1);
    assert_int_equal(calls[DOOR_CLOSE], 1);
}

static void bytes_that_find_no_memory_end_what_is_read(void **state)
{
    uint8_t bytes[10];
    struct file *file = make();
    (void)state;
    heap_left = 0;
    fetched_size = 30;
    ready = POLLIN | DOOR_FETCH;
    (void)look(file, POLLIN);
    heap_left = SIZE_MAX;
    sends = 5;
    assert_int_equal(file_read(file, FILE_HERE, bytes, 10), -ENOBUFS);
    assert_int_equal(file_read(file, FILE_HERE, bytes, 10), -ENOBUFS);
    file_put(file);
}

static void options_that_it_gets_in_the_way_of_end_it(void **state)
{
    const int names[] = {OPTION_SEND_BUFFER, OPTION_RECEIVE_BUFFER, OPTION_RECEIVE_LEAST,
                         OPTION_OOB_INLINE};
    const int value = 1;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct file *file = make();
        ready = POLLOUT;
        (void)look(file, POLLIN);
        assert_int_equal(
            socket_of(file)->ops->set_option(file, SOCKET_LEVEL, names[i], &value, sizeof value),
            0);
        (void)look(file, POLLIN);
        assert_int_equal(asked, POLLIN);
        sends = 1;
        assert_int_equal(put(file, "x", 1), 1);
        assert_int_equal(calls[DOOR_SEND], i + 1);
        file_put(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(takes_no_outbox_that_cannot_be, start),
        cmocka_unit_test_setup(what_is_posted_lies_in_the_ring, start),
        cmocka_unit_test_setup(nothing_is_posted_where_nobody_looks_or_there_is_no_room, start),
        cmocka_unit_test_setup(all_bytes_come_through_the_ring, start),
        cmocka_unit_test_setup(a_socket_posts_as_much_as_it_was_said_to_take, start),
        cmocka_unit_test_setup(what_is_received_tells_of_room, start),
        cmocka_unit_test_setup(urgent_bytes_and_addresses_go_by_the_door, start),
        cmocka_unit_test_setup(fetched_bytes_are_read_before_others, start),
        cmocka_unit_test_setup(a_full_fetch_is_followed_by_a_call, start),
        cmocka_unit_test_setup(who_peeks_sees_what_comes_behind_too, start),
        cmocka_unit_test_setup(a_lie_about_what_was_fetched_brings_nothing, start),
        cmocka_unit_test_setup(many_that_lie_stay_within_the_buffer, start),
        cmocka_unit_test_setup(closing_unread_bytes_is_a_reset, start),
        cmocka_unit_test_setup(bytes_that_find_no_memory_end_what_is_read, start),
        cmocka_unit_test_setup(options_that_it_gets_in_the_way_of_end_it, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
