/* Processes are made with an enclave of their own, which is played: what they have of shared memory
 * by then, and what is left where nothing comes of them. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "../../../check.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/files/tree_parts.h"
#include "enclave/libos/processes/line.h"
#include "enclave/libos/processes/order.h"
#include "enclave/libos/processes/spares.h"
#include "enclave/libos/shared/home.h"
#include "enclave/libos/threads/lock.h"

struct line {
    struct process *process;
    bool is_started;
};

static struct {
    struct line line;
    int open_fails, send_fails; /* a negative errno, once */
    size_t sent;                /* messages */
    bool is_attached[2];        /* the process, to the objects, when the last message came */
    struct order order;         /* the last one */
    uint64_t posted;            /* signals, a bit each */
    unsigned asked;             /* for enclaves, */
    bool shares;                /* by a process that shares memory, the last time */
    struct tree *tree;
    struct node *nodes[2];
    uint32_t objects[2];
} world;

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)number, (void)a, (void)b, (void)c;
    return 0;
}

/* The answer says whether it is: nothing is behind the end of an empty file. */
static bool is_attached(const struct process *process, size_t i)
{
    static struct shared_grant grant;
    int status = shared_home_page(process_index(process), world.objects[i], 0, 0, SHARED_WANTS_READ,
                                  &grant);
    return status == -EFAULT;
}

/* --- lines ------------------------------------------------------------------------------------ */

int line_open(struct process *process, struct line **out)
{
    int status = world.open_fails;
    world.open_fails = 0;
    world.asked++;
    world.shares = shared_home_has(process_index(process));
    if (status < 0)
        return status;
    world.line = (struct line){.process = process};
    process->line = *out = &world.line;
    return 0;
}

int line_send(struct line *line, const void *bytes, size_t size)
{
    int status = world.send_fails;
    assert_true(line == &world.line && bytes && size > 0);
    if (size == sizeof world.order)
        memcpy(&world.order, bytes, size);
    world.send_fails = 0;
    world.sent += status == 0;
    for (size_t i = 0; i < 2; i++)
        world.is_attached[i] = is_attached(line->process, i);
    return status;
}

int line_start(struct line *line, uint64_t carried)
{
    if (line->process->carried != carried)
        return -EAGAIN;
    line->is_started = true;
    return 0;
}

void line_give_up(struct line *line)
{
    line->process->line = NULL;
}

struct line *line_in_making(const struct process *process)
{
    return process->line && !process->line->is_started ? process->line : NULL;
}

int line_post(struct process *process, const struct signal_info *info)
{
    (void)process;
    world.posted |= SIGNAL_BIT(info->number);
    return 0;
}

size_t spares_count(void)
{
    return 0;
}

int syscall_path(uint64_t at, char out[SYSCALL_PATH_MAX])
{
    (void)at;
    memcpy(out, "/bin/x", sizeof "/bin/x");
    return 0;
}

/* --- the stage -------------------------------------------------------------------------------- */

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

/* This process maps it. */
static void map(size_t i)
{
    assert_int_equal(
        shared_home_open(world.nodes[i], process_index(process_self()), true, &world.objects[i]),
        0);
}

/* Number 1 shares one object, and will another. */
static int start(void **state)
{
    static const struct thread_room everything = {0, UINT64_MAX};
    const struct tree_options options = {.limit = 1 << 20, .mode = 0755, .clock = {now, NULL}};
    const struct node_new what = {.mode = EXT4_FILE << 12 | 0600};
    (void)state;
    memset(&world, 0, sizeof world);
    assert_int_equal(tree_new(&options, &world.tree), 0);
    process_begin();
    vfs_init(&process_first()->vfs, world.tree, options.clock);
    process_first()->vfs.random = (struct file_random){fill, NULL};
    process_identify(process_first());
    *thread_at(0) = (struct thread){
        .process = process_first(), .state = THREAD_RUNS, .room = &everything};
    thread_at(0)->signals.mask = UINT64_MAX;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(node_new(world.tree, &what, &world.nodes[i]), 0);
    lock_take();
    map(0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    thread_at(0)->process = process_first();
    for (size_t i = 1; i < PROCESSES_MAX; i++) {
        if (process_at(i)->state == PROCESS_ALIVE)
            process_cancel(process_at(i));
        process_forget(process_at(i));
    }
    shared_home_leave(0);
    for (size_t i = 0; i < 2; i++)
        node_put(world.nodes[i]);
    vfs_fini(&process_first()->vfs);
    tree_free(world.tree);
    lock_release();
    return 0;
}

/* --- calls ------------------------------------------------------------------------------------ */

static int64_t call(syscall_fn *make, uint64_t a, uint64_t b, uint64_t c)
{
    struct program_frame frame = {.rdi = a, .rsi = b, .rdx = c};
    return (int64_t)make(&frame);
}

static struct process *child_of(int64_t number)
{
    assert_true(number > PROCESS_FIRST);
    struct process *child = process_find((int)number);
    assert_non_null(child);
    return child;
}

static struct process *fork_one(void)
{
    return child_of(call(own_fork, SIGCHLD, 0, 0));
}

/* One that is in this enclave for a while. */
static struct process *borrow(void)
{
    return child_of(call(own_borrow, SIGCHLD, 0, 0));
}

static int64_t send_some(const struct process *child)
{
    return call(own_fork_send, (uint64_t)child->number, (uintptr_t) "bytes", 5);
}

static int64_t end_as(const struct process *child, enum own_fork_end what)
{
    return call(own_fork_end, (uint64_t)child->number, what, 0);
}

/* What it maps itself, or unmaps. */
static void unmap(const struct process *child, size_t i)
{
    shared_home_drop(process_index(child), world.objects[i], 0, 1, 0, SHARED_LAST);
    assert_false(is_attached(child, i));
}

static void has_nothing(size_t index)
{
    assert_false(shared_home_has(index));
}

/* --- what it has ------------------------------------------------------------------------------ */

static void a_copy_has_what_its_parent_shares_before_it_runs(void **state)
{
    (void)state;
    struct process *child = fork_one();
    assert_true(world.shares && world.sent == 1 && world.is_attached[0]);
    map(1); /* by another thread, while the memory is read */
    assert_int_equal(send_some(child), 0);
    assert_true(world.is_attached[0] && world.is_attached[1]);
    assert_int_equal(end_as(child, OWN_FORK_WHOLE), 0);
    assert_true(child->line->is_started && is_attached(child, 0) && is_attached(child, 1));
}

/* Its enclave has got all by then, and may be ahead of its parent. */
static void what_a_copy_has_when_it_runs_is_its_own_affair(void **state)
{
    (void)state;
    struct process *child = fork_one();
    assert_int_equal(send_some(child), 0);
    unmap(child, 0);
    map(1);
    assert_int_equal(end_as(child, OWN_FORK_WHOLE), 0);
    assert_false(is_attached(child, 0) || is_attached(child, 1));
}

static void who_moves_has_what_its_parent_shares_before_it_runs(void **state)
{
    (void)state;
    struct process *child = borrow();
    assert_false(is_attached(child, 0));
    assert_int_equal(call(own_move, (uint64_t)child->number, 0, 0), 0);
    assert_true(world.shares && world.is_attached[0]);
    unmap(child, 0);
    assert_int_equal(end_as(child, OWN_FORK_WHOLE), 0);
    assert_false(is_attached(child, 0));
}

/* --- its signals ------------------------------------------------------------------------------ */

/* Else its program may look before they come. */
static void who_moves_has_what_is_pending_with_its_order(void **state)
{
    const uint64_t pending = SIGNAL_BIT(SIGUSR1) | SIGNAL_BIT(SIGTERM), later = SIGNAL_BIT(SIGHUP);
    (void)state;
    struct process *child = borrow();
    assert_int_equal(call(own_move, (uint64_t)child->number, pending, 0), 0);
    assert_int_equal(world.order.kind, ORDER_SNAPSHOT);
    assert_int_equal(world.order.pending, pending);
    assert_int_equal(world.posted, 0);
    assert_int_equal(call(own_fork_end, (uint64_t)child->number, OWN_FORK_WHOLE, later), 0);
    assert_int_equal(world.posted, later);
    assert_int_equal(fork_one()->state, PROCESS_ALIVE);
    assert_int_equal(world.order.pending, 0); /* a new process has none */
}

static void a_program_has_what_is_pending_with_its_order(void **state)
{
    const struct own_words words = {.pending = SIGNAL_BIT(SIGUSR2), .mask = SIGNAL_BIT(SIGUSR2)};
    struct program_frame frame = {.r10 = (uintptr_t)&words, .r8 = (uintptr_t) "x", .r9 = 2};
    (void)state;
    assert_int_equal((int64_t)own_spawn(&frame), -EINVAL); /* for who has an enclave */
    thread_at(0)->process = borrow();
    assert_int_equal(own_spawn(&frame), 0);
    assert_int_equal(world.order.kind, ORDER_PROGRAM);
    assert_int_equal(world.order.pending, words.pending);
    assert_int_equal(world.posted, 0);
}

/* --- where nothing comes of it ---------------------------------------------------------------- */

static void nothing_is_left_of_a_copy_without_an_enclave(void **state)
{
    (void)state;
    world.open_fails = -EAGAIN;
    assert_int_equal(call(own_fork, SIGCHLD, 0, 0), -EAGAIN);
    assert_true(world.shares);
    has_nothing(1);
    world.send_fails = -EAGAIN;
    assert_int_equal(call(own_fork, SIGCHLD, 0, 0), -EAGAIN);
    has_nothing(1);
    assert_int_equal(process_at(1)->state, PROCESS_FREE);
}

static void nothing_is_left_of_a_copy_that_is_not_whole(void **state)
{
    (void)state;
    struct process *child = fork_one();
    size_t index = process_index(child);
    assert_int_equal(end_as(child, OWN_FORK_NEVER), 0);
    assert_int_equal(child->state, PROCESS_FREE);
    has_nothing(index);
}

static void nothing_is_left_of_who_is_killed_on_its_way(void **state)
{
    (void)state;
    struct process *child = borrow();
    size_t index = process_index(child);
    assert_int_equal(call(own_move, (uint64_t)child->number, 0, 0), 0);
    assert_int_equal(end_as(child, OWN_FORK_KILLED), 0);
    assert_int_equal(child->state, PROCESS_ENDED);
    assert_int_equal(child->status, SIGKILL);
    has_nothing(index);
}

static void who_finds_no_enclave_to_move_to_is_what_it_was(void **state)
{
    (void)state;
    struct process *child = borrow();
    size_t index = process_index(child);
    world.open_fails = -EAGAIN;
    assert_int_equal(call(own_move, (uint64_t)child->number, 0, 0), -EAGAIN);
    assert_int_equal(child->state, PROCESS_ALIVE);
    assert_int_equal(end_as(child, OWN_FORK_NEVER), 0);
    has_nothing(index);
}

/* A pidfd is its parent's alone, and there is one or no copy. */
static void a_copy_without_an_enclave_leaves_no_pidfd(void **state)
{
    struct file_table *files = &process_first()->vfs.files;
    int number = -1;
    (void)state;
    world.open_fails = -EAGAIN;
    assert_int_equal(call(own_fork, SIGCHLD, (uintptr_t)&number, 0), -EAGAIN);
    assert_int_equal(number, -1);
    assert_null(file_table_get(files, 0));
    const struct process *child = child_of(call(own_fork, SIGCHLD, (uintptr_t)&number, 0));
    assert_int_equal(number, 0);
    assert_int_equal(file_is_cloexec(files, 0), 1);
    assert_null(file_table_get(&child->vfs.files, 0));
    unsigned asked = world.asked;
    files->limit = 1;
    assert_int_equal(call(own_fork, SIGCHLD, (uintptr_t)&number, 0), -EMFILE);
    assert_int_equal(world.asked, asked); /* no enclave was asked for */
    assert_int_equal(end_as(child, OWN_FORK_NEVER), 0);
}

/* --- refusals --------------------------------------------------------------------------------- */

static void refuses_to_tell_who_is_no_child_in_the_making(void **state)
{
    (void)state;
    struct process *child = fork_one(), *borrowed = borrow();
    size_t sent = world.sent;
    assert_int_equal(send_some(borrowed), -ESRCH);
    assert_int_equal(send_some(process_first()), -ESRCH);
    assert_int_equal(call(own_fork_send, (uint64_t)child->number, (uintptr_t) "", 0), -EFAULT);
    thread_at(0)->process = borrowed; /* whose child it is not */
    assert_int_equal(send_some(child), -ESRCH);
    assert_int_equal(end_as(child, OWN_FORK_NEVER), -ESRCH);
    thread_at(0)->process = process_first();
    assert_int_equal(end_as(child, OWN_FORK_WHOLE), 0);
    assert_int_equal(send_some(child), -ESRCH); /* it runs */
    assert_int_equal(end_as(child, OWN_FORK_NEVER), -ESRCH);
    assert_int_equal(world.sent, sent);
    assert_false(is_attached(borrowed, 0));
}

static void refuses_to_move_who_has_an_enclave_or_is_no_child(void **state)
{
    (void)state;
    struct process *child = fork_one();
    assert_int_equal(call(own_move, (uint64_t)child->number, 0, 0), -ESRCH);
    assert_int_equal(call(own_move, PROCESS_FIRST, 0, 0), -ESRCH);
    assert_int_equal(call(own_move, 12345, 0, 0), -ESRCH);
    assert_int_equal(world.asked, 1);
}

static void refuses_to_start_who_has_signals_on_their_way(void **state)
{
    (void)state;
    struct process *child = fork_one();
    child->carried = 1;
    assert_int_equal(end_as(child, OWN_FORK_WHOLE), -EAGAIN);
    assert_ptr_equal(line_in_making(child), child->line);
    assert_int_equal(end_as(borrow(), OWN_FORK_BEGINS), -ESRCH); /* without an enclave */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        TEST(a_copy_has_what_its_parent_shares_before_it_runs),
        TEST(what_a_copy_has_when_it_runs_is_its_own_affair),
        TEST(who_moves_has_what_its_parent_shares_before_it_runs),
        TEST(who_moves_has_what_is_pending_with_its_order),
        TEST(a_program_has_what_is_pending_with_its_order),
        TEST(nothing_is_left_of_a_copy_without_an_enclave),
        TEST(a_copy_without_an_enclave_leaves_no_pidfd),
        TEST(nothing_is_left_of_a_copy_that_is_not_whole),
        TEST(nothing_is_left_of_who_is_killed_on_its_way),
        TEST(who_finds_no_enclave_to_move_to_is_what_it_was),
        TEST(refuses_to_tell_who_is_no_child_in_the_making),
        TEST(refuses_to_move_who_has_an_enclave_or_is_no_child),
        TEST(refuses_to_start_who_has_signals_on_their_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
