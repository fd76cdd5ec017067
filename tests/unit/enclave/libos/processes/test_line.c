/* What connects a process with its enclave, from the first enclave's side: the other one is played,
 * by a wire that is none. The host ends every stay at once. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "../../../check.h"
#include "../stage.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/door/door_children.h"
#include "enclave/libos/processes/line.h"
#include "enclave/libos/processes/order.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/wire/arrivals.h"

#define SENT_MAX 256

static _Thread_local size_t mine;

struct thread *thread_self(void)
{
    return thread_at(mine);
}

/* --- the other enclave ------------------------------------------------------------------------ */

/* All of it under the lock, or before there is a thread. */
static struct {
    bool comes;                  /* when it is asked for; else the host has none */
    bool fails;                  /* as for the host */
    unsigned asked, asked_again; /* of the host */
    struct wire wire;
    pthread_t thread;
    bool is_there;
    size_t sent; /* messages, whose sizes and ends are kept */
    size_t sizes[SENT_MAX];
    struct order_signal signals[SENT_MAX];
    bool takes_none;
    _Atomic int64_t said; /* what wire_receive_now() gives; -EAGAIN for nothing */
    uint64_t result;
} other;

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)a, (void)c;
    if (number == DOOR_PARK)
        (void)sched_yield();
    return number == DOOR_PARK && b > 0 && atomic_load(&other.said) != -EAGAIN;
}

static void *serve(void *argument)
{
    mine = 1;
    line_serve(argument);
    lock_take();
    thread_free(thread_at(1));
    lock_release();
    return NULL;
}

int arrivals_ask(void)
{
    if (mine == 1) /* for a spare: here is none */
        return -EAGAIN;
    other.asked++;
    if (!other.comes)
        return other.fails ? -EAGAIN : 0;
    thread_at(1)->state = THREAD_RUNS;
    thread_at(1)->service = (void (*)(void *))abort;
    other.is_there = true;
    assert_int_equal(pthread_create(&other.thread, NULL, serve, &other.wire), 0);
    return 0;
}

int door_child(void)
{
    other.asked_again++;
    return other.fails ? -EAGAIN : 0;
}

int wire_send(struct wire *wire, const void *bytes, size_t size)
{
    int status = -EPIPE;
    assert_ptr_equal(wire, &other.wire);
    assert_true(size > 0 && size <= WIRE_MESSAGE_MAX);
    lock_take(); /* nobody has it who sends */
    if (!other.takes_none && other.sent < SENT_MAX) {
        if (size == sizeof *other.signals)
            memcpy(&other.signals[other.sent], bytes, size);
        other.sizes[other.sent++] = size;
        status = 0;
    }
    lock_release();
    return status;
}

int64_t wire_receive_now(struct wire *wire, void *out, size_t room)
{
    assert_ptr_equal(wire, &other.wire);
    const struct order_result message = {other.result};
    if (other.said == sizeof message) {
        assert_true(room >= sizeof message);
        memcpy(out, &message, sizeof message);
    }
    return other.said;
}

/* --- the stage -------------------------------------------------------------------------------- */

static struct tree *root;

static void now(void *arg, struct file_time *out)
{
    (void)arg;
    *out = (struct file_time){.sec = 1};
}

static int fill(void *arg, void *out, size_t size)
{
    (void)arg;
    memset(out, 7, size);
    return 0;
}

static int start(void **state)
{
    struct tree_options options = {.limit = 1 << 20, .mode = 0755, .clock = {now, NULL}};
    struct process *child;
    memset(&other, 0, sizeof other);
    other.comes = true;
    atomic_store(&other.said, -EAGAIN);
    assert_int_equal(tree_new(&options, &root), 0);
    process_begin();
    vfs_init(&process_first()->vfs, root, options.clock);
    process_first()->vfs.random = (struct file_random){fill, NULL};
    process_identify(process_first());
    thread_at(0)->process = process_first();
    thread_at(0)->state = THREAD_RUNS;
    thread_at(0)->signals.mask = UINT64_MAX;
    lock_take();
    assert_int_equal(process_new(process_first(), SIGCHLD, &child), 0);
    child->post = line_post;
    *state = child;
    return 0;
}

/* With the lock; lets it go until the other thread has ended. */
static void await_other(void)
{
    lock_release();
    if (other.is_there)
        assert_int_equal(pthread_join(other.thread, NULL), 0);
    other.is_there = false;
    lock_take();
}

static int end(void **state)
{
    (void)state;
    for (size_t i = 1; i < PROCESSES_MAX; i++) {
        struct process *one = process_at(i);
        if (one->state == PROCESS_ALIVE)
            process_cancel(one);
        process_forget(one);
    }
    for (size_t i = 1; i < THREADS_MAX; i++)
        *thread_at(i) = (struct thread){.state = THREAD_FREE};
    vfs_fini(&process_first()->vfs);
    tree_free(root);
    lock_release();
    return 0;
}

static struct line *open_line(struct process *process)
{
    struct line *line = NULL;
    assert_int_equal(line_open(process, &line), 0);
    assert_non_null(line);
    assert_ptr_equal(line_in_making(process), line);
    return line;
}

static void send_signal(struct process *process, int number, int expected)
{
    const struct signal_info info = {number, SI_USER, {3, (uint64_t)number}};
    assert_int_equal(process_signal(process, &info), expected);
}

static void ends_with(struct process *process, int64_t said, uint64_t result, uint32_t status)
{
    other.result = result;
    other.said = said;
    await_other();
    assert_int_equal(process->state, PROCESS_ENDED);
    assert_int_equal(process->status, status);
    assert_null(process->line);
}

/* --- opening ---------------------------------------------------------------------------------- */

static void an_order_of_any_size_goes_in_messages(void **state)
{
    static const uint8_t bytes[2 * WIRE_MESSAGE_MAX + 1];
    struct line *line = open_line(*state);
    assert_int_equal(line_send(line, bytes, sizeof bytes), 0);
    assert_int_equal(other.sent, 3);
    assert_int_equal(other.sizes[0], WIRE_MESSAGE_MAX);
    assert_int_equal(other.sizes[2], 1);
    line_start(line);
    assert_null(line_in_making(*state));
    ends_with(*state, sizeof(struct order_result), 3, 3 << 8);
}

static void refuses_when_the_host_has_none(void **state)
{
    struct line *line = NULL;
    other.comes = false;
    other.fails = true;
    assert_int_equal(line_open(*state, &line), -EAGAIN);
    assert_null(line);
    arrival_failed(); /* nobody waits for one */
    assert_int_equal(other.asked_again, 0);
}

static void *miss(void *argument)
{
    unsigned times = *(const unsigned *)argument;
    mine = 2;
    while (times-- > 0) {
        lock_take();
        arrival_failed();
        lock_release();
    }
    return NULL;
}

static void one_that_fails_is_asked_for_a_few_times(void **state)
{
    static const unsigned times = 4;
    struct line *line = NULL;
    pthread_t thread;
    other.comes = false;
    assert_int_equal(pthread_create(&thread, NULL, miss, (void *)(uintptr_t)&times), 0);
    assert_int_equal(line_open(*state, &line), -EAGAIN);
    lock_release();
    assert_int_equal(pthread_join(thread, NULL), 0);
    lock_take();
    assert_int_equal(other.asked_again, 3);
    assert_null(((struct process *)*state)->line);
}

static void refuses_what_the_pool_has_no_room_for(void **state)
{
    struct line *line = NULL;
    for (size_t i = 3; i < THREADS_MAX; i++)
        thread_at(i)->state = THREAD_RUNS;
    thread_at(2)->state = THREAD_RUNS; /* one is left */
    assert_int_equal(line_open(*state, &line), -EAGAIN);
    assert_int_equal(other.asked, 0);
    thread_free(thread_at(2));
    line_give_up(open_line(*state));
    await_other();
}

/* A process that has not come to the thread that makes its calls is to find one. */
static void leaves_others_the_threads_that_they_will_want(void **state)
{
    struct process *second;
    struct line *line = NULL, *first = open_line(*state);
    assert_int_equal(process_new(process_first(), SIGCHLD, &second), 0);
    for (size_t i = 4; i < THREADS_MAX; i++)
        thread_at(i)->state = THREAD_RUNS; /* 2 and 3 are left */
    assert_int_equal(line_open(second, &line), -EAGAIN);
    thread_at(4)->mirrors = ((struct process *)*state)->number;
    other.comes = false;
    other.fails = true; /* there is room: the host is asked */
    assert_int_equal(line_open(second, &line), -EAGAIN);
    assert_int_equal(other.asked, 2);
    line_give_up(first);
    await_other();
}

static void nothing_comes_of_one_that_is_given_up(void **state)
{
    struct process *process = *state;
    line_give_up(open_line(process));
    assert_null(process->line);
    await_other();
    assert_int_equal(process->state, PROCESS_ALIVE);
    assert_int_equal(other.sent, 0);
}

static void sending_to_one_that_has_gone_is_told(void **state)
{
    struct line *line = open_line(*state);
    other.takes_none = true;
    assert_int_equal(line_send(line, "order", 5), -EAGAIN);
    line_give_up(line);
    await_other();
}

/* --- signals and ends ------------------------------------------------------------------------- */

static void signals_go_in_their_order_and_once_unless_they_queue(void **state)
{
    struct process *process = *state;
    struct line *line = open_line(process);
    const int numbers[] = {SIGUSR1, SIGRTMIN, SIGUSR1, SIGRTMIN, SIGTERM};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        send_signal(process, numbers[i], 0);
    line_start(line);
    while (other.sent < 4) {
        lock_release();
        (void)sched_yield();
        lock_take();
    }
    const int sent[] = {SIGUSR1, SIGRTMIN, SIGRTMIN, SIGTERM};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(other.signals[i].number, sent[i]);
        assert_int_equal(other.signals[i].process, (uint32_t)process->number);
        assert_int_equal(other.signals[i].words[1], (uint64_t)sent[i]);
    }
    ends_with(process, sizeof(struct order_result), 0, 0);
    assert_int_equal(other.sent, 4);
}

/* Of those that queue there are so many; others are never lost. */
static void too_many_that_queue_are_refused(void **state)
{
    struct process *process = *state;
    struct line *line = open_line(process);
    for (int i = 0; i < 64; i++)
        send_signal(process, SIGRTMIN, 0);
    send_signal(process, SIGRTMIN, -EAGAIN);
    send_signal(process, SIGTERM, 0);
    send_signal(process, SIGKILL, 0);
    line_start(line);
    ends_with(process, sizeof(struct order_result), DOOR_DIED | SIGKILL, SIGKILL);
    assert_int_equal(other.sent, 66);
    assert_int_equal(other.signals[64].number, SIGKILL);
    assert_int_equal(other.signals[65].number, SIGTERM);
}

static void an_end_that_says_nothing_is_a_kill(void **state)
{
    line_start(open_line(*state));
    ends_with(*state, 0, 0, SIGKILL);
}

static void what_is_no_result_is_a_kill(void **state)
{
    line_start(open_line(*state));
    ends_with(*state, sizeof(struct order_result) - 1, 0, SIGKILL);
}

static void a_result_has_no_other_bits(void **state)
{
    line_start(open_line(*state));
    ends_with(*state, sizeof(struct order_result), UINT64_MAX & ~(uint64_t)(DOOR_CODE | DOOR_DIED),
              0);
}

static void one_that_takes_no_signals_is_heard(void **state)
{
    struct line *line = open_line(*state);
    other.takes_none = true;
    send_signal(*state, SIGTERM, 0);
    line_start(line);
    ends_with(*state, sizeof(struct order_result), 9, 9 << 8);
}

/* Its enclave is gone, and who was to come out of it. */
static void what_a_process_was_making_ends_with_it(void **state)
{
    struct process *process = *state, *borrowed, *other_child;
    line_start(open_line(process));
    assert_int_equal(process_new(process, SIGCHLD, &borrowed), 0);
    assert_int_equal(process_new(process_first(), SIGCHLD, &other_child), 0);
    ends_with(process, 0, 0, SIGKILL);
    assert_int_equal(borrowed->state, PROCESS_ENDED);
    assert_int_equal(borrowed->status, SIGKILL);
    assert_int_equal(other_child->state, PROCESS_ALIVE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        TEST(an_order_of_any_size_goes_in_messages),
        TEST(refuses_when_the_host_has_none),
        TEST(one_that_fails_is_asked_for_a_few_times),
        TEST(refuses_what_the_pool_has_no_room_for),
        TEST(leaves_others_the_threads_that_they_will_want),
        TEST(nothing_comes_of_one_that_is_given_up),
        TEST(sending_to_one_that_has_gone_is_told),
        TEST(signals_go_in_their_order_and_once_unless_they_queue),
        TEST(too_many_that_queue_are_refused),
        TEST(an_end_that_says_nothing_is_a_kill),
        TEST(what_is_no_result_is_a_kill),
        TEST(a_result_has_no_other_bits),
        TEST(one_that_takes_no_signals_is_heard),
        TEST(what_a_process_was_making_ends_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
