/* A wire at a host that carries it well, cuts it into single bytes, changes it, or answers wrongly.
 * At its other end is an enclave that is played here, and acts when the wire waits. */
#include "../../../check.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "../stage.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/threads/signal.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/wire/wire.h"
#include "party.h"

#define HANDLE     7
#define QUEUE_SIZE (3 * RECORD_MAX)
#define HELLOS     HANDSHAKE_HELLO_SIZE
#define BEFORE     (HANDSHAKE_HELLO_SIZE + HANDSHAKE_PROOF_SIZE) /* bytes of a handshake */

void program_save_vectors(void *area)
{
    (void)area;
}

void program_load_vectors(const void *area)
{
    (void)area;
}

/* --- the enclave at this end, and who is played at the other ---------------------------------- */

static struct party own, peer;

static void own_report(void *arg, const struct sgx_targetinfo *target,
                       const uint8_t data[SGX_REPORT_DATA_SIZE], struct sgx_report *out)
{
    (void)arg;
    own.processor.report(&own, target, data, out);
}

static uint32_t own_key(void *arg, const struct sgx_keyrequest *request, uint8_t out[SGX_KEY_SIZE])
{
    (void)arg;
    return own.processor.key(&own, request, out);
}

static int own_random(void *arg, void *out, size_t size)
{
    (void)arg;
    return own.processor.random(&own, out, size);
}

const struct handshake_processor handshake_inside = {own_report, own_key, own_random, NULL};

struct queue {
    uint8_t bytes[QUEUE_SIZE];
    size_t size, taken;
};

static struct queue to_peer, to_wire;
static enum { HELLO, PROOF, TALK } stage;
static enum handshake_role peer_role;
static struct record_out peer_out;
static struct record_in peer_in;
static uint8_t last[RECORD_MESSAGE_MAX]; /* what the peer got */
static int64_t last_size;

static void put(struct queue *queue, const void *bytes, size_t size)
{
    assert_true(queue->size + size <= sizeof queue->bytes);
    memcpy(queue->bytes + queue->size, bytes, size);
    queue->size += size;
}

static size_t waiting(const struct queue *queue)
{
    return queue->size - queue->taken;
}

static const uint8_t *pull(struct queue *queue, size_t size)
{
    assert_true(waiting(queue) >= size);
    queue->taken += size;
    return queue->bytes + queue->taken - size;
}

static void peer_says(const void *bytes, size_t size)
{
    put(&to_wire, peer_out.bytes, record_seal(&peer_out, bytes, size));
}

/* False where there is nothing to do: then nothing comes any more. */
static bool peer_acts(void)
{
    uint8_t bytes[HANDSHAKE_PROOF_SIZE];
    if (stage == HELLO && waiting(&to_peer) >= HANDSHAKE_HELLO_SIZE) {
        assert_int_equal(handshake_begin(&peer.shake, &peer.processor, peer_role, bytes), 0);
        put(&to_wire, bytes, HANDSHAKE_HELLO_SIZE);
        (void)handshake_take_hello(&peer.shake, pull(&to_peer, HANDSHAKE_HELLO_SIZE));
        stage = PROOF;
        return true;
    }
    if (stage == PROOF && waiting(&to_peer) >= HANDSHAKE_PROOF_SIZE) {
        handshake_prove(&peer.shake, bytes);
        put(&to_wire, bytes, HANDSHAKE_PROOF_SIZE);
        (void)handshake_take_proof(&peer.shake, pull(&to_peer, HANDSHAKE_PROOF_SIZE));
        assert_int_equal(handshake_keys(&peer.shake, peer_out.key, peer_in.key), 0);
        stage = TALK;
        return true;
    }
    return false;
}

static void peer_listens(void)
{
    size_t size = waiting(&to_peer);
    memcpy(peer_in.bytes + peer_in.size, pull(&to_peer, size), size);
    peer_in.size += size;
    last_size = record_open(&peer_in, last, sizeof last);
}

/* --- the host --------------------------------------------------------------------------------- */

static struct {
    uint64_t dial;          /* what DOOR_DIAL answers */
    size_t most;            /* bytes that go at once */
    size_t refusals;        /* before a byte is taken, -EAGAIN so often */
    uint64_t send, receive; /* an answer instead, unless 0 */
    bool is_zero;           /* it is 0 */
    size_t parked, closed;
    bool is_cut;     /* nothing comes any more */
    bool has_signal; /* comes while the wire waits */
    size_t flip;     /* bit of what comes, from 1 on */
} host;

static uint64_t send_bytes(size_t size)
{
    if (host.send || host.is_zero)
        return host.send;
    if (host.refusals > 0) {
        host.refusals--;
        return (uint64_t)-EAGAIN;
    }
    size = size < host.most ? size : host.most;
    put(&to_peer, stage_buffer + sizeof(struct door_address), size);
    return size;
}

static uint64_t receive_bytes(size_t size)
{
    memset(stage_buffer, 0, sizeof(struct door_address));
    if (host.receive)
        return host.receive;
    size_t there = waiting(&to_wire);
    size = size < host.most ? size : host.most;
    size = size < there ? size : there;
    if (size == 0)
        return host.is_cut ? 0 : (uint64_t)-EAGAIN;
    size_t at = to_wire.taken;
    memcpy(stage_buffer + sizeof(struct door_address), pull(&to_wire, size), size);
    if (host.flip > 8 * at && host.flip <= 8 * (at + size))
        stage_buffer[sizeof(struct door_address) + (host.flip - 1) / 8 - at] ^=
            (uint8_t)(1U << (host.flip - 1) % 8);
    return size;
}

static uint64_t park(size_t count)
{
    struct door_ready item;
    if (count == 0) /* for the lock */
        return 0;
    assert_int_equal(count, 1);
    memcpy(&item, stage_buffer, sizeof item);
    assert_int_equal(item.handle, HANDLE);
    assert_true(item.events == POLLIN || item.events == POLLOUT);
    host.parked++;
    assert_true(host.parked < 5000);
    if (host.has_signal) {
        const struct signal_info info = {10, 0, {0, 0}};
        assert_int_equal(signal_send(thread_at(0), &info), 0);
        host.has_signal = false;
        return 0;
    }
    if (item.events == POLLIN && waiting(&to_wire) == 0 && !peer_acts())
        host.is_cut = true; /* or it would wait for ever */
    item.ready = item.events;
    memcpy(stage_buffer, &item, sizeof item);
    return 1;
}

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)c;
    if (number == DOOR_DIAL)
        return host.dial;
    if (number == DOOR_PARK)
        return park(b);
    if (number == DOOR_WAKE || number == DOOR_CLOCK)
        return 0;
    assert_int_equal(a, HANDLE);
    if (number == DOOR_SEND)
        return send_bytes(b);
    if (number == DOOR_RECEIVE)
        return receive_bytes(b);
    assert_int_equal(number, DOOR_CLOSE);
    host.closed++;
    return 0;
}

/* --- tests ------------------------------------------------------------------------------------ */

static struct wire wire;
static uint8_t message[RECORD_MESSAGE_MAX + 1];
static uint8_t got[RECORD_MESSAGE_MAX + 1];

static int start(void **state)
{
    (void)state;
    party_init(&own);
    party_init(&peer);
    peer.next = 50;
    to_peer.size = to_peer.taken = to_wire.size = to_wire.taken = 0;
    stage = HELLO;
    peer_role = HANDSHAKE_FIRST;
    peer_out.number = peer_in.number = 0;
    peer_in.size = 0;
    host.dial = HANDLE;
    host.most = SIZE_MAX;
    host.refusals = host.parked = host.closed = host.flip = 0;
    host.send = host.receive = 0;
    host.is_cut = host.has_signal = host.is_zero = false;
    memset(&wire, 0, sizeof wire);
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)(i * 3 + i / 256);
    memset(got, 0, sizeof got);
    return 0;
}

static void dial(void)
{
    assert_int_equal(wire_dial(&wire), 0);
    assert_true(wire.is_open);
    assert_int_equal(stage, TALK);
    while (waiting(&to_peer) > 0)
        fail_msg("%zu bytes too many", waiting(&to_peer));
    host.is_cut = false;
}

static void end_closed(void)
{
    static const uint8_t nothing[RECORD_KEY_SIZE];
    assert_false(wire.is_open);
    assert_int_equal(host.closed, 1);
    assert_memory_equal(wire.out.key, nothing, sizeof nothing);
    assert_memory_equal(wire.in.key, nothing, sizeof nothing);
    assert_int_equal(wire_send(&wire, message, 1), -EIO);
    assert_int_equal(wire_receive(&wire, got, sizeof got), -EIO);
}

static void messages_go_both_ways_whatever_pieces_the_host_makes(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 100, 4097, WIRE_MESSAGE_MAX};
    static const size_t pieces[] = {SIZE_MAX, 1000, 7};
    for (size_t piece = 0; piece < 3; piece++) {
        (void)start(NULL);
        host.most = pieces[piece];
        dial();
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            to_peer.size = to_peer.taken = to_wire.size = to_wire.taken = 0;
            host.refusals = i;
            assert_int_equal(wire_send(&wire, message, sizes[i]), 0);
            peer_listens();
            assert_int_equal(last_size, sizes[i]);
            assert_memory_equal(last, message, sizes[i]);
            peer_says(message, sizes[i]);
            assert_int_equal(wire_receive(&wire, got, sizeof got), sizes[i]);
            assert_memory_equal(got, message, sizes[i]);
        }
        wire_close(&wire);
        wire_close(&wire);
        end_closed();
    }
}

static void who_is_welcomed_is_a_child(void **state)
{
    (void)state;
    peer_role = HANDSHAKE_CHILD;
    assert_int_equal(wire_welcome(&wire, HANDLE), 0);
    assert_int_equal(wire_send(&wire, message, 9), 0);
    peer_listens();
    assert_int_equal(last_size, 9);
    (void)start(NULL);
    assert_int_equal(wire_welcome(&wire, HANDLE), -EIO); /* another first one */
    end_closed();
    (void)start(NULL);
    peer_role = HANDSHAKE_CHILD;
    assert_int_equal(wire_dial(&wire), -EIO);
    end_closed();
}

static void refuses_another_enclave(void **state)
{
    (void)state;
    uint8_t *const bytes[] = {&peer.secs.mrenclave[0], &peer.secs.config_id[0],
                              (uint8_t *)&peer.secs.attributes.flags, &peer.fuse[0]};
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        (void)start(NULL);
        *bytes[i] ^= SGX_DEBUG;
        assert_int_equal(wire_dial(&wire), -EACCES);
        end_closed();
    }
}

/* The hello's form, its nonce, the proof: refused by what they are. */
static void no_flip_of_a_handshake_opens_a_wire(void **state)
{
    (void)state;
    for (size_t bit = 1; bit <= 8 * BEFORE; bit++) {
        (void)start(NULL);
        host.flip = bit;
        int status = wire_dial(&wire);
        bool is_form = bit <= 8 * (HELLOS - HANDSHAKE_NONCE_SIZE);
        assert_int_equal(status, is_form ? -EIO : -EACCES);
        end_closed();
    }
}

static void a_handshake_that_is_cut_opens_none(void **state)
{
    (void)state;
    peer_role = HANDSHAKE_FIRST;
    dial();
    static uint8_t all[BEFORE];
    memcpy(all, to_wire.bytes, sizeof all);
    for (size_t size = 0; size < BEFORE; size++) {
        (void)start(NULL);
        stage = TALK; /* the peer says nothing more than: */
        put(&to_wire, all, size);
        assert_int_equal(wire_dial(&wire), -EIO);
        end_closed();
    }
    (void)start(NULL);
    stage = TALK;
    own.next = 99;
    put(&to_wire, all, BEFORE); /* of another wire */
    assert_int_equal(wire_dial(&wire), -EACCES);
    end_closed();
}

static void no_flip_of_a_record_is_received(void **state)
{
    (void)state;
    for (size_t bit = 1; bit <= 8 * (size_t)(RECORD_HEAD_SIZE + 20 + RECORD_TAG_SIZE); bit++) {
        (void)start(NULL);
        dial();
        peer_says(message, 20);
        host.flip = 8 * BEFORE + bit;
        assert_int_equal(wire_receive(&wire, got, sizeof got), -EIO);
        host.flip = 0;
        peer_says(message, 20);
        assert_int_equal(wire_receive(&wire, got, sizeof got), -EIO); /* and so it stays */
        assert_int_equal(wire_receive_now(&wire, got, sizeof got), -EIO);
        assert_int_equal(wire_send(&wire, message, 20), -EIO);
        wire_close(&wire);
        end_closed();
    }
}

static void refuses_records_in_another_order(void **state)
{
    (void)state;
    static uint8_t records[2][RECORD_HEAD_SIZE + 20 + RECORD_TAG_SIZE];
    static const size_t orders[][2] = {{1, 0}, {1, 1}};
    for (size_t i = 0; i < 3; i++) {
        (void)start(NULL);
        dial();
        for (size_t j = 0; j < 2; j++) {
            assert_int_equal(record_seal(&peer_out, message, 20), sizeof records[j]);
            memcpy(records[j], peer_out.bytes, sizeof records[j]);
        }
        if (i < 2) {
            put(&to_wire, records[orders[i][0]], sizeof records[0]);
            put(&to_wire, records[orders[i][1]], sizeof records[0]);
        } else { /* the first one twice */
            put(&to_wire, records[0], sizeof records[0]);
            put(&to_wire, records[0], sizeof records[0]);
            assert_int_equal(wire_receive(&wire, got, sizeof got), 20);
        }
        assert_int_equal(wire_receive(&wire, got, sizeof got), -EIO);
    }
}

static void refuses_what_it_sent_itself(void **state)
{
    (void)state;
    dial();
    assert_int_equal(wire_send(&wire, message, 20), 0);
    size_t size = waiting(&to_peer);
    put(&to_wire, pull(&to_peer, size), size);
    assert_int_equal(wire_receive(&wire, got, sizeof got), -EIO);
}

static void an_end_between_messages_is_one_and_in_the_middle_is_none(void **state)
{
    (void)state;
    dial();
    peer_says(message, 20);
    host.is_cut = true;
    assert_int_equal(wire_receive(&wire, got, sizeof got), 20);
    assert_int_equal(wire_receive(&wire, got, sizeof got), 0);
    assert_int_equal(wire_receive(&wire, got, sizeof got), 0);
    for (size_t cut = 1; cut < RECORD_HEAD_SIZE + 20 + RECORD_TAG_SIZE; cut++) {
        (void)start(NULL);
        dial();
        peer_says(message, 20);
        to_wire.size -= cut;
        host.is_cut = true;
        assert_int_equal(wire_receive(&wire, got, sizeof got), -EIO);
    }
}

static void a_reset_is_an_end(void **state)
{
    (void)state;
    dial();
    host.receive = (uint64_t)-ECONNRESET;
    assert_int_equal(wire_receive(&wire, got, sizeof got), 0);
    static const int errors[] = {EPIPE, ECONNRESET};
    for (size_t i = 0; i < 2; i++) {
        (void)start(NULL);
        dial();
        peer_says(message, 20);
        host.send = (uint64_t)-errors[i];
        assert_int_equal(wire_send(&wire, message, 20), -EPIPE);
        host.send = 0;
        assert_int_equal(wire_send(&wire, message, 20), -EPIPE); /* a part may have gone */
        host.is_cut = true;
        assert_int_equal(wire_receive(&wire, got, sizeof got), 20); /* was there before */
        assert_int_equal(wire_receive(&wire, got, sizeof got), 0);
    }
}

static void refuses_sizes_and_rooms_that_cannot_be(void **state)
{
    (void)state;
    dial();
    assert_int_equal(wire_send(&wire, message, 0), -EINVAL);
    assert_int_equal(wire_send(&wire, message, WIRE_MESSAGE_MAX + 1), -EINVAL);
    assert_int_equal(waiting(&to_peer), 0);
    peer_says(message, 20);
    assert_int_equal(wire_receive(&wire, got, 19), -EMSGSIZE);
    assert_int_equal(wire_receive(&wire, got, 20), -EIO);
}

static void a_signal_ends_a_wait_and_loses_nothing(void **state)
{
    (void)state;
    const struct signal_action action = {.handler = 0x1000};
    struct signal_info info;
    dial();
    if (thread_at(0)->state == THREAD_FREE)
        thread_at(0)->state = THREAD_RUNS;
    assert_int_equal(signal_set_action(10, &action, NULL), 0);
    peer_says(message, 50);
    size_t whole = to_wire.size;
    to_wire.size -= 30; /* the rest comes later */
    host.has_signal = true;
    assert_int_equal(wire_receive(&wire, got, sizeof got), -EINTR);
    assert_int_equal(wire_receive(&wire, got, sizeof got), -EINTR); /* it is there still */
    assert_int_equal(wire_receive_now(&wire, got, sizeof got), -EAGAIN);
    host.is_cut = false;
    to_wire.size = whole;
    assert_int_equal(wire_receive_patiently(&wire, got, sizeof got), 50);
    assert_memory_equal(got, message, 50);
    peer_says(message, 5);
    assert_int_equal(wire_receive(&wire, got, sizeof got), 5); /* it has not to wait */
    assert_int_equal(signal_take(thread_at(0), UINT64_MAX, &info), 10);
    peer_says(message, 6);
    assert_int_equal(wire_receive(&wire, got, sizeof got), 6);
}

static void a_patient_one_is_not_interrupted(void **state)
{
    (void)state;
    struct signal_info info;
    dial();
    host.has_signal = true;
    stage = TALK;
    assert_int_equal(wire_receive_patiently(&wire, got, sizeof got), 0); /* the end, when cut */
    assert_int_equal(signal_take(thread_at(0), UINT64_MAX, &info), 10);
}

static void refuses_a_host_that_answers_wrongly(void **state)
{
    (void)state;
    static const uint64_t wrong[] = {RECORD_MAX + 1,   UINT32_MAX,          INT64_MAX,
                                     1ULL << 63,       (uint64_t)-4096,     (uint64_t)-ENOSYS,
                                     (uint64_t)-EBADF, (uint64_t)INT64_MIN, (uint64_t)-4095};
    static const uint64_t handles[] = {0, 1, 2, UINT32_MAX, 1ULL << 32, (uint64_t)-ENOSYS};
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++) {
        (void)start(NULL);
        host.dial = handles[i];
        assert_int_equal(wire_dial(&wire), -EAGAIN);
        assert_false(wire.is_open);
        assert_int_equal(host.closed, 0);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        for (int is_receive = 0; is_receive < 2; is_receive++) {
            (void)start(NULL);
            *(is_receive ? &host.receive : &host.send) = wrong[i];
            assert_int_equal(wire_dial(&wire), -EIO);
            end_closed();
            (void)start(NULL);
            dial();
            *(is_receive ? &host.receive : &host.send) = wrong[i];
            assert_int_equal(
                is_receive ? wire_receive(&wire, got, sizeof got) : wire_send(&wire, message, 100),
                -EIO);
            assert_true(wire.is_broken);
        }
    }
    (void)start(NULL);
    dial();
    host.is_zero = true; /* takes none, and says so */
    assert_int_equal(wire_send(&wire, message, 100), -EIO);
}

static void says_when_the_processor_gives_nothing(void **state)
{
    (void)state;
    own.random_status = -EIO;
    assert_int_equal(wire_dial(&wire), -EIO);
    end_closed();
    (void)start(NULL);
    own.has_no_keys = true;
    assert_int_equal(wire_dial(&wire), -EIO);
    end_closed();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(messages_go_both_ways_whatever_pieces_the_host_makes, start),
        cmocka_unit_test_setup(who_is_welcomed_is_a_child, start),
        cmocka_unit_test_setup(refuses_another_enclave, start),
        cmocka_unit_test_setup(no_flip_of_a_handshake_opens_a_wire, start),
        cmocka_unit_test_setup(a_handshake_that_is_cut_opens_none, start),
        cmocka_unit_test_setup(no_flip_of_a_record_is_received, start),
        cmocka_unit_test_setup(refuses_records_in_another_order, start),
        cmocka_unit_test_setup(refuses_what_it_sent_itself, start),
        cmocka_unit_test_setup(an_end_between_messages_is_one_and_in_the_middle_is_none, start),
        cmocka_unit_test_setup(a_reset_is_an_end, start),
        cmocka_unit_test_setup(refuses_sizes_and_rooms_that_cannot_be, start),
        cmocka_unit_test_setup(a_signal_ends_a_wait_and_loses_nothing, start),
        cmocka_unit_test_setup(a_patient_one_is_not_interrupted, start),
        cmocka_unit_test_setup(refuses_a_host_that_answers_wrongly, start),
        cmocka_unit_test_setup(says_when_the_processor_gives_nothing, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
