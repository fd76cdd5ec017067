/* Who arrives at the first enclave gets a thread, or is sent away; who waits for one that never
 * comes is told. Services are run here, one after the other, until they wait. */
#include "../../../check.h"

#include <errno.h>
#include <string.h>

#include "../stage.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/wire/arrivals.h"
#include "party.h"

void program_save_vectors(void *area)
{
    (void)area;
}

void program_load_vectors(const void *area)
{
    (void)area;
}

/* Nobody is at the other end: no handshake comes to an end here. */
static struct party own;

static void own_report(void *arg, const struct sgx_targetinfo *target,
                       const uint8_t data[SGX_REPORT_DATA_SIZE], struct sgx_report *out)
{
    (void)arg;
    own.processor.report(&own, target, data, out);
}

static int own_random(void *arg, void *out, size_t size)
{
    (void)arg;
    return own.processor.random(&own, out, size);
}

const struct handshake_processor handshake_inside = {.report = own_report, .random = own_random};

static size_t served, missed;

void arrival_serve(struct wire *wire, const void *first, size_t size)
{
    (void)wire;
    (void)first;
    (void)size;
    served++;
}

void arrival_missed(void)
{
    missed++;
}

void arrival_failed(void)
{
    arrival_missed();
}

static struct {
    uint64_t child;       /* what DOOR_CHILD answers */
    uint64_t arrivals[4]; /* what DOOR_ARRIVE answers, then -EAGAIN */
    size_t arrived, asked, closed;
    uint64_t spawned; /* bits */
    bool has_no_threads;
} host;

static jmp_buf waits;

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)b;
    (void)c;
    switch (number) {
    case DOOR_CHILD:
        host.asked++;
        return host.child;
    case DOOR_ARRIVE:
        return host.arrived < 4 ? host.arrivals[host.arrived++] : (uint64_t)-EAGAIN;
    case DOOR_SPAWN:
        if (host.has_no_threads)
            return (uint64_t)-EAGAIN;
        host.spawned |= UINT64_C(1) << a;
        return 0;
    case DOOR_CLOSE:
        host.closed++;
        return 0;
    case DOOR_PARK:
        longjmp(waits, 1);
    case DOOR_SEND:
        return b;
    default:
        return 0; /* the end of what is received */
    }
}

static int start(void **state)
{
    (void)state;
    party_init(&own);
    memset(&host, 0, sizeof host);
    for (size_t i = 0; i < 4; i++)
        host.arrivals[i] = (uint64_t)-EAGAIN;
    served = missed = 0;
    return 0;
}

/* Until it waits, or returns. */
static void run(size_t index)
{
    struct thread *thread = thread_at(index);
    assert_non_null(thread->service);
    if (setjmp(waits) == 0)
        thread->service(thread->service_argument);
}

static int ask(void)
{
    lock_take();
    int status = arrivals_ask();
    lock_release();
    return status;
}

/* The first test: nobody welcomes yet. */
static void no_child_is_asked_for_where_nobody_would_welcome_it(void **state)
{
    (void)state;
    host.has_no_threads = true;
    assert_int_equal(ask(), -EAGAIN);
    assert_int_equal(host.asked, 0);
}

static void one_welcomes_them_all(void **state)
{
    (void)state;
    assert_int_equal(ask(), 0);
    assert_int_equal(host.spawned, 2);
    host.child = (uint64_t)-ENOSYS;
    assert_int_equal(ask(), -EAGAIN);
    host.child = 1;
    assert_int_equal(ask(), -EAGAIN);
    assert_int_equal(host.spawned, 2);
    assert_int_equal(host.asked, 3);
}

/* What is no enclave of this container is told of, and closed. */
static void each_gets_a_thread_and_strangers_are_sent_away(void **state)
{
    (void)state;
    host.arrivals[0] = 7;
    host.arrivals[1] = (uint64_t)-ECHILD;
    host.arrivals[2] = 9;
    run(1);
    assert_int_equal(host.spawned, 12);
    assert_int_equal(missed, 1);
    run(2);
    run(3);
    assert_int_equal(served, 0);
    assert_int_equal(missed, 3);
    assert_int_equal(host.closed, 2);
}

static void who_finds_no_thread_is_sent_away(void **state)
{
    (void)state;
    host.arrivals[0] = 7;
    host.has_no_threads = true;
    run(1);
    assert_int_equal(host.spawned, 0);
    assert_int_equal(host.closed, 1);
    assert_int_equal(missed, 1);
}

static void a_handle_that_cannot_be_is_none(void **state)
{
    (void)state;
    static const uint64_t wrong[] = {0, 2, UINT32_MAX, 1ULL << 40};
    memcpy(host.arrivals, wrong, sizeof wrong);
    for (size_t i = 0; i < 4; i++)
        run(1);
    assert_int_equal(host.spawned | host.closed | missed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_child_is_asked_for_where_nobody_would_welcome_it, start),
        cmocka_unit_test_setup(one_welcomes_them_all, start),
        cmocka_unit_test_setup(each_gets_a_thread_and_strangers_are_sent_away, start),
        cmocka_unit_test_setup(who_finds_no_thread_is_sent_away, start),
        cmocka_unit_test_setup(a_handle_that_cannot_be_is_none, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
