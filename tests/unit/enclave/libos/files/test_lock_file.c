/* Locks on files: ranges that are cut and joined, owners that keep apart, and whose go when. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#include "../../../check.h"
#include "../heap.h"
#include "enclave/libos/files/lock_file.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/files/vfs.h"

#define PROCESS 1 /* of world->vfs */

struct world {
    struct tree *root;
    struct vfs vfs;
    int numbers[3]; /* of three open files of one path */
};

static void now(void *arg, struct file_time *out)
{
    (void)arg;
    *out = (struct file_time){.sec = 1};
}

static int start(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct tree_options options = {.limit = 1 << 20, .mode = 0755, .clock = {now, NULL}};
    assert_non_null(world);
    assert_int_equal(tree_new(&options, &world->root), 0);
    vfs_init(&world->vfs, world->root, options.clock);
    world->vfs.files.process = PROCESS;
    for (int i = 0; i < 3; i++) {
        world->numbers[i] = vfs_open(&world->vfs, AT_FDCWD, "/file", O_RDWR | O_CREAT, 0644, 0);
        assert_true(world->numbers[i] >= 0);
    }
    *state = world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    vfs_fini(&world->vfs);
    tree_free(world->root);
    free(world);
    file_changed = NULL;
    return 0;
}

static struct file *file(struct world *world, int i)
{
    return file_table_get(&world->vfs.files, world->numbers[i]);
}

static int set(struct file *of, enum lock_kind kind, enum lock_type type, uint64_t first,
               uint64_t last)
{
    return lock_set(of, kind, PROCESS, &(struct lock_range){first, last, type});
}

/* What stands in the way of an exclusive lock of one byte: its type. */
static enum lock_type seen(struct file *by, enum lock_kind kind, uint64_t byte)
{
    struct lock_range range = {byte, byte, LOCK_EXCLUSIVE};
    int owner;
    lock_find(by, kind, PROCESS, &range, &owner);
    return range.type;
}

static void cuts_a_range_in_two(void **state)
{
    struct world *world = *state;
    struct file *a = file(world, 0), *b = file(world, 1);
    assert_int_equal(set(a, LOCK_OPEN, LOCK_EXCLUSIVE, 10, 29), 0);
    assert_int_equal(set(a, LOCK_OPEN, LOCK_NONE, 15, 19), 0);
    assert_int_equal(seen(b, LOCK_OPEN, 9), LOCK_NONE);
    assert_int_equal(seen(b, LOCK_OPEN, 10), LOCK_EXCLUSIVE);
    assert_int_equal(seen(b, LOCK_OPEN, 14), LOCK_EXCLUSIVE);
    assert_int_equal(seen(b, LOCK_OPEN, 15), LOCK_NONE);
    assert_int_equal(seen(b, LOCK_OPEN, 19), LOCK_NONE);
    assert_int_equal(seen(b, LOCK_OPEN, 20), LOCK_EXCLUSIVE);
    assert_int_equal(seen(b, LOCK_OPEN, 29), LOCK_EXCLUSIVE);
    assert_int_equal(seen(b, LOCK_OPEN, 30), LOCK_NONE);
    assert_int_equal(set(a, LOCK_OPEN, LOCK_SHARED, 12, 25), 0); /* becomes weaker there */
    assert_int_equal(seen(b, LOCK_OPEN, 12), LOCK_SHARED);
    assert_int_equal(seen(b, LOCK_OPEN, 26), LOCK_EXCLUSIVE);
    assert_int_equal(set(b, LOCK_OPEN, LOCK_SHARED, 13, 24), 0);
    assert_int_equal(set(a, LOCK_OPEN, LOCK_EXCLUSIVE, 20, 20), -EAGAIN);
    assert_int_equal(set(a, LOCK_OPEN, LOCK_NONE, 0, INT64_MAX), 0);
    assert_int_equal(seen(b, LOCK_OPEN, 28), LOCK_NONE);
    assert_int_equal(set(b, LOCK_OPEN, LOCK_EXCLUSIVE, 0, INT64_MAX), 0);
}

static void kinds_keep_apart_as_on_linux(void **state)
{
    struct world *world = *state;
    struct file *a = file(world, 0), *b = file(world, 1);
    assert_int_equal(set(a, LOCK_FLOCK, LOCK_EXCLUSIVE, 0, INT64_MAX), 0);
    assert_int_equal(set(b, LOCK_PROCESS, LOCK_EXCLUSIVE, 0, INT64_MAX), 0);
    assert_int_equal(set(a, LOCK_PROCESS, LOCK_EXCLUSIVE, 0, 5), 0); /* the process is one owner */
    assert_int_equal(set(a, LOCK_OPEN, LOCK_SHARED, 3, 3), -EAGAIN);
    assert_int_equal(set(b, LOCK_FLOCK, LOCK_SHARED, 0, INT64_MAX), -EAGAIN);
    assert_int_equal(set(a, LOCK_FLOCK, LOCK_SHARED, 0, INT64_MAX), 0);
    assert_int_equal(set(b, LOCK_FLOCK, LOCK_SHARED, 0, INT64_MAX), 0);
}

static void says_whose_is_in_the_way(void **state)
{
    struct world *world = *state;
    struct lock_range range = {0, 100, LOCK_SHARED};
    int owner;
    assert_int_equal(set(file(world, 0), LOCK_PROCESS, LOCK_EXCLUSIVE, 7, 8), 0);
    lock_find(file(world, 1), LOCK_OPEN, PROCESS, &range, &owner);
    assert_true(range.type == LOCK_EXCLUSIVE && range.first == 7 && range.last == 8);
    assert_int_equal(owner, PROCESS);
    range = (struct lock_range){9, 100, LOCK_SHARED};
    lock_find(file(world, 1), LOCK_OPEN, PROCESS, &range, &owner);
    assert_true(range.type == LOCK_NONE && owner == LOCK_NOBODY);
}

/* Any number of the file that is closed takes the process' locks away, as close(2) says. */
static void locks_go_with_their_owners(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = &world->vfs;
    struct file *c = file(world, 2);
    assert_int_equal(set(file(world, 0), LOCK_PROCESS, LOCK_EXCLUSIVE, 0, 5), 0);
    assert_int_equal(set(file(world, 0), LOCK_OPEN, LOCK_EXCLUSIVE, 10, 15), 0);
    assert_int_equal(file_close(&vfs->files, world->numbers[1]), 0);
    assert_int_equal(seen(c, LOCK_OPEN, 3), LOCK_NONE);
    assert_int_equal(seen(c, LOCK_OPEN, 12), LOCK_EXCLUSIVE);
    int copy = file_dup(&vfs->files, world->numbers[0], 0, false);
    assert_int_equal(file_close(&vfs->files, world->numbers[0]), 0);
    assert_int_equal(seen(c, LOCK_OPEN, 12), LOCK_EXCLUSIVE); /* a number is left */
    assert_int_equal(file_close(&vfs->files, copy), 0);
    assert_int_equal(seen(c, LOCK_OPEN, 12), LOCK_NONE);
}

/* Each process has its own; what is open they share. */
static void processes_are_owners_of_their_own(void **state)
{
    struct world *world = *state;
    struct vfs child;
    struct lock_range range = {0, 9, LOCK_EXCLUSIVE};
    int owner;
    assert_int_equal(vfs_fork(&world->vfs, &child), 0);
    child.files.process = 2;
    struct file *shared = file_table_get(&child.files, world->numbers[0]);
    assert_ptr_equal(shared, file(world, 0));
    assert_int_equal(set(shared, LOCK_PROCESS, LOCK_EXCLUSIVE, 0, 9), 0);
    assert_int_equal(lock_set(shared, LOCK_PROCESS, 2, &range), -EAGAIN);
    lock_find(shared, LOCK_PROCESS, 2, &range, &owner);
    assert_int_equal(owner, PROCESS);
    assert_int_equal(set(shared, LOCK_OPEN, LOCK_NONE, 0, 9), 0); /* which is nobody else's */
    assert_int_equal(file_close(&child.files, world->numbers[1]), 0);
    assert_int_equal(lock_set(shared, LOCK_PROCESS, 2, &range), -EAGAIN);
    assert_int_equal(file_close(&world->vfs.files, world->numbers[1]), 0);
    assert_int_equal(lock_set(shared, LOCK_PROCESS, 2, &range), 0);
    vfs_fini(&child);
    assert_int_equal(set(file(world, 0), LOCK_PROCESS, LOCK_EXCLUSIVE, 0, 9), 0);
}

static void a_forked_process_goes_its_own_way(void **state)
{
    struct world *world = *state;
    struct vfs child;
    assert_int_equal(vfs_mkdir(&world->vfs, AT_FDCWD, "/folder", 0755), 0);
    assert_int_equal(file_set_cloexec(&world->vfs.files, world->numbers[2], true), 0);
    assert_int_equal(vfs_fork(&world->vfs, &child), 0);
    assert_int_equal(vfs_chdir(&child, "folder"), 0);
    assert_int_equal(vfs_umask(&child, 077), 022);
    file(world, 0)->offset = 5;
    assert_int_equal(file_table_get(&child.files, world->numbers[0])->offset, 5);
    file_table_close_on_exec(&child.files);
    assert_null(file_table_get(&child.files, world->numbers[2]));
    assert_int_equal(vfs_open(&child, AT_FDCWD, "own", O_CREAT | O_WRONLY, 0666, 0),
                     world->numbers[2]);
    char path[PATH_MAX];
    assert_int_equal(vfs_getcwd(&world->vfs, path, sizeof path), 2);
    assert_int_equal(vfs_umask(&world->vfs, 022), 022);
    assert_non_null(file(world, 2));
    vfs_fini(&child);
    assert_int_equal(vfs_access(&world->vfs, AT_FDCWD, "/folder/own", 0, 0), 0);
}

static void a_fork_without_memory_leaves_nothing(void **state)
{
    struct world *world = *state;
    struct vfs child;
    heap_left = 0;
    assert_int_equal(vfs_fork(&world->vfs, &child), -ENOMEM);
    heap_left = SIZE_MAX;
    assert_int_equal(file(world, 0)->references, 1);
    assert_int_equal(child.files.count, 0);
}

static unsigned changes;

static void note_change(void)
{
    changes++;
}

static void who_gives_back_says_so(void **state)
{
    struct world *world = *state;
    file_changed = note_change;
    changes = 0;
    assert_int_equal(set(file(world, 0), LOCK_OPEN, LOCK_EXCLUSIVE, 0, 5), 0);
    changes = 0;
    assert_int_equal(set(file(world, 0), LOCK_OPEN, LOCK_NONE, 0, 5), 0);
    assert_int_equal(changes, 1);
}

static void locks_are_bounded(void **state)
{
    struct world *world = *state;
    struct file *a = file(world, 0);
    int status = 0;
    unsigned count = 0;
    for (; count < 2 * LOCKS_MAX && status == 0; count++)
        status = set(a, LOCK_OPEN, LOCK_SHARED, count * 2UL, count * 2UL);
    assert_int_equal(status, -ENOLCK);
    assert_in_range(count, LOCKS_MAX - 2, LOCKS_MAX);
    assert_int_equal(set(a, LOCK_OPEN, LOCK_NONE, 0, INT64_MAX), 0);
    assert_int_equal(set(a, LOCK_OPEN, LOCK_SHARED, 0, 0), 0);
}

static void without_memory_nothing_changes(void **state)
{
    struct world *world = *state;
    struct file *a = file(world, 0), *b = file(world, 1);
    assert_int_equal(set(a, LOCK_OPEN, LOCK_EXCLUSIVE, 0, 9), 0);
    for (size_t allowed = 0; allowed < 2; allowed++) {
        heap_left = allowed;
        assert_int_equal(set(a, LOCK_OPEN, LOCK_SHARED, 3, 4), -ENOMEM);
        heap_left = SIZE_MAX;
        assert_int_equal(seen(b, LOCK_OPEN, 3), LOCK_EXCLUSIVE);
    }
}

static void what_has_no_node_has_no_locks(void **state)
{
    struct file *reader, *writer;
    (void)state;
    assert_int_equal(pipe_new(0, &reader, &writer), 0);
    assert_int_equal(set(reader, LOCK_OPEN, LOCK_SHARED, 0, 1), -EBADF);
    file_put(reader);
    file_put(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cuts_a_range_in_two, start, end),
        cmocka_unit_test_setup_teardown(kinds_keep_apart_as_on_linux, start, end),
        cmocka_unit_test_setup_teardown(says_whose_is_in_the_way, start, end),
        cmocka_unit_test_setup_teardown(locks_go_with_their_owners, start, end),
        cmocka_unit_test_setup_teardown(processes_are_owners_of_their_own, start, end),
        cmocka_unit_test_setup_teardown(a_forked_process_goes_its_own_way, start, end),
        cmocka_unit_test_setup_teardown(a_fork_without_memory_leaves_nothing, start, end),
        cmocka_unit_test_setup_teardown(who_gives_back_says_so, start, end),
        cmocka_unit_test_setup_teardown(locks_are_bounded, start, end),
        cmocka_unit_test_setup_teardown(without_memory_nothing_changes, start, end),
        cmocka_unit_test(what_has_no_node_has_no_locks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
