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
#include "enclave/libos/processes/spares.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/shared/home.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/wire/arrivals.h"

#define SENT_MAX 256
#define SECOND   3 /* the thread of a second enclave */

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
    unsigned spares_asked;       /* likewise */
    struct wire wire;
    pthread_t thread;
    bool is_there;
    struct wire second; /* what comes when that one is there: it takes all, and then ends */
    pthread_t second_thread;
    atomic_bool second_ends;
    size_t sent; /* messages, whose sizes and ends are kept */
    size_t sizes[SENT_MAX];
    struct order_signal signals[SENT_MAX];
    bool takes_none;
    _Atomic int64_t said; /* what wire_receive_now() gives; -EAGAIN for nothing */
    uint64_t result;
    uint32_t is_left, zero; /* of struct order_result; where it is left, that is said once */
} other;

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)a, (void)c;
    if (number == DOOR_PARK)
        (void)sched_yield();
    return number == DOOR_PARK && b > 0 &&
           (mine == SECOND ? atomic_load(&other.second_ends) : atomic_load(&other.said) != -EAGAIN);
}

static void *serve(void *argument)
{
    mine = argument == &other.second ? SECOND : 1;
    line_serve(argument);
    lock_take();
    thread_free(thread_at(mine));
    lock_release();
    return NULL;
}

static void come(size_t index, pthread_t *thread, struct wire *wire)
{
    thread_at(index)->state = THREAD_RUNS;
    thread_at(index)->service = (void (*)(void *))abort;
    assert_int_equal(pthread_create(thread, NULL, serve, wire), 0);
}

int arrivals_ask(void)
{
    if (mine != 0) { /* for a spare: here is none */
        other.spares_asked++;
        return -EAGAIN;
    }
    other.asked++;
    if (!other.comes)
        return other.fails ? -EAGAIN : 0;
    if (other.is_there)
        come(SECOND, &other.second_thread, &other.second);
    else
        come(1, &other.thread, &other.wire);
    other.is_there = true;
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
    assert_true(size > 0 && size <= WIRE_MESSAGE_MAX);
    if (wire == &other.second)
        return 0;
    assert_ptr_equal(wire, &other.wire);
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
    if (wire == &other.second)
        return atomic_load(&other.second_ends) ? 0 : -EAGAIN;
    assert_ptr_equal(wire, &other.wire);
    const struct order_result message = {other.result, other.is_left, other.zero};
    const int64_t said = other.said;
    if (said == sizeof message) {
        assert_true(room >= sizeof message);
        memcpy(out, &message, sizeof message);
    }
    if (said != -EAGAIN && other.is_left)
        atomic_store(&other.said, -EAGAIN);
    return said;
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
    assert_int_equal(line_start(line, 0), 0);
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

/* It has three threads then, of which one recalls pages. */
static void refuses_one_that_shares_memory_for_want_of_a_third_thread(void **state)
{
    struct process *process = *state;
    struct line *line = NULL;
    uint32_t object;
    assert_int_equal(shared_home_open(root->root, process_index(process), true, &object), 0);
    for (size_t i = 3; i < THREADS_MAX; i++)
        thread_at(i)->state = THREAD_RUNS; /* 1 and 2 are left */
    assert_int_equal(line_open(process, &line), -EAGAIN);
    assert_int_equal(other.asked, 0);
    thread_free(thread_at(3));
    line = open_line(process);
    shared_home_leave(process_index(process));
    line_give_up(line);
    await_other();
}

/* One that was begun and shares memory has yet to come to two. */
static void leaves_one_that_shares_memory_both_threads(void **state)
{
    struct process *second;
    struct process *process = *state;
    struct line *line = NULL, *first = open_line(process);
    uint32_t object;
    assert_int_equal(shared_home_open(root->root, process_index(process), true, &object), 0);
    assert_int_equal(process_new(process_first(), SIGCHLD, &second), 0);
    for (size_t i = 5; i < THREADS_MAX; i++)
        thread_at(i)->state = THREAD_RUNS; /* 2, 3 and 4 are left */
    assert_int_equal(line_open(second, &line), -EAGAIN);
    thread_at(5)->mirrors = process->number;
    thread_at(6)->recalls = second->number; /* of another one */
    other.comes = false;
    other.fails = true; /* there is room: the host is asked */
    assert_int_equal(line_open(second, &line), -EAGAIN);
    assert_int_equal(other.asked, 2);
    thread_at(4)->state = THREAD_RUNS; /* two are left, and the first has all of its own */
    thread_at(6)->recalls = process->number;
    assert_int_equal(line_open(second, &line), -EAGAIN);
    assert_int_equal(other.asked, 3);
    shared_home_leave(process_index(process));
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
    assert_int_equal(line_start(line, 0), 0);
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
    assert_int_equal(line_start(line, 0), 0);
    ends_with(process, sizeof(struct order_result), DOOR_DIED | SIGKILL, SIGKILL);
    assert_int_equal(other.sent, 66);
    assert_int_equal(other.signals[64].number, SIGKILL);
    assert_int_equal(other.signals[65].number, SIGTERM);
}

static void an_end_that_says_nothing_is_a_kill(void **state)
{
    assert_int_equal(line_start(open_line(*state), 0), 0);
    ends_with(*state, 0, 0, SIGKILL);
}

static void what_is_no_result_is_a_kill(void **state)
{
    assert_int_equal(line_start(open_line(*state), 0), 0);
    ends_with(*state, sizeof(struct order_result) - 1, 0, SIGKILL);
}

static void a_result_has_no_other_bits(void **state)
{
    assert_int_equal(line_start(open_line(*state), 0), 0);
    ends_with(*state, sizeof(struct order_result), UINT64_MAX & ~(uint64_t)(DOOR_CODE | DOOR_DIED),
              0);
}

static void one_that_takes_no_signals_is_heard(void **state)
{
    struct line *line = open_line(*state);
    other.takes_none = true;
    send_signal(*state, SIGTERM, 0);
    assert_int_equal(line_start(line, 0), 0);
    ends_with(*state, sizeof(struct order_result), 9, 9 << 8);
}

/* Its enclave is gone, and who was to come out of it. */
static void what_a_process_was_making_ends_with_it(void **state)
{
    struct process *process = *state, *borrowed, *other_child;
    assert_int_equal(line_start(open_line(process), 0), 0);
    assert_int_equal(process_new(process, SIGCHLD, &borrowed), 0);
    assert_int_equal(process_new(process_first(), SIGCHLD, &other_child), 0);
    ends_with(process, 0, 0, SIGKILL);
    assert_int_equal(borrowed->state, PROCESS_ENDED);
    assert_int_equal(borrowed->status, SIGKILL);
    assert_int_equal(other_child->state, PROCESS_ALIVE);
}

/* --- signals to who is in another process' enclave for a while ---------------------------------
 */

/* A child of this process, which has an enclave and no child in one of its own. */
static struct process *borrow(struct process *process)
{
    struct process *child;
    assert_int_equal(process_new(process, SIGCHLD, &child), 0);
    child->post = line_post;
    return child;
}

static void await_sent(size_t count)
{
    while (other.sent < count) {
        lock_release();
        (void)sched_yield();
        lock_take();
    }
}

static void signals_are_carried_to_where_it_is_for_a_while(void **state)
{
    struct process *process = *state, *child = borrow(process);
    assert_int_equal(line_start(open_line(process), 0), 0);
    send_signal(child, SIGTERM, 0);
    await_sent(1);
    assert_int_equal(other.signals[0].process, (uint32_t)child->number);
    send_signal(process, SIGTERM, 0);
    await_sent(2);
    assert_int_equal(child->carried, 1);
    assert_int_equal(process->carried, 0);
    ends_with(process, sizeof(struct order_result), 0, 0);
}

/* Else what is on its way would find nobody. */
static void it_does_not_leave_before_its_signals_have_come(void **state)
{
    struct process *process = *state, *child = borrow(process);
    struct line *line;
    send_signal(child, SIGTERM, -ESRCH); /* there is no enclave in which it could be */
    line = open_line(child);
    child->carried = 2;
    for (uint64_t carried = 0; carried < 5; carried++)
        assert_int_equal(carried == 2 ? -EAGAIN : line_start(line, carried), -EAGAIN);
    assert_ptr_equal(line_in_making(child), line);
    send_signal(child, SIGUSR1, 0);
    assert_int_equal(child->carried, 2); /* it is with its enclave already */
    assert_int_equal(line_start(line, 2), 0);
    await_sent(1);
    ends_with(child, sizeof(struct order_result), 0, 0);
}

static void *miss_behind_a_signal(void *argument)
{
    struct process *process = argument;
    const struct signal_info info = {SIGUSR1, SIGUSR1, {7, 8}};
    mine = 2;
    lock_take();
    assert_int_equal(process_signal(process, &info), 0);
    assert_int_equal(process->carried, 0); /* it waits */
    lock_release();
    static const unsigned times = 4;
    return miss((void *)(uintptr_t)&times);
}

/* Its enclave may come, or not. */
static void a_signal_waits_with_who_waits_for_an_enclave(void **state)
{
    struct process *process = *state, *child = borrow(process);
    struct line *line = NULL;
    pthread_t thread;
    assert_int_equal(line_start(open_line(process), 0), 0);
    other.comes = false;
    assert_int_equal(pthread_create(&thread, NULL, miss_behind_a_signal, child), 0);
    assert_int_equal(line_open(child, &line), -EAGAIN);
    assert_null(child->line);
    lock_release();
    assert_int_equal(pthread_join(thread, NULL), 0);
    lock_take();
    await_sent(1);
    assert_int_equal(child->carried, 1);
    assert_int_equal(other.signals[0].process, (uint32_t)child->number);
    assert_int_equal(other.signals[0].code, SIGUSR1);
    assert_int_equal(other.signals[0].words[1], 8);
    ends_with(process, sizeof(struct order_result), 0, 0);
}

/* --- enclaves that are left ------------------------------------------------------------------- */

/* With the lock: one process in the enclave has ended, and the enclave is there for another one. */
static void leave_one(struct process *process)
{
    other.is_left = 1;
    other.result = 0;
    atomic_store(&other.said, sizeof(struct order_result));
    while (spares_count() == 0) {
        lock_release();
        (void)sched_yield();
        lock_take();
    }
    assert_int_equal(process->state, PROCESS_ENDED);
}

static void begin(struct process *process)
{
    assert_int_equal(line_start(open_line(process), 0), 0);
}

static struct process *make_second(void)
{
    struct process *second;
    assert_int_equal(process_new(process_first(), SIGCHLD, &second), 0);
    second->post = line_post;
    return second;
}

static void send_away(void)
{
    assert_int_equal(spares_dismiss(), 1);
    assert_int_equal(spares_count(), 0);
    await_other();
}

/* It goes when the process has ended, for whatever reason. */
static void is_not_left(struct process *process, uint32_t status)
{
    other.is_left = other.is_left ? other.is_left : 1;
    atomic_store(&other.said, sizeof(struct order_result));
    await_other();
    assert_int_equal(process->state, PROCESS_ENDED);
    assert_int_equal(process->status, status);
    assert_int_equal(spares_count(), 0);
}

static void an_enclave_that_is_left_takes_another_process(void **state)
{
    struct process *second = make_second();
    begin(*state);
    leave_one(*state);
    assert_true(spares_has(second));
    struct line *line = open_line(second);
    assert_int_equal(spares_count(), 0);
    assert_int_equal(other.asked, 1);
    assert_int_equal(line_send(line, "order", 5), 0);
    assert_int_equal(line_start(line, 0), 0);
    send_signal(second, SIGTERM, 0);
    other.is_left = 0;
    ends_with(second, sizeof(struct order_result), 4, 4 << 8);
    assert_int_equal(other.signals[other.sent - 1].process, (uint32_t)second->number);
}

static void a_spare_is_asked_for_when_two_run(void **state)
{
    struct process *second = make_second();
    begin(*state);
    assert_int_equal(other.spares_asked, 0);
    begin(second);
    assert_int_equal(other.spares_asked, 1);
    atomic_store(&other.second_ends, true);
    lock_release();
    assert_int_equal(pthread_join(other.second_thread, NULL), 0);
    lock_take();
    assert_int_equal(second->state, PROCESS_ENDED);
    leave_one(*state);
    begin(make_second()); /* one after the other */
    assert_int_equal(other.spares_asked, 1);
    other.is_left = 0;
    atomic_store(&other.said, 0);
    await_other();
}

static void one_that_is_given_up_is_not_left(void **state)
{
    struct process *second = make_second();
    begin(*state);
    leave_one(*state);
    line_give_up(open_line(second));
    await_other();
    assert_int_equal(spares_count(), 0);
}

static void one_that_speaks_unasked_goes(void **state)
{
    begin(*state);
    leave_one(*state);
    atomic_store(&other.said, 1);
    await_other();
    assert_int_equal(spares_count(), 0);
}

/* The host is asked for another one, and has none. */
static void is_not_for(struct process *process)
{
    struct line *line = NULL;
    assert_false(spares_has(process));
    other.comes = false;
    other.fails = true;
    assert_int_equal(line_open(process, &line), -EAGAIN);
    assert_int_equal(other.asked, 2);
    assert_int_equal(spares_count(), 1);
    send_away();
}

static void refuses_it_to_another_user(void **state)
{
    struct process *second = make_second();
    second->identity.ids[IDENTITY_USER].saved = 7;
    begin(*state);
    leave_one(*state);
    is_not_for(second);
}

static void refuses_it_to_who_hides_its_memory(void **state)
{
    struct process *second = make_second();
    second->is_undumpable = true;
    begin(*state);
    leave_one(*state);
    is_not_for(second);
}

static void refuses_it_to_who_comes_from_outside(void **state)
{
    struct process *second = make_second();
    second->parent = NULL;
    begin(*state);
    leave_one(*state);
    is_not_for(second);
}

static void refuses_it_to_who_has_another_root(void **state)
{
    struct process *second = make_second();
    struct node *whole = second->vfs.root;
    begin(*state);
    leave_one(*state);
    second->vfs.root = NULL;
    is_not_for(second);
    second->vfs.root = whole;
}

static void who_has_become_another_leaves_none(void **state)
{
    struct process *process = *state;
    process->identity.sets.effective = 5;
    begin(process);
    process->identity.sets.effective = 4;
    is_not_left(process, 0);
}

static void who_hides_its_memory_leaves_none(void **state)
{
    struct process *process = *state;
    begin(process);
    process->is_undumpable = true;
    is_not_left(process, 0);
}

static void refuses_results_that_are_none(void **state)
{
    struct process *second = make_second(), *third = make_second();
    begin(*state);
    other.result = DOOR_DIED | SIGTERM; /* which leaves nothing */
    is_not_left(*state, SIGKILL);
    begin(second);
    other.result = 0;
    other.is_left = 2;
    is_not_left(second, SIGKILL);
    begin(third);
    other.is_left = 1;
    other.zero = 1;
    is_not_left(third, SIGKILL);
}

/* Two are left: the one that waits makes room for what another user's process takes. */
static void it_goes_where_threads_are_few(void **state)
{
    struct process *second = make_second();
    struct line *line = NULL;
    second->identity.ids[IDENTITY_USER].real = 7;
    begin(*state);
    leave_one(*state);
    for (size_t i = 3; i < THREADS_MAX; i++)
        thread_at(i)->state = THREAD_RUNS;
    other.comes = false;
    other.fails = true;
    assert_int_equal(line_open(second, &line), -EAGAIN);
    assert_int_equal(other.asked, 2); /* there was room, so the host was asked */
    assert_int_equal(spares_count(), 0);
    await_other();
}

static void none_is_left_where_threads_are_few(void **state)
{
    begin(*state);
    for (size_t i = 2; i < THREADS_MAX - 15; i++)
        thread_at(i)->state = THREAD_RUNS;
    is_not_left(*state, 0);
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
        TEST(refuses_one_that_shares_memory_for_want_of_a_third_thread),
        TEST(leaves_one_that_shares_memory_both_threads),
        TEST(nothing_comes_of_one_that_is_given_up),
        TEST(sending_to_one_that_has_gone_is_told),
        TEST(signals_go_in_their_order_and_once_unless_they_queue),
        TEST(too_many_that_queue_are_refused),
        TEST(an_end_that_says_nothing_is_a_kill),
        TEST(what_is_no_result_is_a_kill),
        TEST(a_result_has_no_other_bits),
        TEST(one_that_takes_no_signals_is_heard),
        TEST(what_a_process_was_making_ends_with_it),
        TEST(signals_are_carried_to_where_it_is_for_a_while),
        TEST(it_does_not_leave_before_its_signals_have_come),
        TEST(a_signal_waits_with_who_waits_for_an_enclave),
        TEST(an_enclave_that_is_left_takes_another_process),
        TEST(a_spare_is_asked_for_when_two_run),
        TEST(one_that_is_given_up_is_not_left),
        TEST(one_that_speaks_unasked_goes),
        TEST(refuses_it_to_another_user),
        TEST(refuses_it_to_who_hides_its_memory),
        TEST(refuses_it_to_who_comes_from_outside),
        TEST(refuses_it_to_who_has_another_root),
        TEST(who_has_become_another_leaves_none),
        TEST(who_hides_its_memory_leaves_none),
        TEST(refuses_results_that_are_none),
        TEST(it_goes_where_threads_are_few),
        TEST(none_is_left_where_threads_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
