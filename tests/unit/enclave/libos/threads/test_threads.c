/* The lock, waiting and futexes by real threads, at a host that is honest, wakes at will, or wakes
 * nobody. */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "../../../check.h"
#include "enclave/inside/enclave.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/threads/finish.h"
#include "enclave/libos/threads/futex.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/wait.h"

#define MANY   8
#define SHARES DOOR_WAKE_BITS /* index whose bit is that of 0 */
_Static_assert(SHARES + MANY <= THREADS_MAX, "there are so many");
#define ROUNDS 3000
#define SECOND UINT64_C(1000000000)

/* --- the host --------------------------------------------------------------------------------- */

enum host { HONEST, RESTLESS, DEAF }; /* RESTLESS ends every stay at once; DEAF wakes nobody */

static uint64_t spawned; /* the index of the last thread that was asked for */
static bool spawns = true;

static _Atomic enum host kind;
static pthread_mutex_t host_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t host_changed = PTHREAD_COND_INITIALIZER;
#define GATE THREADS_MAX

static bool tokens[THREADS_MAX + 1]; /* the last one is the gate's */
static atomic_size_t gate_calls;
static atomic_size_t parked;  /* threads that are outside */
static atomic_ullong skipped; /* nanoseconds by which the clock was put forward */
static _Thread_local size_t mine;

static uint64_t host_clock(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec + atomic_load(&skipped);
}

/* Returns now and then anyway, so that no test hangs on a clock. */
static uint64_t park(uint64_t deadline)
{
    (void)pthread_mutex_lock(&host_lock);
    atomic_fetch_add(&parked, 1);
    while (!tokens[mine] && atomic_load(&kind) != RESTLESS && host_clock() < deadline) {
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&host_changed, &host_lock, &until);
    }
    tokens[mine] = false;
    atomic_fetch_sub(&parked, 1);
    (void)pthread_mutex_unlock(&host_lock);
    return 0;
}

static void host_wakes(uint64_t bits)
{
    (void)pthread_mutex_lock(&host_lock);
    for (size_t i = 0; i < THREADS_MAX; i++)
        tokens[i] = tokens[i] || (bits >> i % DOOR_WAKE_BITS & 1);
    (void)pthread_cond_broadcast(&host_changed);
    (void)pthread_mutex_unlock(&host_lock);
}

static void host_wakes_gate(void)
{
    (void)pthread_mutex_lock(&host_lock);
    atomic_fetch_add(&gate_calls, 1);
    tokens[GATE] = atomic_load(&kind) != DEAF;
    (void)pthread_cond_broadcast(&host_changed);
    (void)pthread_mutex_unlock(&host_lock);
}

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)b;
    if (number == DOOR_CLOCK)
        return host_clock();
    if (number == DOOR_PARK)
        return park(a);
    if (number == DOOR_WAKE && c == 1)
        host_wakes_gate();
    if (number == DOOR_WAKE && atomic_load(&kind) != DEAF)
        host_wakes(a);
    if (number == DOOR_SPAWN) {
        spawned = a;
        return spawns ? 0 : (uint64_t)-ENOMEM;
    }
    return 0;
}

/* So that no answer is good for long, and the host is asked each time. */
uint64_t clock_ticks(void)
{
    static atomic_ullong ticks;
    return atomic_fetch_add(&ticks, UINT64_C(1) << 40);
}

struct thread *thread_self(void)
{
    return thread_at(mine);
}

static atomic_size_t given_up;

void lock_given_up(void)
{
    atomic_fetch_add(&given_up, 1);
    pthread_exit(NULL);
}

static int start(void **state)
{
    (void)state;
    atomic_store(&kind, HONEST);
    host_wakes(0);
    if (thread_at(0)->state == THREAD_FREE)
        (void)thread_first(process_first(), PROCESS_FIRST);
    while (thread_count() < MANY)
        (void)thread_new(process_first(), 0);
    return 0;
}

static void wait_until_parked(size_t count)
{
    const struct timespec little = {0, 100000};
    while (atomic_load(&parked) < count)
        (void)nanosleep(&little, NULL);
}

struct worker {
    size_t index;
    int result;
    pthread_t id;
    void (*work)(struct worker *worker);
};

static void *run(void *argument)
{
    struct worker *worker = argument;
    mine = worker->index;
    worker->work(worker);
    return NULL;
}

static void begin(struct worker *worker, size_t index, void (*work)(struct worker *worker))
{
    *worker = (struct worker){.index = index, .work = work, .result = -1000};
    assert_int_equal(pthread_create(&worker->id, NULL, run, worker), 0);
}

static void end(struct worker *worker)
{
    assert_int_equal(pthread_join(worker->id, NULL), 0);
}

/* --- the lock --------------------------------------------------------------------------------- */

static size_t counted; /* by the lock */

static void count(struct worker *worker)
{
    (void)worker;
    for (int i = 0; i < ROUNDS; i++) {
        lock_take();
        size_t before = counted;
        if (i % 64 == 0)
            (void)sched_yield();
        counted = before + 1;
        lock_release();
    }
}

static void count_as_gate(struct worker *worker)
{
    (void)worker;
    for (int i = 0; i < ROUNDS; i++) {
        assert_true(lock_take_by_gate());
        counted++;
        lock_release();
    }
}

static void count_by(const size_t indices[MANY])
{
    for (enum host host = HONEST; host <= RESTLESS; host++) {
        struct worker workers[MANY];
        struct worker gate;
        atomic_store(&kind, host);
        counted = 0;
        begin(&gate, GATE, count_as_gate);
        for (size_t i = 0; i < MANY; i++)
            begin(&workers[i], indices[i], count);
        for (size_t i = 0; i < MANY; i++)
            end(&workers[i]);
        end(&gate);
        assert_int_equal(counted, (MANY + 1) * ROUNDS);
    }
}

static void one_at_a_time_has_the_lock(void **state)
{
    (void)state;
    count_by((const size_t[MANY]){0, 1, 2, 3, 4, 5, 6, 7});
}

/* Whom the lock is let go for may be the other one, who does not want it any more. */
static void likewise_of_those_that_share_a_bit(void **state)
{
    (void)state;
    count_by((const size_t[MANY]){0, 1, 2, 3, SHARES, SHARES + 1, SHARES + 2, SHARES + 3});
}

static void take_by_gate_once(struct worker *worker)
{
    worker->result = lock_take_by_gate() ? (int)counted : -1;
    if (worker->result >= 0)
        lock_release();
}

/* By a host that wakes nobody, too, for it does not stay outside for ever. */
static void the_gate_waits_for_the_lock(void **state)
{
    (void)state;
    for (enum host host = HONEST; host <= DEAF; host++) {
        struct worker gate;
        atomic_store(&kind, host);
        lock_take();
        counted = 1;
        begin(&gate, GATE, take_by_gate_once);
        if (host != RESTLESS)
            wait_until_parked(1);
        assert_int_equal(gate.result, -1000);
        counted = 2;
        lock_release();
        end(&gate);
        assert_int_equal(gate.result, 2);
    }
}

static void the_gate_is_called_once_and_when_the_lock_is_let_go(void **state)
{
    (void)state;
    size_t before = atomic_load(&gate_calls);
    lock_take();
    lock_wake_gate_later();
    lock_wake_gate_later();
    assert_int_equal(atomic_load(&gate_calls), before);
    lock_release();
    assert_int_equal(atomic_load(&gate_calls), before + 1);
    lock_take();
    lock_release();
    assert_int_equal(atomic_load(&gate_calls), before + 1);
}

static void take_once(struct worker *worker)
{
    lock_take();
    worker->result = (int)counted;
    lock_release();
}

/* A host that wakes nobody holds threads up, and no more: none gets in meanwhile. */
static void nobody_gets_in_by_being_woken_wrongly(void **state)
{
    (void)state;
    struct worker worker;
    atomic_store(&kind, DEAF);
    lock_take();
    counted = 1;
    begin(&worker, 1, take_once);
    wait_until_parked(1);
    host_wakes(2); /* of its own accord */
    wait_until_parked(1);
    counted = 2;
    lock_release(); /* nobody is woken */
    wait_until_parked(1);
    assert_int_equal(worker.result, -1000);
    host_wakes(2);
    end(&worker);
    assert_int_equal(worker.result, 2);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static struct wait_queue queue;

static void wait_in_queue(struct worker *worker)
{
    lock_take();
    worker->result = wait_on(&queue, DOOR_FOREVER, NULL, 0);
    lock_release();
}

static void who_waits_goes_on_when_woken_and_not_before(void **state)
{
    (void)state;
    struct worker workers[2];
    begin(&workers[0], 1, wait_in_queue);
    wait_until_parked(1);
    begin(&workers[1], 2, wait_in_queue);
    wait_until_parked(2);
    host_wakes(UINT64_MAX); /* spurious */
    wait_until_parked(2);
    lock_take();
    assert_int_equal(workers[0].result, -1000);
    assert_ptr_equal(queue.first, thread_at(1)); /* the first to come */
    wait_wake_thread(queue.first);
    lock_release();
    end(&workers[0]);
    assert_int_equal(workers[0].result, 0);
    lock_take();
    assert_int_equal(workers[1].result, -1000);
    wait_wake_all(&queue);
    assert_null(queue.first);
    lock_release();
    end(&workers[1]);
    assert_int_equal(workers[1].result, 0);
}

/* Both are woken, and only one goes on. */
static void who_shares_the_bit_of_one_that_is_woken_goes_on_waiting(void **state)
{
    (void)state;
    struct worker workers[2];
    begin(&workers[0], SHARES + 1, wait_in_queue);
    wait_until_parked(1);
    begin(&workers[1], 1, wait_in_queue);
    wait_until_parked(2);
    lock_take();
    wait_wake_thread(thread_at(SHARES + 1));
    lock_release();
    end(&workers[0]);
    assert_int_equal(workers[0].result, 0);
    wait_until_parked(1);
    lock_take();
    assert_int_equal(workers[1].result, -1000);
    assert_ptr_equal(queue.first, thread_at(1));
    wait_wake_all(&queue);
    lock_release();
    end(&workers[1]);
    assert_int_equal(workers[1].result, 0);
}

static void a_deadline_ends_a_wait_at_any_host(void **state)
{
    (void)state;
    for (enum host host = HONEST; host <= DEAF; host++) {
        atomic_store(&kind, host);
        lock_take();
        uint64_t deadline = wait_deadline(3000000);
        assert_int_equal(wait_on(&queue, deadline, NULL, 0), -ETIMEDOUT);
        assert_true(clock_now(DOOR_CLOCK_MONOTONIC) >= deadline);
        assert_null(queue.first);
        lock_release();
    }
    assert_int_equal(wait_deadline(DOOR_FOREVER), DOOR_FOREVER);
    assert_int_equal(wait_deadline(DOOR_FOREVER - 1), DOOR_FOREVER);
}

/* --- futexes ---------------------------------------------------------------------------------- */

static uint32_t words[2];
#define FIRST       ((uintptr_t)&words[0])
#define SECOND_WORD ((uintptr_t)&words[1])

static void wait_for_first(struct worker *worker)
{
    lock_take();
    worker->result = futex_wait(FIRST, 5, worker->index == 3 ? 4 : FUTEX_ALL, DOOR_FOREVER);
    lock_release();
}

static void start_waiters(struct worker *workers, size_t count)
{
    words[0] = 5;
    for (size_t i = 0; i < count; i++) {
        begin(&workers[i], i + 1, wait_for_first);
        wait_until_parked(i + 1);
    }
}

static void refuses_a_word_of_another_value_and_no_bits(void **state)
{
    (void)state;
    words[0] = 5;
    lock_take();
    assert_int_equal(futex_wait(FIRST, 6, FUTEX_ALL, DOOR_FOREVER), -EAGAIN);
    assert_int_equal(futex_wait(FIRST, 5, 0, DOOR_FOREVER), -EINVAL);
    assert_int_equal(futex_wake(FIRST, 1, 0), -EINVAL);
    assert_int_equal(futex_wake(FIRST, 1, FUTEX_ALL), 0);
    assert_int_equal(futex_wait(FIRST, 5, FUTEX_ALL, wait_deadline(1000000)), -ETIMEDOUT);
    assert_int_equal(futex_wake(FIRST, 1, FUTEX_ALL), 0); /* it waits no more */
    lock_release();
}

static void wakes_as_many_as_were_asked_for_by_their_bits(void **state)
{
    (void)state;
    struct worker workers[4];
    start_waiters(workers, 4);
    lock_take();
    assert_int_equal(futex_wake(SECOND_WORD, 9, FUTEX_ALL), 0);
    assert_int_equal(futex_wake(FIRST, 9, 3), 3); /* all but the third, which waits for bit 2 */
    assert_int_equal(futex_wake(FIRST, 9, 8), 0);
    assert_int_equal(futex_wake(FIRST, 9, 4), 1);
    lock_release();
    for (size_t i = 0; i < 4; i++) {
        end(&workers[i]);
        assert_int_equal(workers[i].result, 0);
    }
}

static void moves_those_that_wait_to_another_word(void **state)
{
    (void)state;
    struct worker workers[4];
    start_waiters(workers, 4);
    lock_take();
    assert_int_equal(futex_requeue(FIRST, SECOND_WORD, 1, 2), 3);
    assert_int_equal(futex_wake(FIRST, 9, FUTEX_ALL), 1);
    assert_int_equal(futex_wake(SECOND_WORD, 9, FUTEX_ALL), 2);
    lock_release();
    for (size_t i = 0; i < 4; i++)
        end(&workers[i]);
}

#define OPERATION(kind, argument, compare, value)                                                  \
    ((uint32_t)(kind) << 28 | (uint32_t)(compare) << 24 | ((uint32_t)(argument)&0xFFF) << 12 |     \
     ((uint32_t)(value)&0xFFF))

static void changes_a_word_and_wakes(void **state)
{
    (void)state;
    const struct {
        uint32_t operation, before, after;
        int result;
    } cases[] = {
        {OPERATION(FUTEX_OP_SET, 7, FUTEX_OP_CMP_EQ, 1), 1, 7, 2},
        {OPERATION(FUTEX_OP_ADD, -3, FUTEX_OP_CMP_LT, 0), 1, (uint32_t)-2, 1},
        {OPERATION(FUTEX_OP_OR, 6, FUTEX_OP_CMP_NE, 1), 1, 7, 1},
        {OPERATION(FUTEX_OP_ANDN, 5, FUTEX_OP_CMP_GE, -4), 7, 2, 2},
        {OPERATION(FUTEX_OP_XOR | FUTEX_OP_OPARG_SHIFT, 3, FUTEX_OP_CMP_GT, 0), 1, 9, 2},
        {OPERATION(FUTEX_OP_SET, 7, FUTEX_OP_CMP_LE, 0), (uint32_t)-1, 7, 2},
        {OPERATION(5, 7, FUTEX_OP_CMP_EQ, 1), 1, 1, -ENOSYS},
        {OPERATION(FUTEX_OP_SET, 1, 6, 1), 1, 1, -ENOSYS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct worker workers[2];
        start_waiters(workers, 2);
        lock_take();
        (void)futex_requeue(FIRST, SECOND_WORD, 0, 1); /* one at each */
        words[1] = cases[i].before;
        assert_int_equal(futex_wake_op(FIRST, SECOND_WORD, 1, 1, cases[i].operation),
                         cases[i].result);
        assert_int_equal(words[1], cases[i].after);
        (void)futex_wake(FIRST, 9, FUTEX_ALL);
        (void)futex_wake(SECOND_WORD, 9, FUTEX_ALL);
        lock_release();
        end(&workers[0]);
        end(&workers[1]);
    }
}

static void a_lock_whose_owner_ended_says_so(void **state)
{
    (void)state;
    words[0] = 77;
    futex_owner_died(FIRST, 78); /* another's */
    assert_int_equal(words[0], 77);
    futex_owner_died(FIRST, 77);
    assert_int_equal(words[0], FUTEX_OWNER_DIED);
    words[0] = 77 | FUTEX_WAITERS;
    futex_owner_died(FIRST, 77);
    assert_int_equal(words[0], FUTEX_OWNER_DIED | FUTEX_WAITERS);
}

/* --- threads ---------------------------------------------------------------------------------- */

static void has_as_many_threads_as_places(void **state)
{
    (void)state;
    size_t before = thread_count();
    struct thread *last = NULL;
    struct thread *next;
    while ((next = thread_new(process_first(), 0)))
        last = next;
    assert_int_equal(thread_count(), THREADS_MAX);
    assert_int_equal(thread_taken(), THREADS_MAX);
    assert_int_equal(thread_bits(NULL), UINT64_MAX);
    assert_int_equal(thread_bits(thread_at(0)), UINT64_MAX); /* another one has its bit */
    assert_int_equal(thread_bits(thread_at(SHARES - 1)), UINT64_MAX >> 1); /* and none this one's */
    assert_ptr_equal(thread_find(last->number), last);
    int number = last->number;
    thread_free(last);
    assert_null(thread_find(number));
    assert_true(thread_new(process_first(), 0)->number != number); /* not at once again */
    for (size_t i = before; i < THREADS_MAX; i++)
        thread_free(thread_at(i));
}

static void serve_nothing(void *argument)
{
    (void)argument;
}

static void services_are_none_of_the_programs_threads(void **state)
{
    (void)state;
    static int argument;
    size_t before = thread_count();
    uint64_t bits = thread_bits(NULL);
    assert_int_equal(thread_start_service(serve_nothing, &argument), 0);
    struct thread *service = thread_at(spawned);
    assert_int_equal(service->state, THREAD_ASKED);
    assert_ptr_equal(service->service, serve_nothing);
    assert_ptr_equal(service->service_argument, &argument);
    assert_int_equal(thread_count(), before);
    assert_int_equal(thread_bits(NULL), bits | UINT64_C(1) << spawned); /* it is woken at the end */
    assert_null(thread_find(0));
    assert_false(signal_interrupts(service));
    thread_free(service);
    assert_int_equal(thread_bits(NULL), bits);
    assert_int_equal(thread_taken(), before);
}

static void a_service_has_a_place_that_is_free_and_not_the_first(void **state)
{
    (void)state;
    size_t count = 0;
    uint64_t bits = thread_bits(NULL);
    thread_free(thread_at(0));
    spawns = false;
    assert_int_equal(thread_start_service(serve_nothing, NULL), -EAGAIN);
    assert_int_equal(thread_bits(NULL), bits & ~UINT64_C(1));
    spawns = true;
    while (thread_start_service(serve_nothing, NULL) == 0) {
        assert_int_not_equal(spawned, 0);
        count++;
    }
    assert_int_equal(count, THREADS_MAX - MANY);
    for (size_t i = MANY; i < THREADS_MAX; i++)
        thread_free(thread_at(i));
    assert_ptr_equal(thread_first(process_first(), PROCESS_FIRST), thread_at(0));
}

static void a_thread_has_not_the_place_of_the_first_one_that_ended(void **state)
{
    (void)state;
    thread_free(thread_at(0));
    struct thread *next = thread_new(process_first(), 0);
    assert_ptr_equal(next, thread_at(MANY));
    thread_free(next);
}

static void who_is_interrupted_finds_that_out_at_a_deaf_host_too(void **state)
{
    (void)state;
    atomic_store(&kind, DEAF);
    lock_take();
    lock_wake_later(0, UINT64_C(1) << 1);
    assert_false(lock_is_kicked());
    lock_release();
    assert_false(lock_is_kicked());
    mine = 1;
    assert_true(lock_is_kicked());
    lock_take();
    lock_take_kick();
    lock_release();
    assert_false(lock_is_kicked());
    mine = SHARES + 1; /* who shares the bit looks too, and each for itself */
    assert_true(lock_is_kicked());
    lock_take();
    lock_take_kick();
    lock_release();
    assert_false(lock_is_kicked());
    mine = SHARES + 2;
    assert_false(lock_is_kicked());
    mine = 0;
}

/* The last test: nobody gets the lock afterwards. */
static void whoever_waits_for_the_lock_ends_with_the_program(void **state)
{
    (void)state;
    struct worker workers[3];
    lock_take();
    for (size_t i = 0; i < 3; i++)
        begin(&workers[i], i + 1, take_once);
    wait_until_parked(3);
    lock_end();
    host_wakes(UINT64_MAX);
    for (size_t i = 0; i < 3; i++) {
        end(&workers[i]);
        assert_int_equal(workers[i].result, -1000);
    }
    assert_int_equal(atomic_load(&given_up), 3);
    assert_false(lock_take_by_gate()); /* whoever has it may have been lost */
    lock_release();
    assert_true(lock_take_by_gate()); /* for what was left */
    lock_release();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_at_a_time_has_the_lock, start),
        cmocka_unit_test_setup(likewise_of_those_that_share_a_bit, start),
        cmocka_unit_test_setup(the_gate_waits_for_the_lock, start),
        cmocka_unit_test_setup(the_gate_is_called_once_and_when_the_lock_is_let_go, start),
        cmocka_unit_test_setup(nobody_gets_in_by_being_woken_wrongly, start),
        cmocka_unit_test_setup(who_waits_goes_on_when_woken_and_not_before, start),
        cmocka_unit_test_setup(who_shares_the_bit_of_one_that_is_woken_goes_on_waiting, start),
        cmocka_unit_test_setup(a_deadline_ends_a_wait_at_any_host, start),
        cmocka_unit_test_setup(refuses_a_word_of_another_value_and_no_bits, start),
        cmocka_unit_test_setup(wakes_as_many_as_were_asked_for_by_their_bits, start),
        cmocka_unit_test_setup(moves_those_that_wait_to_another_word, start),
        cmocka_unit_test_setup(changes_a_word_and_wakes, start),
        cmocka_unit_test_setup(a_lock_whose_owner_ended_says_so, start),
        cmocka_unit_test_setup(has_as_many_threads_as_places, start),
        cmocka_unit_test_setup(services_are_none_of_the_programs_threads, start),
        cmocka_unit_test_setup(a_service_has_a_place_that_is_free_and_not_the_first, start),
        cmocka_unit_test_setup(a_thread_has_not_the_place_of_the_first_one_that_ended, start),
        cmocka_unit_test_setup(who_is_interrupted_finds_that_out_at_a_deaf_host_too, start),
        cmocka_unit_test_setup(whoever_waits_for_the_lock_ends_with_the_program, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
