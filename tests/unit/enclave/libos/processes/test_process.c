/* The table of processes: who is made, ends, inherits, is waited for, and gets which signals. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../../../check.h"
#include "../heap.h"
#include "../stage.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/files/process_file.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/shared/home.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)number, (void)a, (void)b, (void)c;
    return 0;
}

static struct tree *root;
static unsigned posted;           /* signals of all children, */
static struct process *posted_to; /* the last of them */
static struct signal_info posted_info;

static int post(struct process *process, const struct signal_info *info)
{
    posted++;
    posted_to = process;
    posted_info = *info;
    return 0;
}

static void now(void *arg, struct file_time *out)
{
    (void)arg;
    *out = (struct file_time){.sec = 1};
}

static int fill(void *arg, void *out, size_t size)
{
    static uint8_t next;
    (void)arg;
    memset(out, ++next, size);
    return 0;
}

/* Number 1 alone, with no signal pending. */
static int start(void **state)
{
    struct tree_options options = {.limit = 1 << 20, .mode = 0755, .clock = {now, NULL}};
    struct signal_info info;
    (void)state;
    assert_int_equal(tree_new(&options, &root), 0);
    process_begin();
    vfs_init(&process_first()->vfs, root, options.clock);
    process_first()->vfs.random = (struct file_random){fill, NULL};
    process_identify(process_first());
    thread_at(0)->process = process_first();
    thread_at(0)->state = THREAD_RUNS;
    thread_at(0)->signals.mask = UINT64_MAX; /* what comes stays pending */
    while (signal_take(thread_at(0), UINT64_MAX, &info) != 0)
        continue;
    posted = 0;
    posted_to = NULL;
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (size_t i = 1; i < PROCESSES_MAX; i++) {
        if (process_at(i)->state == PROCESS_ALIVE)
            vfs_fini(&process_at(i)->vfs);
        process_at(i)->state = PROCESS_FREE;
    }
    vfs_fini(&process_first()->vfs);
    tree_free(root);
    return 0;
}

static struct process *make(struct process *parent)
{
    struct process *process = NULL;
    assert_int_equal(process_new(parent, SIGCHLD, &process), 0);
    process->post = post;
    return process;
}

static struct process *ended(const struct process *parent, int who, unsigned options)
{
    struct process *child = NULL;
    assert_int_equal(process_find_changed(parent, who, options | WEXITED, &child), 0);
    return child;
}

static int next_signal(struct signal_info *info)
{
    return signal_take(thread_at(0), UINT64_MAX, info);
}

static int kill_from(struct process *from, int whom, int number)
{
    const struct signal_info info = {number, SI_USER, {0}};
    return process_kill(from, whom, &info);
}

static void a_child_is_a_copy_with_a_number_of_its_own(void **state)
{
    (void)state;
    struct process *first = process_first();
    first->nice = 3;
    first->identity.group_count = 1;
    first->identity.groups[0] = 42;
    first->ignores_children = true;
    first->keeps_orphans = true;
    first->death_signal = SIGTERM;
    struct process *child = make(first);
    struct process *other = make(first);
    assert_true(child->number > PROCESS_FIRST && other->number > PROCESS_FIRST);
    assert_int_not_equal(child->number, other->number);
    assert_ptr_equal(process_find(child->number), child);
    assert_ptr_equal(child->parent, first);
    assert_int_equal(child->group, first->group);
    assert_int_equal(child->session, first->session);
    assert_int_equal(child->nice, 3);
    assert_true(child->ignores_children);
    assert_false(child->keeps_orphans);
    assert_int_equal(child->death_signal, 0);
    assert_true(creds_in_group(&child->vfs.creds, 42));
    assert_ptr_equal(child->vfs.creds.groups, child->identity.groups); /* its own */
    assert_int_equal(child->vfs.files.process, child->number);
    assert_memory_not_equal(child->secret, other->secret, PROCESS_SECRET_SIZE);
}

static void what_cannot_be_made_leaves_nothing(void **state)
{
    (void)state;
    struct process *first = process_first();
    struct process *child = NULL;
    assert_int_equal(vfs_open(&first->vfs, AT_FDCWD, "/f", O_CREAT | O_RDWR, 0600, 0), 0);
    heap_left = 0;
    assert_int_equal(process_new(first, SIGCHLD, &child), -ENOMEM);
    heap_left = SIZE_MAX;
    first->vfs.random = (struct file_random){0};
    assert_int_equal(process_new(first, SIGCHLD, &child), -EIO); /* no secret, no process */
    first->vfs.random = (struct file_random){fill, NULL};
    assert_null(child);
    for (size_t i = 1; i < PROCESSES_MAX; i++)
        assert_int_equal(process_at(i)->state, PROCESS_FREE);
    for (size_t i = 1; i < PROCESSES_MAX; i++)
        child = make(first);
    assert_int_equal(process_new(first, SIGCHLD, &child), -EAGAIN);
    process_end(child, 0); /* it still has its place */
    assert_int_equal(process_new(first, SIGCHLD, &child), -EAGAIN);
    process_forget(ended(first, -1, 0));
    (void)make(first);
}

static void numbers_are_nobody_else_s(void **state)
{
    (void)state;
    struct process *child = make(process_first());
    int group = child->number;
    assert_int_equal(process_set_group(child, 0, 0), 0);
    struct process *member = make(child);
    process_end(child, 0);
    process_forget(ended(process_first(), group, 0));
    assert_int_equal(member->group, group); /* it outlives who began it */
    for (int i = 0; i < 1000; i++)
        assert_int_not_equal(process_new_number(), group);
}

static void who_ends_is_told_of_and_waited_for_once(void **state)
{
    (void)state;
    struct process *first = process_first();
    struct process *child = make(first);
    struct signal_info info;
    child->identity.ids[IDENTITY_USER].real = 7;
    assert_null(ended(first, -1, 0));
    process_end(child, process_status(3));
    assert_int_equal(next_signal(&info), SIGCHLD);
    assert_int_equal(info.code, CLD_EXITED);
    assert_int_equal(info.words[0], (uint64_t)child->number | UINT64_C(7) << 32);
    assert_int_equal(info.words[1], 3);
    assert_ptr_equal(ended(first, child->number, 0), child);
    assert_int_equal(WEXITSTATUS(child->status), 3);
    assert_null(child->vfs.root); /* its files are gone */
    assert_int_equal(kill_from(first, child->number, SIGTERM), 0);
    assert_int_equal(posted, 0);
    int number = child->number;
    process_forget(child);
    assert_int_equal(process_find_changed(first, -1, WEXITED, &child), -ECHILD);
    assert_int_equal(kill_from(first, number, SIGTERM), -ESRCH);
    assert_null(process_find(number));
}

static void who_ends_leaves_nothing_shared_to_the_next(void **state)
{
    (void)state;
    struct process *child = make(process_first()), *other = make(process_first());
    size_t index = process_index(child);
    uint32_t object;
    assert_int_equal(shared_home_open(root->root, index, true, &object), 0);
    assert_int_equal(shared_home_open(root->root, process_index(other), true, &object), 0);
    process_end(child, 0);
    assert_false(shared_home_has(index));
    assert_true(shared_home_has(process_index(other)));
    index = process_index(other);
    process_cancel(other); /* it never ran */
    assert_false(shared_home_has(index));
    assert_null(root->root->shared);
}

static void a_signal_that_ended_it_is_its_status(void **state)
{
    (void)state;
    struct process *child = make(process_first());
    struct signal_info info;
    process_end(child, process_status(DOOR_DIED | SIGKILL));
    assert_true(WIFSIGNALED(child->status));
    assert_int_equal(WTERMSIG(child->status), SIGKILL);
    assert_int_equal(next_signal(&info), SIGCHLD);
    assert_int_equal(info.code, CLD_KILLED);
    assert_int_equal(info.words[1], SIGKILL);
    assert_int_equal(process_status(0x1FF00 | 5), 5); /* the host's half says nothing else */
}

static void children_are_told_apart(void **state)
{
    (void)state;
    struct process *first = process_first();
    struct process *a = make(first), *b = make(first), *clone = NULL, *none;
    assert_int_equal(process_new(first, 0, &clone), 0);
    assert_int_equal(process_set_group(a, 0, 0), 0);
    struct process *grandchild = make(a);
    process_end(b, 0);
    process_end(clone, 0);
    process_end(grandchild, 0);
    assert_null(ended(first, a->number, 0));
    assert_ptr_equal(ended(first, b->number, 0), b);
    assert_null(ended(first, -a->group, 0));
    assert_ptr_equal(ended(first, 0, 0), b); /* of its own group */
    assert_ptr_equal(ended(first, clone->number, __WCLONE), clone);
    assert_ptr_equal(ended(first, clone->number, __WALL), clone);
    assert_ptr_equal(ended(a, -1, 0), grandchild);
    assert_int_equal(process_find_changed(first, clone->number, WEXITED, &none), -ECHILD);
    assert_int_equal(process_find_changed(first, b->number, __WCLONE | WEXITED, &none), -ECHILD);
    assert_int_equal(process_find_changed(first, grandchild->number, WEXITED, &none), -ECHILD);
    assert_int_equal(process_find_changed(first, -b->number, WEXITED, &none), -ECHILD);
    assert_int_equal(process_find_changed(b, -1, WEXITED, &none), -ECHILD);
}

static void who_ignores_its_children_has_none_to_wait_for(void **state)
{
    (void)state;
    struct process *first = process_first();
    struct process *child = make(first), *other = NULL;
    struct signal_info info;
    first->ignores_children = true;
    process_end(child, 0);
    assert_int_equal(child->state, PROCESS_FREE);
    assert_int_equal(next_signal(&info), SIGCHLD);
    assert_int_equal(process_new(first, 0, &other), 0);
    process_end(other, 0); /* whose end is no SIGCHLD */
    assert_int_equal(other->state, PROCESS_ENDED);
    assert_int_equal(next_signal(&info), 0);
}

static void orphans_become_the_nearest_keeper_s(void **state)
{
    (void)state;
    struct process *first = process_first();
    struct process *keeper = make(first), *middle = make(keeper), *parent = make(middle);
    struct process *alive = make(parent), *dead = make(parent), *clone = NULL;
    assert_int_equal(process_new(parent, SIGUSR1, &clone), 0);
    keeper->keeps_orphans = true;
    alive->death_signal = SIGHUP;
    process_end(dead, 0);
    posted = 0;
    process_end(parent, 0);
    assert_ptr_equal(alive->parent, keeper);
    assert_ptr_equal(clone->parent, keeper);
    assert_int_equal(clone->exit_signal, SIGCHLD);
    assert_ptr_equal(ended(keeper, -1, 0), dead);
    assert_int_equal(posted,
                     3); /* SIGHUP to it, SIGCHLD of the dead one and of the parent itself */
    process_end(middle, 0);
    process_end(keeper, 0);
    assert_ptr_equal(alive->parent, first); /* a keeper that has ended keeps nobody */
    assert_ptr_equal(ended(first, dead->number, 0), dead);
}

static struct process *outsider_ended;

static void note_end(struct process *process)
{
    outsider_ended = process;
}

static struct process *make_outsider(void)
{
    struct process *process = NULL;
    assert_int_equal(process_new_outsider(&process_first()->vfs, note_end, &process), 0);
    process->post = post;
    return process;
}

static void who_was_started_from_outside_is_nobodys_child(void **state)
{
    (void)state;
    struct process *first = process_first(), *child = make(first), *outsider = make_outsider();
    assert_null(outsider->parent);
    assert_int_equal(outsider->group, outsider->number);
    assert_int_equal(outsider->session, outsider->number);
    assert_int_equal(outsider->identity.sets.effective, 0);
    assert_int_equal(process_set_group(first, outsider->number, 0), -ESRCH);
    outsider_ended = NULL;
    process_end(outsider, 5 << 8);
    assert_ptr_equal(outsider_ended, outsider);
    assert_int_equal(outsider->status, 5 << 8);
    assert_null(ended(first, -1, 0)); /* it is not the first one's to wait for */
    process_forget(outsider);
    process_end(child, 0);
}

static void who_is_apart_is_seen_by_nobody_else(void **state)
{
    (void)state;
    struct process *first = process_first(), *child = make(first), *apart = make_outsider();
    const int number = apart->number;
    apart->is_apart = true;
    assert_null(process_find(number));
    assert_ptr_equal(process_find_any(number), apart);
    posted = 0;
    assert_int_equal(kill_from(first, number, SIGKILL), -ESRCH);
    assert_int_equal(kill_from(first, number, 0), -ESRCH);
    assert_int_equal(kill_from(child, -number, SIGKILL), -ESRCH);
    assert_int_equal(kill_from(child, -1, SIGKILL), -ESRCH);
    assert_int_equal(posted, 0);
    thread_self()->process = apart;
    assert_ptr_equal(process_find(number), apart);
    thread_self()->process = first;
    process_end(apart, 0);
    process_forget(apart);
    process_end(child, 0);
}

static void its_orphans_are_the_first_one_s(void **state)
{
    (void)state;
    struct process *first = process_first(), *outsider = make_outsider();
    struct process *child = make(outsider), *grandchild = make(child);
    process_end(child, 0);
    assert_ptr_equal(grandchild->parent, first); /* not their forebear's, who keeps none */
    struct process *other = make(outsider), *left = make(other);
    outsider->keeps_orphans = true;
    process_end(other, 0);
    assert_ptr_equal(left->parent, outsider);
    process_end(outsider, 0);
    assert_ptr_equal(left->parent, first);
}

static void there_are_only_as_many_as_there_is_room_for(void **state)
{
    (void)state;
    struct process *process = NULL;
    struct vfs none = process_first()->vfs;
    none.random = (struct file_random){0};
    assert_int_equal(process_new_outsider(&none, note_end, &process), -EIO); /* no secret */
    assert_null(process);
    while (process_new(process_first(), SIGCHLD, &process) == 0)
        continue;
    process = NULL;
    assert_int_equal(process_new_outsider(&process_first()->vfs, note_end, &process), -EAGAIN);
    assert_null(process);
}

static void a_dead_child_of_who_ignores_them_is_gone_when_it_inherits(void **state)
{
    (void)state;
    struct process *first = process_first();
    struct process *parent = make(first), *dead = make(parent);
    first->ignores_children = true;
    process_end(dead, 0);
    assert_int_equal(dead->state, PROCESS_ENDED);
    process_end(parent, 0);
    assert_int_equal(dead->state, PROCESS_FREE);
    assert_int_equal(parent->state, PROCESS_FREE);
}

static void signals_go_to_one_a_group_or_all(void **state)
{
    (void)state;
    struct process *first = process_first();
    struct process *a = make(first), *b = make(first), *c = make(a);
    struct signal_info info;
    assert_int_equal(process_set_group(a, 0, 0), 0);
    assert_int_equal(process_set_group(a, c->number, a->number), 0);
    assert_int_equal(kill_from(first, b->number, SIGUSR1), 0);
    assert_ptr_equal(posted_to, b);
    assert_int_equal(posted_info.number, SIGUSR1);
    posted = 0;
    assert_int_equal(kill_from(first, -a->number, SIGUSR1), 0);
    assert_int_equal(posted, 2);
    posted = 0;
    assert_int_equal(kill_from(a, -1, SIGUSR1), 0); /* not number 1, not itself */
    assert_int_equal(posted, 2);
    assert_int_equal(next_signal(&info), 0);
    posted = 0;
    assert_int_equal(kill_from(b, 0, SIGUSR2), 0);
    assert_int_equal(posted, 1);
    assert_int_equal(next_signal(&info), SIGUSR2);
    posted = 0;
    assert_int_equal(kill_from(first, b->number, 0), 0); /* a question */
    assert_int_equal(kill_from(first, -b->number, SIGUSR1), -ESRCH);
    assert_int_equal(kill_from(first, THREAD_NUMBER_MAX, 0), -ESRCH);
    assert_int_equal(kill_from(first, INT_MIN, SIGUSR1), -ESRCH);
    assert_int_equal(posted, 0);
    process_end(a, 0);
    process_end(b, 0);
    process_end(c, 0);
    assert_int_equal(kill_from(first, -1, 0), 0); /* they have ended, and are there */
}

static void signals_want_the_same_user(void **state)
{
    (void)state;
    struct process *first = process_first();
    struct process *a = make(first), *b = make(first);
    assert_int_equal(identity_set_three(&a->identity, IDENTITY_USER, 5, 5, 5), -EPERM);
    a->identity.ids[IDENTITY_USER] = (struct identity_ids){5, 5, 5, 5};
    b->identity.ids[IDENTITY_USER] = (struct identity_ids){6, 6, 6, 6};
    assert_int_equal(kill_from(a, b->number, SIGTERM), -EPERM);
    assert_int_equal(kill_from(a, b->number, 0), -EPERM);
    assert_int_equal(kill_from(a, PROCESS_FIRST, SIGTERM), -EPERM);
    assert_int_equal(kill_from(a, -1, SIGTERM), -EPERM);
    assert_int_equal(posted, 0);
    assert_int_equal(kill_from(a, b->number, SIGCONT), 0); /* of one session */
    assert_int_equal(kill_from(a, 0, SIGTERM), 0);         /* one of the group is enough */
    assert_ptr_equal(posted_to, a);
    assert_int_equal(process_set_group(b, 0, 0), 0);
    assert_int_equal(process_set_session(b), -EPERM); /* it leads a group already */
    assert_int_equal(process_set_group(b, 0, first->group), 0);
    assert_int_equal(process_set_session(b), b->number);
    assert_int_equal(kill_from(a, b->number, SIGCONT), -EPERM);
}

static void groups_stay_in_their_session(void **state)
{
    (void)state;
    struct process *first = process_first();
    struct process *a = make(first), *b = make(first), *c = make(a);
    assert_int_equal(process_set_group(a, 0, -1), -EINVAL);
    assert_int_equal(process_set_group(a, b->number, 0), -ESRCH); /* none of its children */
    assert_int_equal(process_set_group(a, THREAD_NUMBER_MAX, 0), -ESRCH);
    assert_int_equal(process_set_group(first, 0, 0), -EPERM);     /* it leads its session */
    assert_int_equal(process_set_group(a, 0, b->number), -EPERM); /* there is no such group */
    assert_int_equal(process_set_group(first, a->number, 0), 0);
    assert_int_equal(process_set_group(first, b->number, a->number), 0);
    assert_int_equal(b->group, a->number);
    c->has_executed = true;
    assert_int_equal(process_set_group(a, c->number, 0), -EACCES);
    assert_int_equal(process_set_group(c, 0, 0), 0);
    assert_int_equal(process_set_session(a), -EPERM);
    assert_int_equal(process_set_session(b), b->number);
    assert_int_equal(b->group, b->number);
    assert_int_equal(process_set_session(b), -EPERM);
    assert_int_equal(process_set_group(first, b->number, a->number), -EPERM);
    assert_int_equal(process_set_group(c, 0, b->number), -EPERM); /* of another session */
}

static void limits_go_down_and_not_up(void **state)
{
    struct limits limits;
    (void)state;
    limits_init(&limits, 1024, 1 << 20);
    assert_int_equal(limits_files(&limits), 1024);
    assert_int_equal(limits_set(&limits, RLIMIT_NOFILE, &(struct limit){10, 5}, true), -EINVAL);
    assert_int_equal(limits_set(&limits, LIMITS, &(struct limit){1, 1}, true), -EINVAL);
    assert_int_equal(limits_set(&limits, RLIMIT_NOFILE, &(struct limit){1, 2048}, false), -EPERM);
    assert_int_equal(limits_set(&limits, RLIMIT_NOFILE, &(struct limit){1, LIMITS_FILES + 1}, true),
                     -EPERM);
    assert_int_equal(limits_files(&limits), 1024);
    assert_int_equal(limits_set(&limits, RLIMIT_NOFILE, &(struct limit){10, 20}, false), 0);
    assert_int_equal(limits_files(&limits), 10);
    assert_int_equal(limits_set(&limits, RLIMIT_NOFILE, &(struct limit){20, 21}, false), -EPERM);
    assert_int_equal(limits_set(&limits, RLIMIT_NOFILE, &(struct limit){20, 2048}, true), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

static struct process *changed(const struct process *parent, unsigned options)
{
    struct process *child = NULL;
    assert_int_equal(process_find_changed(parent, -1, options, &child), 0);
    return child;
}

static void a_parent_hears_who_stands_still_and_who_goes_on(void **state)
{
    struct signal_info info;
    struct process *first = process_first();
    (void)state;
    struct process *child = make(first);
    assert_null(changed(first, WSTOPPED | WCONTINUED | WEXITED));
    process_stop(child, SIGTSTP);
    assert_int_equal(child->stopped_by, SIGTSTP);
    assert_int_equal(next_signal(&info), SIGCHLD);
    assert_int_equal(info.code, CLD_STOPPED);
    assert_int_equal((int)info.words[0], child->number);
    assert_int_equal(info.words[1], SIGTSTP);
    assert_null(changed(first, WCONTINUED | WEXITED));
    assert_ptr_equal(changed(first, WSTOPPED), child);
    process_stop(child, 0);
    assert_null(changed(first, WSTOPPED | WEXITED)); /* that it did is no news any more */
    assert_ptr_equal(changed(first, WCONTINUED), child);
    assert_int_equal(next_signal(&info), SIGCHLD);
    assert_int_equal(info.code, CLD_CONTINUED);
    assert_int_equal(info.words[1], SIGCONT);
    first->ignores_stops = true;
    process_stop(child, SIGSTOP);
    assert_int_equal(next_signal(&info), 0);
    assert_ptr_equal(changed(first, WSTOPPED), child);
    process_end(child, SIGKILL);
    assert_null(changed(first, WSTOPPED | WCONTINUED));
    assert_ptr_equal(ended(first, -1, 0), child);
    assert_int_equal(child->stopped_by, 0);
    assert_int_equal(next_signal(&info), SIGCHLD); /* of its end it is told */
    process_forget(child);
    first->ignores_children = true;
    process_stop(make(first), SIGSTOP);
    assert_int_equal(next_signal(&info), 0);
    process_stop(first, SIGSTOP); /* it has no parent */
    process_stop(first, 0);
    first->news = PROCESS_NO_NEWS;
    first->ignores_children = first->ignores_stops = false;
}

static void a_group_whose_parents_are_in_it_is_orphaned(void **state)
{
    (void)state;
    struct process *shell = make(process_first());
    struct process *job = make(shell), *part = make(job);
    assert_true(process_is_orphaned(shell)); /* all are of one group */
    assert_int_equal(process_set_group(shell, job->number, 0), 0);
    assert_int_equal(process_set_group(job, part->number, job->number), 0);
    assert_false(process_is_orphaned(job));
    assert_false(process_is_orphaned(part)); /* the job's parent cares for it */
    assert_int_equal(process_set_session(part), part->number);
    assert_true(process_is_orphaned(part)); /* its parent is of another session */
    process_end(shell, 0);
    assert_int_equal(job->parent->number, PROCESS_FIRST);
    assert_false(process_is_orphaned(job));
    job->group = PROCESS_FIRST;
    assert_true(process_is_orphaned(job));
}

static void an_orphaned_group_that_stands_still_is_hung_up(void **state)
{
    (void)state;
    struct process *shell = make(process_first()), *keeper = make(process_first());
    struct process *job = make(shell), *other = make(shell);
    assert_int_equal(process_set_session(shell), shell->number);
    job->session = other->session = shell->number;
    job->group = other->group = job->number;
    keeper->session = shell->number;
    process_stop(other, SIGTSTP);
    posted = 0;
    process_lose_parent(job, shell); /* it has it yet */
    assert_int_equal(posted, 0);
    other->parent = keeper; /* who is of another group and of their session */
    job->parent = process_first();
    process_lose_parent(job, shell);
    assert_int_equal(posted, 0);
    keeper->group = job->group;
    process_lose_parent(job, process_first()); /* who was of another session */
    process_lose_parent(job, NULL);
    process_lose_parent(job, keeper); /* who is of their group */
    assert_int_equal(posted, 0);
    process_lose_parent(job, shell);
    assert_int_equal(posted, 6); /* SIGHUP to all three, then */
    assert_int_equal(posted_info.number, SIGCONT);
    other->stopped_by = 0;
    posted = 0;
    process_lose_parent(job, shell); /* nobody stands still */
    assert_int_equal(posted, 0);
}

/* One that has ended cares for nobody. */
static void who_ends_leaves_its_own_group_alone(void **state)
{
    (void)state;
    struct process *shell = make(process_first());
    struct process *leader = make(shell), *part = make(leader);
    assert_int_equal(process_set_session(shell), shell->number);
    leader->session = part->session = shell->number;
    leader->group = part->group = leader->number;
    process_stop(part, SIGSTOP);
    posted = 0;
    process_end(leader, 0);
    assert_int_equal(part->parent->number, PROCESS_FIRST);
    assert_true(process_is_orphaned(part));
    assert_int_equal(posted, 3); /* SIGHUP and SIGCONT to the part, and to the shell */
    assert_int_equal(posted_info.number, SIGCHLD);
    assert_ptr_equal(posted_to, shell);
    part->stopped_by = 0;
}

/* --- files that stand for them ---------------------------------------------------------------- */

static unsigned changes;

static void note_change(void)
{
    changes++;
}

static void a_pidfd_can_be_read_of_once_its_process_has_ended(void **state)
{
    struct process *child = make(process_first()), *other = make(process_first()), *found;
    struct file *file;
    (void)state;
    file_changed = note_change;
    changes = 0;
    assert_int_equal(process_file_new(child, O_NONBLOCK, &file), 0);
    assert_int_equal(file->flags, O_RDWR | O_NONBLOCK);
    assert_int_equal(process_file_get(file, &found), 0);
    assert_ptr_equal(found, child);
    assert_int_equal(file_poll(file), 0);
    process_end(other, 0); /* whom nobody watches */
    assert_int_equal(changes, 0);
    process_end(child, 0);
    assert_int_equal(changes, 1);
    assert_int_equal(file_poll(file), POLLIN | POLLRDNORM);
    assert_int_equal(process_file_get(file, &found), 0);
    assert_ptr_equal(found, child);
    process_forget(child);
    assert_int_equal(changes, 2);
    assert_int_equal(file_poll(file), POLLIN | POLLRDNORM | POLLHUP);
    file_put(file);
    file_changed = NULL;
}

static void a_pidfd_is_of_nobody_who_comes_later(void **state)
{
    struct process *child = make(process_first()), *found = child;
    struct file *file;
    (void)state;
    assert_int_equal(process_file_new(child, 0, &file), 0);
    process_cancel(child); /* it never was */
    struct process *next = make(process_first());
    assert_ptr_equal(next, child); /* at its place */
    next->number = child->number;
    assert_int_equal(process_file_get(file, &found), 0);
    assert_null(found);
    assert_true(file_poll(file) & POLLHUP);
    file_put(file);
}

static void other_files_are_no_pidfds(void **state)
{
    struct process *found;
    struct file *file;
    (void)state;
    assert_int_equal(process_file_get(NULL, &found), -EBADF);
    assert_int_equal(counter_new(0, false, 0, &file), 0);
    assert_int_equal(process_file_get(file, &found), -EBADF);
    file_put(file);
}

static void without_memory_there_is_no_pidfd(void **state)
{
    struct process *child = make(process_first());
    struct file *file = NULL;
    int status;
    (void)state;
    for (size_t most = 0; (heap_left = most, status = process_file_new(child, 0, &file)) < 0;
         most++) {
        assert_int_equal(status, -ENOMEM);
        assert_false(child->is_watched);
        assert_true(most < 3);
    }
    heap_left = SIZE_MAX;
    file_put(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_child_is_a_copy_with_a_number_of_its_own),
        TEST(what_cannot_be_made_leaves_nothing),
        TEST(numbers_are_nobody_else_s),
        TEST(who_ends_is_told_of_and_waited_for_once),
        TEST(who_ends_leaves_nothing_shared_to_the_next),
        TEST(a_signal_that_ended_it_is_its_status),
        TEST(children_are_told_apart),
        TEST(who_ignores_its_children_has_none_to_wait_for),
        TEST(orphans_become_the_nearest_keeper_s),
        TEST(who_was_started_from_outside_is_nobodys_child),
        TEST(who_is_apart_is_seen_by_nobody_else),
        TEST(its_orphans_are_the_first_one_s),
        TEST(there_are_only_as_many_as_there_is_room_for),
        TEST(a_dead_child_of_who_ignores_them_is_gone_when_it_inherits),
        TEST(signals_go_to_one_a_group_or_all),
        TEST(signals_want_the_same_user),
        TEST(groups_stay_in_their_session),
        TEST(limits_go_down_and_not_up),
        cmocka_unit_test_setup_teardown(a_parent_hears_who_stands_still_and_who_goes_on, start,
                                        end),
        cmocka_unit_test_setup_teardown(a_group_whose_parents_are_in_it_is_orphaned, start, end),
        TEST(an_orphaned_group_that_stands_still_is_hung_up),
        TEST(who_ends_leaves_its_own_group_alone),
        TEST(a_pidfd_can_be_read_of_once_its_process_has_ended),
        TEST(a_pidfd_is_of_nobody_who_comes_later),
        TEST(other_files_are_no_pidfds),
        TEST(without_memory_there_is_no_pidfd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
