/* Trees that are read only, without devices or programs, and with a part of a whole room. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "../../../check.h"
#include "../heap.h"
#include "enclave/libos/files/vfs.h"

struct world {
    struct account whole;
    struct tree *root, *other;
    struct vfs vfs;
};

static void now(void *arg, struct file_time *out)
{
    (void)arg;
    *out = (struct file_time){.sec = 1};
}

/* /file and /folder of one tree, another one at /other. */
static int start(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->whole.limit = 64 << 10;
    struct tree_options options = {
        .limit = 1 << 20, .whole = &world->whole, .mode = 0755, .clock = {now, NULL}};
    assert_int_equal(tree_new(&options, &world->root), 0);
    options.device = 1;
    assert_int_equal(tree_new(&options, &world->other), 0);
    vfs_init(&world->vfs, world->root, options.clock);
    struct vfs *vfs = &world->vfs;
    assert_int_equal(vfs_mkdir(vfs, AT_FDCWD, "/other", 0755), 0);
    assert_int_equal(vfs_mount(vfs, "/other", world->other), 0);
    assert_int_equal(vfs_mkdir(vfs, AT_FDCWD, "/folder", 0755), 0);
    assert_int_equal(vfs_mknod(vfs, AT_FDCWD, "/file", S_IFREG | 0755, 0, 0), 0);
    assert_int_equal(vfs_mknod(vfs, AT_FDCWD, "/pipe", S_IFIFO | 0644, 0, 0), 0);
    assert_int_equal(vfs_mknod(vfs, AT_FDCWD, "/null", S_IFCHR | 0666, 1, 3), 0);
    *state = world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    vfs_unmount(&world->vfs, world->other);
    vfs_fini(&world->vfs);
    tree_free(world->other);
    tree_free(world->root);
    assert_int_equal(world->whole.used, 0);
    free(world);
    return 0;
}

/* Whoever asks, root too. */
static void nothing_is_written_to_what_is_read_only(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = &world->vfs;
    const int at = AT_FDCWD;
    const struct span value = span_of_text("v");
    world->root->flags = TREE_READ_ONLY;
    assert_int_equal(vfs_open(vfs, at, "/new", O_WRONLY | O_CREAT, 0644, 0), -EROFS);
    assert_int_equal(vfs_open(vfs, at, "/file", O_WRONLY, 0, 0), -EROFS);
    assert_int_equal(vfs_open(vfs, at, "/file", O_RDONLY | O_TRUNC, 0, 0), -EROFS);
    assert_int_equal(vfs_open(vfs, at, "/folder", O_TMPFILE | O_RDWR, 0600, 0), -EROFS);
    assert_int_equal(vfs_mkdir(vfs, at, "/new", 0755), -EROFS);
    assert_int_equal(vfs_mknod(vfs, at, "/new", S_IFIFO, 0, 0), -EROFS);
    assert_int_equal(vfs_symlink(vfs, "a", at, "/new"), -EROFS);
    assert_int_equal(vfs_link(vfs, at, "/file", at, "/new", 0), -EROFS);
    assert_int_equal(vfs_unlink(vfs, at, "/file", 0), -EROFS);
    assert_int_equal(vfs_unlink(vfs, at, "/folder", AT_REMOVEDIR), -EROFS);
    assert_int_equal(vfs_rename(vfs, at, "/file", at, "/new", 0), -EROFS);
    assert_int_equal(vfs_chmod(vfs, at, "/file", 0600, 0), -EROFS);
    assert_int_equal(vfs_chown(vfs, at, "/file", 1, 1, 0), -EROFS);
    assert_int_equal(vfs_utimens(vfs, at, "/file", NULL, 0), -EROFS);
    assert_int_equal(vfs_truncate(vfs, "/file", 1), -EROFS);
    assert_int_equal(vfs_access(vfs, at, "/file", 2, 0), -EROFS);
    assert_int_equal(vfs_set_xattr(vfs, at, "/file", "user.a", value, 0, 0), -EROFS);
    assert_int_equal(vfs_remove_xattr(vfs, at, "/file", "user.a", 0), -EROFS);
    assert_int_equal(vfs_mkdir(vfs, at, "/folder", 0755), -EEXIST);
}

static void what_is_read_only_can_be_read_and_other_trees_are_not(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = &world->vfs;
    struct file_system_stat about;
    world->root->flags = TREE_READ_ONLY;
    assert_true(vfs_open(vfs, AT_FDCWD, "/file", O_RDONLY, 0, 0) >= 0);
    assert_true(vfs_open(vfs, AT_FDCWD, "/pipe", O_RDWR | O_NONBLOCK, 0, 0) >= 0);
    assert_true(vfs_open(vfs, AT_FDCWD, "/null", O_WRONLY, 0, 0) >= 0);
    assert_int_equal(vfs_access(vfs, AT_FDCWD, "/null", 2, 0), 0);
    assert_true(vfs_open(vfs, AT_FDCWD, "/other/new", O_WRONLY | O_CREAT, 0644, 0) >= 0);
    assert_int_equal(vfs_statfs(vfs, AT_FDCWD, "/file", 0, &about), 0);
    assert_int_equal(about.flags, TREE_READ_ONLY);
    assert_int_equal(vfs_statfs(vfs, AT_FDCWD, "/other", 0, &about), 0);
    assert_int_equal(about.flags, 0);
}

static void devices_and_programs_are_none_where_they_may_not_be(void **state)
{
    struct world *world = *state;
    struct file *program = NULL;
    assert_int_equal(vfs_open_program(&world->vfs, AT_FDCWD, "/file", 0, &program), 0);
    file_put(program);
    world->root->flags = TREE_NO_DEVICES | TREE_NO_EXECUTE;
    assert_int_equal(vfs_open(&world->vfs, AT_FDCWD, "/null", O_WRONLY, 0, 0), -EACCES);
    assert_true(vfs_open(&world->vfs, AT_FDCWD, "/null", O_PATH, 0, 0) >= 0);
    assert_int_equal(vfs_open_program(&world->vfs, AT_FDCWD, "/file", 0, &program), -EACCES);
}

static void trees_share_a_room_and_none_has_more_than_its_own(void **state)
{
    static const uint8_t bytes[48 << 10];
    struct world *world = *state;
    struct vfs *vfs = &world->vfs;
    int first = vfs_open(vfs, AT_FDCWD, "/file", O_RDWR, 0, 0);
    int second = vfs_open(vfs, AT_FDCWD, "/other/file", O_RDWR | O_CREAT, 0600, 0);
    struct node *a = file_table_get(&vfs->files, first)->node;
    struct node *b = file_table_get(&vfs->files, second)->node;
    assert_int_equal(node_write(a, 0, bytes, sizeof bytes), sizeof bytes);
    assert_in_range(node_write(b, 0, bytes, sizeof bytes), 1, sizeof bytes - 1);
    assert_int_equal(node_write(b, sizeof bytes, bytes, 1), -ENOSPC);
    assert_int_equal(node_truncate(a, 0), 0);
    assert_int_equal(node_write(b, 0, bytes, sizeof bytes), sizeof bytes);
    world->other->account.limit = world->other->account.used;
    assert_int_equal(node_write(b, 64 << 10, bytes, 1), -ENOSPC);
}

#define FLAGS_TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FLAGS_TEST(nothing_is_written_to_what_is_read_only),
        FLAGS_TEST(what_is_read_only_can_be_read_and_other_trees_are_not),
        FLAGS_TEST(devices_and_programs_are_none_where_they_may_not_be),
        FLAGS_TEST(trees_share_a_room_and_none_has_more_than_its_own),
    };
    return cmocka_run_group_tests_name("tree_flags", tests, NULL, NULL);
}
