/* Terminals where Linux cannot be asked for the answer: limits, full buffers, hang-ups, and
 * whatever is typed under whatever settings. What is the same as Linux', hello_terminal.c asks
 * both. */
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "../../../check.h"
#include "../heap.h"
#include "../stage.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/files/terminal_parts.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/threads/thread.h"

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)number, (void)a, (void)b, (void)c;
    return 0;
}

static struct tree *root, *folder;

static void now(void *arg, struct file_time *out)
{
    (void)arg;
    *out = (struct file_time){.sec = 1};
}

static int fill(void *arg, void *out, size_t size)
{
    (void)arg;
    memset(out, 1, size);
    return 0;
}

static struct vfs *files(void)
{
    return &process_first()->vfs;
}

static int start(void **state)
{
    struct tree_options options = {.limit = 1 << 20, .mode = 0755, .clock = {now, NULL}};
    (void)state;
    assert_int_equal(tree_new(&options, &root), 0);
    options.device = 1;
    assert_int_equal(tree_new(&options, &folder), 0);
    process_begin();
    vfs_init(files(), root, options.clock);
    files()->random = (struct file_random){fill, NULL};
    process_identify(process_first());
    thread_at(0)->process = process_first();
    thread_at(0)->state = THREAD_RUNS;
    thread_at(0)->signals.mask = UINT64_MAX; /* what comes stays pending */
    thread_at(0)->signals.pending.set = 0;
    assert_int_equal(vfs_mkdir(files(), AT_FDCWD, "/dev", 0755), 0);
    assert_int_equal(vfs_mkdir(files(), AT_FDCWD, "/dev/pts", 0755), 0);
    assert_int_equal(terminal_make_folder(folder), 0);
    assert_int_equal(vfs_mount(files(), "/dev/pts", folder), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    vfs_unmount(files(), folder);
    vfs_fini(files());
    tree_free(folder);
    tree_free(root);
    return 0;
}

static int open_at(const char *path, unsigned flags)
{
    return vfs_open(files(), AT_FDCWD, path, flags, 0, 0);
}

static struct file *file_of(int number)
{
    return file_table_get(&files()->files, number);
}

static int control(int number, unsigned request, void *argument)
{
    struct file *file = file_of(number);
    return file->kind->ioctl(file, request, argument);
}

struct pair {
    int master, slave;
};

static struct pair open_pair(void)
{
    int unlocked = 0;
    struct pair pair = {.master = open_at("/dev/pts/ptmx", O_RDWR)};
    assert_true(pair.master >= 0);
    assert_int_equal(control(pair.master, TIOCSPTLCK, &unlocked), 0);
    assert_int_equal(terminal_of(file_of(pair.master))->number, 0);
    pair.slave = open_at("/dev/pts/0", O_RDWR | O_NOCTTY);
    assert_true(pair.slave >= 0);
    return pair;
}

static void close_pair(struct pair pair)
{
    (void)file_close(&files()->files, pair.slave);
    (void)file_close(&files()->files, pair.master);
}

static int64_t put(int number, const void *bytes, size_t size)
{
    return file_write(file_of(number), FILE_HERE, bytes, size);
}

static int64_t get(int number, void *out, size_t size)
{
    return file_read(file_of(number), FILE_HERE, out, size);
}

static void set(int slave, tcflag_t off)
{
    struct termios all;
    assert_int_equal(control(slave, TCGETS, &all), 0);
    all.c_lflag &= ~off;
    assert_int_equal(control(slave, TCSETS, &all), 0);
}

static void there_are_only_so_many(void **state)
{
    int numbers[TERMINALS_MAX];
    (void)state;
    for (size_t i = 0; i < TERMINALS_MAX; i++)
        numbers[i] = open_at("/dev/pts/ptmx", O_RDWR);
    assert_true(numbers[TERMINALS_MAX - 1] >= 0);
    assert_int_equal(open_at("/dev/pts/ptmx", O_RDWR), -ENOSPC);
    assert_int_equal(open_at("/dev/pts/63", O_RDWR), -EIO); /* it is locked */
    for (size_t i = 0; i < TERMINALS_MAX; i++)
        assert_int_equal(file_close(&files()->files, numbers[i]), 0);
    assert_int_equal(open_at("/dev/pts/63", O_RDWR), -ENOENT);
    close_pair(open_pair());
}

static void a_line_ends_where_its_room_does(void **state)
{
    static uint8_t typed[3 * TERMINAL_INPUT], read[2 * TERMINAL_INPUT];
    struct pair pair = open_pair();
    (void)state;
    set(pair.slave, ECHO);
    memset(typed, 'a', sizeof typed);
    assert_int_equal(put(pair.master, typed, sizeof typed), sizeof typed); /* so it can be edited */
    assert_int_equal(get(pair.slave, read, sizeof read), -EAGAIN);
    assert_int_equal(put(pair.master, "\n", 1), 1);
    assert_int_equal(put(pair.master, "b", 1), -EAGAIN); /* nobody has read the line */
    assert_int_equal(get(pair.slave, read, sizeof read), TERMINAL_INPUT);
    assert_int_equal(read[TERMINAL_INPUT - 1], '\n');
    assert_int_equal(put(pair.master, "b", 1), 1);
    set(pair.slave, ICANON);
    assert_int_equal(put(pair.master, typed, sizeof typed), TERMINAL_INPUT - 2);
    assert_int_equal(put(pair.master, typed, 1), -EAGAIN);
    assert_int_equal(get(pair.slave, read, sizeof read), TERMINAL_INPUT - 1);
    close_pair(pair);
}

static void who_shows_waits_and_echoes_are_left_out(void **state)
{
    static uint8_t bytes[2 * TERMINAL_OUTPUT], read[2 * TERMINAL_OUTPUT];
    struct pair pair = open_pair();
    (void)state;
    memset(bytes, '\n', sizeof bytes);
    int64_t shown = put(pair.slave, bytes, sizeof bytes);
    assert_true(shown > 0 && shown < TERMINAL_OUTPUT / 2);
    assert_int_equal(put(pair.slave, bytes, 1), -EAGAIN);
    assert_int_equal(file_poll(file_of(pair.slave)) & POLLOUT, 0);
    for (int i = 0; i < 3000; i++)
        (void)put(pair.master, "a\025", 2); /* each is shown and erased again */
    assert_true(get(pair.master, read, sizeof read) <= TERMINAL_OUTPUT);
    assert_true(file_poll(file_of(pair.slave)) & POLLOUT);
    close_pair(pair);
}

static void slaves_hang_up(void **state)
{
    struct pair pair = open_pair();
    int number = 0;
    char byte;
    (void)state;
    terminal_give(terminal_of(file_of(pair.slave)), process_first());
    assert_int_equal(file_close(&files()->files, pair.master), 0);
    assert_true(thread_at(0)->signals.pending.set == 0);
    assert_true(signal_pending(thread_at(0)) & SIGNAL_BIT(SIGHUP));
    assert_int_equal(get(pair.slave, &byte, 1), 0);
    assert_int_equal(put(pair.slave, "x", 1), -EIO);
    assert_int_equal(control(pair.slave, TIOCGPGRP, &number), -EIO);
    assert_int_equal(control(pair.slave, TIOCSPGRP, &number), -ENOTTY);
    assert_true(file_poll(file_of(pair.slave)) & POLLHUP);
    assert_null(terminal_own());
    assert_int_equal(open_at("/dev/pts/0", O_RDWR), -ENOENT);
    assert_int_equal(file_close(&files()->files, pair.slave), 0);
    close_pair(open_pair());
}

static void set_action(int number, uintptr_t handler)
{
    const struct signal_action action = {.handler = handler};
    assert_int_equal(signal_set_action(number, &action, NULL), 0);
}

/* A group in which nobody's parent could have it go on is never stopped. */
static void who_is_in_the_background_is_told_unless_it_ignores_it(void **state)
{
    struct pair pair = open_pair();
    struct terminal *terminal = terminal_of(file_of(pair.slave));
    struct process *shell = process_first(), *job;
    (void)state;
    assert_int_equal(process_new(shell, SIGCHLD, &job), 0);
    job->group = job->number;
    terminal_give(terminal, shell);
    thread_at(0)->process = job;
    thread_at(0)->signals.mask = 0;
    set_action(SIGTTIN, 1000);
    set_action(SIGTTOU, 1000);
    assert_int_equal(terminal_check(terminal, SIGTTIN), -EINTR);
    assert_int_equal(thread_at(0)->signals.pending.set, SIGNAL_BIT(SIGTTIN));
    assert_int_equal(terminal_check(terminal, SIGTTOU), -EINTR);
    assert_int_equal(thread_at(0)->signals.pending.set, SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU));
    signal_drop(thread_at(0), UINT64_MAX);
    thread_at(0)->signals.mask = SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU);
    assert_int_equal(terminal_check(terminal, SIGTTIN), -EIO);
    assert_int_equal(terminal_check(terminal, SIGTTOU), 0);
    thread_at(0)->signals.mask = 0;
    set_action(SIGTTIN, (uintptr_t)SIG_IGN);
    assert_int_equal(terminal_check(terminal, SIGTTIN), -EIO);
    assert_int_equal(terminal_check(terminal, SIGTTOU), -EINTR);
    signal_drop(thread_at(0), UINT64_MAX);
    job->parent = NULL;
    assert_int_equal(terminal_check(terminal, SIGTTOU), -EIO);
    job->has_no_terminal = true; /* it is another's */
    assert_int_equal(terminal_check(terminal, SIGTTIN), 0);
    set_action(SIGTTIN, (uintptr_t)SIG_DFL);
    set_action(SIGTTOU, (uintptr_t)SIG_DFL);
    thread_at(0)->process = shell;
    process_cancel(job);
    close_pair(pair);
}

/* By the word of the enclave where the thread is, whatever is set here. */
static void a_mirror_is_told_where_its_thread_is(void **state)
{
    struct pair pair = open_pair();
    struct terminal *terminal = terminal_of(file_of(pair.slave));
    struct thread_mirror mirror = {.unheard = SIGNAL_BIT(SIGTTOU)};
    struct process *job;
    (void)state;
    assert_int_equal(process_new(process_first(), SIGCHLD, &job), 0);
    job->group = job->number;
    terminal_give(terminal, process_first());
    thread_at(0)->process = job;
    thread_at(0)->mirror = &mirror;
    assert_int_equal(terminal_check(terminal, SIGTTOU), 0);
    assert_int_equal(mirror.raised, 0);
    assert_int_equal(terminal_check(terminal, SIGTTIN), -EINTR);
    assert_int_equal(mirror.raised, SIGNAL_BIT(SIGTTIN));
    assert_int_equal(thread_at(0)->signals.pending.set, 0);
    thread_at(0)->mirror = NULL;
    thread_at(0)->process = process_first();
    process_cancel(job);
    close_pair(pair);
}

static void who_reads_in_the_background_is_refused(void **state)
{
    struct pair pair = open_pair();
    struct terminal *terminal = terminal_of(file_of(pair.slave));
    char byte;
    (void)state;
    terminal_give(terminal, process_first());
    terminal->group = 77;
    assert_int_equal(put(pair.master, "\n", 1), 1);
    assert_int_equal(get(pair.slave, &byte, 1), -EIO);
    assert_int_equal(put(pair.slave, "x", 1), 1);
    terminal->group = PROCESS_FIRST;
    assert_int_equal(get(pair.slave, &byte, 1), 1);
    close_pair(pair);
}

static void requests_have_room(void **state)
{
    size_t found = 0;
    (void)state;
    for (uint32_t number = 0; number < 0x10000; number++) {
        const struct terminal_request *request = terminal_request_find(number);
        found += request != NULL;
        assert_true(!request || request->size <= TERMINAL_REQUEST_MAX);
        assert_true(!request || (request->size > 0) == (request->is_in || request->is_out));
    }
    assert_true(found > 15);
    assert_null(terminal_request_find(TIOCSTI));
    assert_null(terminal_request_find(TIOCPKT));
}

static uint32_t next_random(void)
{
    static uint32_t seed = 1;
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static void check(const struct terminal *terminal)
{
    assert_true(terminal->used <= TERMINAL_INPUT && terminal->lines <= terminal->used);
    assert_true(terminal->shows <= TERMINAL_OUTPUT);
    assert_true(terminal->start < TERMINAL_INPUT && terminal->shown < TERMINAL_OUTPUT);
}

static void step(struct pair pair)
{
    uint8_t bytes[256];
    struct termios all;
    size_t size = next_random() % sizeof bytes;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(next_random() % 4 ? next_random() % 32 : next_random());
    switch (next_random() % 8) {
    case 0:
        (void)control(pair.slave, TCGETS, &all);
        all.c_lflag = next_random();
        all.c_iflag = next_random();
        all.c_oflag = next_random();
        all.c_cc[next_random() % 17] = (cc_t)(next_random() % 32);
        (void)control(pair.slave, next_random() % 2 ? TCSETS : TCSETSF, &all);
        return;
    case 1:
        (void)get(pair.master, bytes, sizeof bytes);
        return;
    case 2:
        (void)put(pair.slave, bytes, size);
        return;
    case 3:
    case 4:
        assert_true(get(pair.slave, bytes, size) <= (int64_t)size);
        return;
    case 5:
        (void)control(pair.slave, TCFLSH, (void *)(uintptr_t)(next_random() % 3)); /* NOLINT */
        return;
    default:
        assert_true(put(pair.master, bytes, size) <= (int64_t)size);
    }
}

static void whatever_is_typed_stays_within_its_room(void **state)
{
    struct pair pair = open_pair();
    (void)state;
    for (int i = 0; i < 60000; i++) {
        step(pair);
        check(terminal_of(file_of(pair.slave)));
    }
    close_pair(pair);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(there_are_only_so_many),
        TEST(a_line_ends_where_its_room_does),
        TEST(who_shows_waits_and_echoes_are_left_out),
        TEST(slaves_hang_up),
        TEST(who_reads_in_the_background_is_refused),
        TEST(who_is_in_the_background_is_told_unless_it_ignores_it),
        TEST(a_mirror_is_told_where_its_thread_is),
        TEST(requests_have_room),
        TEST(whatever_is_typed_stays_within_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
