/* /proc and /sys: what is there, who may, where links lead, and what is not there. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../../../check.h"
#include "../heap.h"
#include "../stage.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/files/proc.h"
#include "enclave/libos/files/sysfs.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/program/facts.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/threads/thread.h"

#define PAGES 4

struct world {
    struct tree *root, *proc, *sys;
    struct vfs *vfs;
    uint8_t *memory;
};

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)a;
    (void)b;
    (void)c;
    return number == DOOR_CLOCK ? 7000000000 : 0;
}

static void now(void *arg, struct file_time *out)
{
    (void)arg;
    *out = (struct file_time){.sec = 1};
}

static int fill(void *arg, void *out, size_t size)
{
    (void)arg;
    memset(out, 0xA5, size);
    return 0;
}

static int accept_page(uintptr_t page)
{
    (void)page;
    return 0;
}

static void extend_page(uintptr_t page, unsigned access)
{
    (void)page;
    (void)access;
}

static int restrict_pages(uintptr_t first, size_t size, unsigned access)
{
    (void)first;
    (void)size;
    (void)access;
    return 0;
}

/* A stack with two words and a variable, as program_stack() leaves it. */
static uint64_t make_stack(uint8_t *page)
{
    char *texts = (char *)page + MEMORY_PAGE - 16;
    memcpy(texts, "/p\0one\0two\0V=1", 15);
    uint64_t *stack = (uint64_t *)(void *)page;
    const uint64_t words[] = {2, (uintptr_t)texts + 3,  (uintptr_t)texts + 7,
                              0, (uintptr_t)texts + 11, 0,
                              6, MEMORY_PAGE,           0,
                              0};
    memcpy(stack, words, sizeof words);
    return (uintptr_t)stack;
}

static int start(void **state)
{
    static const struct memory_leaves leaves = {accept_page, extend_page, restrict_pages};
    struct world *world = calloc(1, sizeof *world);
    struct tree_options options = {.limit = 1 << 20, .mode = 0755, .clock = {now, NULL}};
    uintptr_t at;
    assert_non_null(world);
    assert_int_equal(tree_new(&options, &world->root), 0);
    assert_int_equal(proc_new(options.clock, &world->proc), 0);
    assert_int_equal(sysfs_new(options.clock, &world->sys), 0);
    process_begin();
    world->vfs = &process_first()->vfs;
    vfs_init(world->vfs, world->root, options.clock);
    world->vfs->random = (struct file_random){fill, NULL};
    assert_int_equal(vfs_mkdir(world->vfs, AT_FDCWD, "/proc", 0755), 0);
    assert_int_equal(vfs_mkdir(world->vfs, AT_FDCWD, "/sys", 0755), 0);
    assert_int_equal(vfs_mount(world->vfs, "/proc", world->proc), 0);
    assert_int_equal(vfs_mount(world->vfs, "/sys", world->sys), 0);
    assert_ptr_equal(thread_first(process_first(), PROCESS_FIRST), thread_self());
    world->memory = aligned_alloc(MEMORY_PAGE, PAGES * MEMORY_PAGE);
    assert_non_null(world->memory);
    memory_init((uintptr_t)world->memory, PAGES * MEMORY_PAGE, &leaves);
    at = (uintptr_t)world->memory;
    assert_int_equal(memory_map(&at, MEMORY_PAGE, MEMORY_READ | MEMORY_WRITE, true), 0);
    int number = vfs_open(world->vfs, AT_FDCWD, "/program", O_CREAT | O_RDWR, 0755, 0);
    assert_int_equal(number, 0);
    const struct program program = {.heap = at + 2 * MEMORY_PAGE};
    program_facts_begin(&program, make_stack(world->memory));
    static const char words[] = "/scripts/script\0a\0word";
    told_begin(&process_first()->told, world->vfs, "program", words, sizeof words);
    memcpy(thread_self()->name, process_first()->told.name, sizeof process_first()->told.name);
    *state = world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    thread_free(thread_self());
    vfs_unmount(world->vfs, world->proc);
    vfs_unmount(world->vfs, world->sys);
    told_end(&process_first()->told);
    vfs_fini(world->vfs);
    tree_free(world->proc);
    tree_free(world->sys);
    tree_free(world->root);
    free(world->memory);
    free(world);
    return 0;
}

/* What the file has; or a negative errno. */
static int64_t read_text(struct vfs *vfs, const char *path, char *out, size_t size)
{
    int number = vfs_open(vfs, AT_FDCWD, path, O_RDONLY, 0, 0);
    if (number < 0)
        return number;
    int64_t got = file_read(file_table_get(&vfs->files, number), FILE_HERE, out, size - 1);
    assert_int_equal(file_close(&vfs->files, number), 0);
    out[got > 0 ? got : 0] = 0;
    return got;
}

static void files_say_what_there_is(void **state)
{
    static const struct {
        const char *path, *text;
    } expected[] = {
        {"/proc/self/comm", "script\n"},
        {"/proc/1/task/1/comm", "script\n"},
        {"/proc/self/cmdline", "one"},
        {"/proc/self/environ", "V=1"},
        {"/proc/self/cgroup", "0::/\n"},
        {"/proc/uptime", "7.00 56.00\n"},
        {"/proc/loadavg", "0.00 0.00 0.00 1/1 1\n"},
        {"/proc/sys/kernel/ostype", "Linux\n"},
        {"/proc/sys/kernel/hostname", "caisson\n"},
        {"/proc/sys/kernel/random/uuid", "a5a5a5a5-a5a5-45a5-a5a5-a5a5a5a5a5a5\n"},
        {"/sys/devices/system/cpu/online", "0-7\n"},
        {"/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n"},
    };
    struct world *world = *state;
    char text[4096];
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_true(read_text(world->vfs, expected[i].path, text, sizeof text) > 0);
        assert_string_equal(text, expected[i].text);
    }
    assert_int_equal(read_text(world->vfs, "/proc/self/cmdline", text, sizeof text), 8);
    assert_memory_equal(text, "one\0two", 8);
    assert_int_equal(read_text(world->vfs, "/proc/self/auxv", text, sizeof text), 32);
    assert_true(read_text(world->vfs, "/proc/self/stat", text, sizeof text) > 0);
    assert_memory_equal(text, "1 (script) R 0 1 1 0 -1 ", 24);
    assert_true(read_text(world->vfs, "/proc/self/status", text, sizeof text) > 0);
    assert_non_null(strstr(text, "\nThreads:\t1\n"));
    assert_true(read_text(world->vfs, "/proc/self/maps", text, sizeof text) > 0);
    assert_non_null(strstr(text, " rw-p 00000000 00:00 0 "));
}

/* Nothing of its memory is here. */
static void a_process_elsewhere_has_a_program_and_words(void **state)
{
    static const char words[] = "/bin/other\0name\0word";
    struct world *world = *state;
    struct process *child;
    struct file_stat first, second;
    char text[4096];
    assert_int_equal(process_new(process_first(), SIGCHLD, &child), 0);
    const int number = child->number;
    char comm[64], cmdline[64], environment[64], exe[64];
    (void)snprintf(comm, sizeof comm, "/proc/%d/comm", number);
    (void)snprintf(cmdline, sizeof cmdline, "/proc/%d/cmdline", number);
    (void)snprintf(environment, sizeof environment, "/proc/%d/environ", number);
    (void)snprintf(exe, sizeof exe, "/proc/%d/exe", number);
    assert_int_equal(read_text(world->vfs, comm, text, sizeof text), 7);
    assert_string_equal(text, "script\n"); /* its parent's, until it executes */
    assert_int_equal(read_text(world->vfs, cmdline, text, sizeof text), 7);
    assert_memory_equal(text, "a\0word", 7);
    told_begin(&child->told, &child->vfs, exe, words, sizeof words);
    assert_int_equal(read_text(world->vfs, comm, text, sizeof text), 6);
    assert_string_equal(text, "other\n");
    assert_int_equal(read_text(world->vfs, cmdline, text, sizeof text), 10);
    assert_memory_equal(text, "name\0word", 10);
    assert_int_equal(read_text(world->vfs, environment, text, sizeof text), 0);
    assert_int_equal(vfs_stat(world->vfs, AT_FDCWD, "/program", 0, &first), 0);
    assert_int_equal(vfs_stat(world->vfs, AT_FDCWD, exe, 0, &second), 0);
    assert_int_equal(first.inode, second.inode);
    process_end(child, 0);
    assert_int_equal(read_text(world->vfs, comm, text, sizeof text), 6);
    assert_int_equal(read_text(world->vfs, cmdline, text, sizeof text), 0);
    assert_int_equal(vfs_stat(world->vfs, AT_FDCWD, exe, 0, &second), -ENOENT);
    process_forget(child);
}

/* What another process says of itself, which may be anything, is cut, and nothing beyond is read.
 */
static void words_of_any_form_are_taken(void **state)
{
    struct world *world = *state;
    struct told told = {.file = NULL};
    told_begin(&told, world->vfs, "/none", "", 1);
    assert_string_equal(told.name, "");
    assert_null(told.file);
    assert_int_equal(told.words_size, 0);
    told_begin(&told, world->vfs, "/program", "a/b/no end of it at all", 7);
    assert_string_equal(told.name, "no ");
    assert_non_null(told.file);
    assert_string_equal(told.path, "/program");
    assert_int_equal(told.words_size, 0);
    told_begin(&told, world->vfs, "/none", "/////\0x", 8);
    assert_string_equal(told.name, "");
    assert_null(told.file);
    assert_int_equal(told.words_size, 2);
    told_begin(&told, world->vfs, "/none", "a-name-of-more-than-fifteen", 28);
    assert_string_equal(told.name, "a-name-of-more-");
    told_end(&told);
    assert_null(told.words);
}

static void refuses_what_is_not_there(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = world->vfs;
    static const char *const paths[] = {
        "/proc/2",          "/proc/01",          "/proc/-1",     "/proc/1x",
        "/proc/9999999999", "/proc/1/task/2",    "/proc/1/fd/9", "/proc/1/fd/00",
        "/proc/none",       "/proc/1/none",      "/proc/1/mem",  "/proc/1/fd/4294967296",
        "/sys/none",        "/proc/1/fdinfo/99", "/proc/kcore",  "/proc/self/fd/-1"};
    struct file_stat st;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(vfs_stat(vfs, AT_FDCWD, paths[i], 0, &st), -ENOENT);
        assert_int_equal(vfs_open(vfs, AT_FDCWD, paths[i], O_CREAT | O_RDWR, 0644, 0), -ENOENT);
    }
    assert_int_equal(vfs_mkdir(vfs, AT_FDCWD, "/proc/x", 0755), -ENOENT);
    assert_int_equal(vfs_unlink(vfs, AT_FDCWD, "/proc/stat", 0), -ENOENT);
    assert_int_equal(vfs_link(vfs, AT_FDCWD, "/program", AT_FDCWD, "/proc/p", 0), -EXDEV);
    assert_int_equal(vfs_rename(vfs, AT_FDCWD, "/proc/stat", AT_FDCWD, "/proc/s", 0), -ENOENT);
    assert_int_equal(vfs_truncate(vfs, "/proc/stat", 0), -EINVAL);
    assert_int_equal(vfs_stat(vfs, AT_FDCWD, "/proc/stat/x", 0, &st), -ENOTDIR);
}

static void texts_can_be_written_where_they_are_settings(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = world->vfs;
    char text[64];
    int number = vfs_open(vfs, AT_FDCWD, "/proc/self/comm", O_RDWR, 0, 0);
    assert_true(number >= 0);
    struct file *file = file_table_get(&vfs->files, number);
    assert_int_equal(file_write(file, FILE_HERE, "a name longer than fifteen", 26), 26);
    assert_int_equal(file_read(file, 0, text, sizeof text), 16);
    assert_memory_equal(text, "a name longer t\n", 16);
    static char large[8192];
    assert_int_equal(file_write(file, FILE_HERE, large, sizeof large), -EINVAL);
    number = vfs_open(vfs, AT_FDCWD, "/proc/stat", O_WRONLY, 0, 0); /* root may, to no avail */
    assert_int_equal(file_write(file_table_get(&vfs->files, number), FILE_HERE, "x", 1), -EIO);
}

static void what_is_read_from_the_beginning_is_new(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = world->vfs;
    char text[64];
    int number = vfs_open(vfs, AT_FDCWD, "/proc/self/comm", O_RDONLY, 0, 0);
    struct file *file = file_table_get(&vfs->files, number);
    assert_int_equal(file_read(file, FILE_HERE, text, 3), 3);
    memcpy(thread_self()->name, "other", 6);
    assert_int_equal(file_read(file, FILE_HERE, text, sizeof text), 4);
    assert_memory_equal(text, "ipt\n", 4); /* the rest of what was read before */
    assert_int_equal(file_seek(file, 0, 0), 0);
    assert_int_equal(file_read(file, FILE_HERE, text, sizeof text), 6);
    assert_memory_equal(text, "other\n", 6);
}

static void links_lead_to_what_is_open(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = world->vfs;
    char text[PATH_MAX];
    struct file *file = file_table_get(&vfs->files, 0);
    assert_int_equal(file_write(file, FILE_HERE, "bytes", 5), 5);
    assert_int_equal(vfs_read_link(vfs, AT_FDCWD, "/proc/self/fd/0", text, sizeof text), 8);
    assert_memory_equal(text, "/program", 8);
    assert_int_equal(read_text(vfs, "/proc/self/fd/0", text, sizeof text), 5);
    assert_int_equal(vfs_unlink(vfs, AT_FDCWD, "/program", 0), 0);
    assert_int_equal(vfs_read_link(vfs, AT_FDCWD, "/proc/self/fd/0", text, sizeof text), 18);
    assert_memory_equal(text, "/program (deleted)", 18);
    assert_int_equal(read_text(vfs, "/proc/self/fd/0", text, sizeof text), 5); /* all the same */
    assert_int_equal(read_text(vfs, "/proc/self/exe", text, sizeof text), 5);
    assert_int_equal(vfs_read_link(vfs, AT_FDCWD, "/proc/self", text, sizeof text), 1);
    assert_int_equal(vfs_read_link(vfs, AT_FDCWD, "/proc/thread-self", text, sizeof text), 8);
    assert_int_equal(vfs_chdir(vfs, "/proc/self/root/proc/1/task"), 0);
    assert_int_equal(vfs_getcwd(vfs, text, sizeof text), 13);
    assert_string_equal(text, "/proc/1/task");
    assert_int_equal(vfs_chdir(vfs, "../../sys"), 0);
    assert_int_equal(vfs_getcwd(vfs, text, sizeof text), 10);
    assert_int_equal(vfs_read_link(vfs, AT_FDCWD, "/proc/self/cwd", text, sizeof text), 9);
    assert_int_equal(vfs_chdir(vfs, "/"), 0);
}

static void what_has_no_name_is_told_and_not_opened(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = world->vfs;
    struct file *counter;
    char text[64];
    assert_int_equal(counter_new(1, false, 0, &counter), 0);
    int number = file_table_add(&vfs->files, counter, 5, false);
    assert_int_equal(number, 5);
    int size = vfs_read_link(vfs, AT_FDCWD, "/proc/self/fd/5", text, sizeof text);
    assert_int_equal(size, 20);
    assert_memory_equal(text, "anon_inode:[eventfd]", 20);
    assert_int_equal(vfs_open(vfs, AT_FDCWD, "/proc/self/fd/5", O_RDWR, 0, 0), -ENXIO);
    assert_int_equal(counter->references, 1); /* nothing of the attempt is left */
}

static void links_of_this_kind_can_be_refused(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = world->vfs;
    assert_int_equal(vfs_open(vfs, AT_FDCWD, "/proc/self/fd/0", O_RDONLY, 0, 2), -ELOOP);
    assert_int_equal(vfs_open(vfs, AT_FDCWD, "/proc/self/fd/0", O_RDONLY, 0, 4), -ELOOP);
    assert_int_equal(vfs_open(vfs, AT_FDCWD, "/proc/self/fd/0", O_RDONLY, 0, 0x10), -EXDEV);
    assert_int_equal(vfs_open(vfs, AT_FDCWD, "/proc/self/fd/0", O_NOFOLLOW, 0, 0), -ELOOP);
    assert_true(vfs_open(vfs, AT_FDCWD, "/proc/self/comm", O_RDONLY, 0, 2) >= 0); /* not magic */
}

static void others_may_not_look_at_a_process(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = world->vfs;
    struct process *other = process_at(1);
    *other = (struct process){.state = PROCESS_ALIVE, .number = 7, .group = 7, .session = 7};
    vfs_init(&other->vfs, world->root, vfs->clock);
    vfs->creds = (struct creds){.uid = 5, .gid = 5};
    char text[64];
    assert_int_equal(read_text(vfs, "/proc/7/environ", text, sizeof text), -EACCES);
    assert_int_equal(read_text(vfs, "/proc/7/fd/0", text, sizeof text), -EACCES);
    assert_true(read_text(vfs, "/proc/7/stat", text, sizeof text) > 0);
    assert_int_equal(read_text(vfs, "/proc/7/cmdline", text, sizeof text), 0);
    vfs_fini(&other->vfs);
    other->state = PROCESS_ENDED;
    assert_true(read_text(vfs, "/proc/7/stat", text, sizeof text) > 0);
    assert_memory_equal(text, "7 (process) Z ", 14);
    other->state = PROCESS_FREE;
    assert_int_equal(read_text(vfs, "/proc/7/stat", text, sizeof text), -ENOENT);
}

/* Counts, and ends the listing after some. */
struct count {
    size_t seen, most;
    uint64_t next;
};

static int count_one(void *arg, struct span name, uint64_t number, unsigned type, uint64_t next)
{
    struct count *count = arg;
    (void)type;
    assert_true(name.size > 0 && number != 0);
    if (count->seen == count->most)
        return -EAGAIN;
    count->seen++;
    count->next = next;
    return 0;
}

static void directories_are_listed_once_in_any_parts(void **state)
{
    struct world *world = *state;
    struct count all = {.most = SIZE_MAX};
    assert_int_equal(tree_list(world->proc->root, 0, count_one, &all), 0);
    assert_true(all.seen > 15);
    for (size_t part = 1; part < all.seen; part++) {
        struct count parts = {.most = 0};
        int status = -EAGAIN;
        while (status == -EAGAIN) {
            parts.most += part;
            status = tree_list(world->proc->root, parts.next, count_one, &parts);
        }
        assert_int_equal(status, 0);
        assert_int_equal(parts.seen, all.seen);
    }
}

static void texts_grow_up_to_a_limit(void **state)
{
    struct pseudo_text text = {0};
    (void)state;
    pseudo_print(&text, "%s %c%d %5lu %04lx %lu%%|%d", "a", 'b', -7, 42UL, 0xABUL, UINT64_MAX,
                 INT_MIN);
    assert_int_equal(text.size, 50);
    assert_memory_equal(text.bytes, "a b-7    42 00ab 18446744073709551615%|-2147483648", 50);
    static const char large[65536];
    for (size_t i = 0; i < PSEUDO_TEXT_MAX / sizeof large; i++)
        pseudo_add(&text, large, sizeof large);
    assert_true(text.failed);
    assert_true(text.size <= PSEUDO_TEXT_MAX);
    pseudo_text_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_say_what_there_is, start, end),
        cmocka_unit_test_setup_teardown(a_process_elsewhere_has_a_program_and_words, start, end),
        cmocka_unit_test_setup_teardown(words_of_any_form_are_taken, start, end),
        cmocka_unit_test_setup_teardown(refuses_what_is_not_there, start, end),
        cmocka_unit_test_setup_teardown(texts_can_be_written_where_they_are_settings, start, end),
        cmocka_unit_test_setup_teardown(what_is_read_from_the_beginning_is_new, start, end),
        cmocka_unit_test_setup_teardown(links_lead_to_what_is_open, start, end),
        cmocka_unit_test_setup_teardown(what_has_no_name_is_told_and_not_opened, start, end),
        cmocka_unit_test_setup_teardown(links_of_this_kind_can_be_refused, start, end),
        cmocka_unit_test_setup_teardown(others_may_not_look_at_a_process, start, end),
        cmocka_unit_test_setup_teardown(directories_are_listed_once_in_any_parts, start, end),
        cmocka_unit_test(texts_grow_up_to_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
