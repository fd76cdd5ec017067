/* Pages are recalled from the process that a wire is of, in the first enclave: wires are played,
 * and each is served by a thread of its own. The host ends every stay at once, but for who is held
 * up. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "../../../check.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/log.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/remote/remote_wire.h"
#include "enclave/libos/shared/reach.h"
#include "enclave/libos/shared/shared.h"
#include "enclave/libos/threads/finish.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/wire/arrivals.h"

#define HEAD_SIZE offsetof(struct shared_answer, bytes)

static _Thread_local size_t mine;

struct thread *thread_self(void)
{
    return thread_at(mine);
}

/* --- enclaves --------------------------------------------------------------------------------- */

/* Each by a wire and the thread of its number behind the program's. */
#define WIRES 3

static struct {
    struct wire wire;
    int proves; /* what its first message does: the number of a process */
    pthread_t thread;
    atomic_bool is_welcome;      /* the word has come: pages can be recalled */
    atomic_bool has_ended;       /* its thread */
    atomic_bool is_held_up;      /* the host lets its thread stay outside */
    struct shared_recall recall; /* the last one that came */
    int recalls;
    struct shared_answer answer;
    int64_t size; /* of it, as the wire has it */
} wires[WIRES];

static size_t index_of(const struct wire *wire)
{
    size_t i = 0;
    while (&wires[i].wire != wire)
        i++;
    return i;
}

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)a, (void)b, (void)c;
    do
        (void)sched_yield();
    while (number == DOOR_PARK && mine > 0 && atomic_load(&wires[mine - 1].is_held_up));
    return 0;
}

int wire_send(struct wire *wire, const void *bytes, size_t size)
{
    size_t i = index_of(wire);
    if (mine == i + 1) {
        atomic_store(&wires[i].is_welcome, true);
        return 0;
    }
    assert_int_equal(size, sizeof wires[i].recall);
    memcpy(&wires[i].recall, bytes, size);
    wires[i].recalls++;
    return 0;
}

int64_t wire_receive_patiently(struct wire *wire, void *out, size_t room)
{
    size_t i = index_of(wire);
    assert_true(room == sizeof wires[i].answer);
    memcpy(out, &wires[i].answer, room);
    return wires[i].size;
}

int remote_proved_by(const void *first, size_t size, uint32_t arrival)
{
    assert_true(size == sizeof(int) && arrival == ARRIVAL_PAGES);
    return *(const int *)first;
}

/* --- what a child's side wants: here is none -------------------------------------------------- */

bool remote_is_child(void)
{
    return false;
}

int64_t wire_receive_now(struct wire *wire, void *out, size_t room)
{
    (void)wire, (void)out, (void)room;
    abort();
}

void wire_close(struct wire *wire)
{
    (void)wire;
    abort();
}

int remote_dial(struct wire *wire, uint32_t arrival)
{
    (void)wire, (void)arrival;
    abort();
}

void finish_lost(void)
{
    abort();
}

bool finish_outcome(uint64_t *result)
{
    (void)result;
    return false;
}

void log_number(const char *text, uint64_t number)
{
    (void)text, (void)number;
    abort();
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

static struct process *make(void)
{
    struct process *process;
    assert_int_equal(process_new(process_first(), SIGCHLD, &process), 0);
    process->line = (struct line *)&wires; /* that it has one is all */
    return process;
}

static int start(void **state)
{
    struct tree_options options = {.limit = 1 << 20, .mode = 0755, .clock = {now, NULL}};
    memset(wires, 0, sizeof wires);
    assert_int_equal(tree_new(&options, &root), 0);
    process_begin();
    vfs_init(&process_first()->vfs, root, options.clock);
    process_first()->vfs.random = (struct file_random){fill, NULL};
    process_identify(process_first());
    *thread_at(0) = (struct thread){.process = process_first(), .state = THREAD_RUNS};
    thread_at(0)->signals.mask = UINT64_MAX;
    lock_take();
    *state = make();
    return 0;
}

static void end_process(struct process *process)
{
    process->line = NULL;
    process_end(process, 0);
    process_forget(process);
}

/* With the lock, which is let go until it is so. */
static void await(const atomic_bool *what)
{
    while (!atomic_load(what)) {
        lock_release();
        (void)sched_yield();
        lock_take();
    }
}

static int end(void **state)
{
    (void)state;
    for (size_t i = 1; i < PROCESSES_MAX; i++) {
        if (process_at(i)->state == PROCESS_ALIVE)
            end_process(process_at(i));
    }
    for (size_t i = 0; i < WIRES; i++) {
        atomic_store(&wires[i].is_held_up, false);
        if (!wires[i].thread)
            continue;
        await(&wires[i].has_ended);
        assert_int_equal(pthread_join(wires[i].thread, NULL), 0);
    }
    vfs_fini(&process_first()->vfs);
    tree_free(root);
    lock_release();
    return 0;
}

static void *serve(void *argument)
{
    size_t i = index_of(argument);
    mine = i + 1;
    shared_serve_wire(&wires[i].wire, &wires[i].proves, sizeof wires[i].proves);
    atomic_store(&wires[i].has_ended, true);
    return NULL;
}

/* A wire arrives that proves the process of this number. */
static void arrive(size_t i, int number)
{
    wires[i].proves = number;
    *thread_at(i + 1) = (struct thread){.state = THREAD_RUNS, .signals = {.mask = UINT64_MAX}};
    assert_int_equal(pthread_create(&wires[i].thread, NULL, serve, &wires[i].wire), 0);
    while (!atomic_load(&wires[i].is_welcome) && !atomic_load(&wires[i].has_ended)) {
        lock_release();
        (void)sched_yield();
        lock_take();
    }
}

static bool is_refused(size_t i, int number)
{
    arrive(i, number);
    return !atomic_load(&wires[i].is_welcome);
}

/* It answers with this many bytes. */
static int recall(const struct process *process, size_t i, int64_t size, bool has_bytes)
{
    static struct shared_answer out;
    const struct shared_recall one = {.serial = 5, .address = 0x1000};
    wires[i].answer.serial = one.serial;
    wires[i].answer.has_bytes = has_bytes;
    wires[i].size = size;
    return shared_recall(process_index(process), &one, &out);
}

/* --- whose a wire is -------------------------------------------------------------------------- */

static void pages_are_recalled_by_the_wire_of_their_process(void **state)
{
    struct process *process = *state, *other = make();
    assert_false(shared_can_recall(process_index(process)));
    assert_int_equal(recall(process, 0, HEAD_SIZE, false), -EIO);
    arrive(0, process->number);
    assert_true(shared_can_recall(process_index(process)));
    assert_false(shared_can_recall(process_index(other)));
    assert_int_equal(thread_at(1)->recalls, process->number);
    assert_int_equal(recall(process, 0, HEAD_SIZE, false), 0);
    assert_int_equal(recall(process, 0, sizeof(struct shared_answer), true), 0);
    assert_int_equal(wires[0].recalls, 2);
    assert_int_equal(wires[0].recall.serial, 5);
    end_process(process);
    await(&wires[0].has_ended);
}

static void refuses_wires_that_prove_nobody_with_an_enclave(void **state)
{
    struct process *process = *state;
    assert_true(is_refused(0, 0));
    process->line = NULL;
    assert_true(is_refused(1, process->number));
    assert_false(shared_can_recall(process_index(process)));
}

static void refuses_a_second_wire_of_a_process(void **state)
{
    struct process *process = *state;
    arrive(0, process->number);
    assert_true(is_refused(1, process->number));
    assert_int_equal(recall(process, 0, HEAD_SIZE, false), 0);
    assert_int_equal(wires[0].recalls, 1);
}

/* The thread that has served its wire has not been told yet that it is over. */
static void the_next_process_in_its_place_has_its_own_wire(void **state)
{
    struct process *process = *state;
    arrive(0, process->number);
    atomic_store(&wires[0].is_held_up, true);
    end_process(process);
    struct process *next = make();
    assert_ptr_equal(next, process);
    assert_false(shared_can_recall(process_index(next)));
    assert_int_equal(recall(next, 0, HEAD_SIZE, false), -EIO);
    assert_int_equal(wires[0].recalls, 0);
    arrive(1, next->number);
    assert_true(atomic_load(&wires[1].is_welcome));
    atomic_store(&wires[0].is_held_up, false);
    await(&wires[0].has_ended);
    assert_true(shared_can_recall(process_index(next)));
    assert_int_equal(recall(next, 1, HEAD_SIZE, false), 0);
    assert_int_equal(wires[1].recalls, 1);
}

/* --- what comes over it ----------------------------------------------------------------------- */

static void is_of_no_use_after(struct process *process, int64_t size, bool has_bytes)
{
    arrive(0, process->number);
    assert_int_equal(recall(process, 0, size, has_bytes), -EIO);
    assert_false(shared_can_recall(process_index(process)));
    assert_int_equal(recall(process, 0, HEAD_SIZE, false), -EIO);
    assert_int_equal(wires[0].recalls, 1);
}

static void a_wire_that_ends_is_of_no_use(void **state)
{
    is_of_no_use_after(*state, 0, false);
}

static void an_answer_that_is_cut_ends_the_wire(void **state)
{
    is_of_no_use_after(*state, HEAD_SIZE - 1, false);
}

static void an_answer_without_its_bytes_ends_the_wire(void **state)
{
    is_of_no_use_after(*state, HEAD_SIZE, true);
}

static void an_answer_with_bytes_that_it_does_not_name_ends_the_wire(void **state)
{
    is_of_no_use_after(*state, sizeof(struct shared_answer), false);
}

static void an_answer_to_another_recall_ends_the_wire(void **state)
{
    struct process *process = *state;
    static struct shared_answer out;
    const struct shared_recall one = {.serial = 6, .address = 0x1000};
    arrive(0, process->number);
    wires[0].answer.serial = 5;
    wires[0].size = HEAD_SIZE;
    assert_int_equal(shared_recall(process_index(process), &one, &out), -EIO);
    assert_false(shared_can_recall(process_index(process)));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        TEST(pages_are_recalled_by_the_wire_of_their_process),
        TEST(refuses_wires_that_prove_nobody_with_an_enclave),
        TEST(refuses_a_second_wire_of_a_process),
        TEST(the_next_process_in_its_place_has_its_own_wire),
        TEST(a_wire_that_ends_is_of_no_use),
        TEST(an_answer_that_is_cut_ends_the_wire),
        TEST(an_answer_without_its_bytes_ends_the_wire),
        TEST(an_answer_with_bytes_that_it_does_not_name_ends_the_wire),
        TEST(an_answer_to_another_recall_ends_the_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
