/* A file that is mounted on a file, as secrets are. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "../../../check.h"
#include "../heap.h"
#include "enclave/libos/files/vfs.h"

#define AT AT_FDCWD

struct world {
    struct account whole;
    struct tree_options options;
    struct tree *root, *file;
    struct vfs vfs;
};

static void now(void *arg, struct file_time *out)
{
    (void)arg;
    *out = (struct file_time){.sec = 1};
}

static void write_to(struct vfs *vfs, const char *path, const char *text)
{
    int number = vfs_open(vfs, AT, path, O_WRONLY | O_CREAT, 0644, 0);
    assert_true(number >= 0);
    struct node *node = file_table_get(&vfs->files, number)->node;
    assert_int_equal(node_write(node, 0, text, strlen(text)), strlen(text));
    assert_int_equal(file_close(&vfs->files, number), 0);
}

/* /file is hidden by one of "secret"; /other and /folder are not. */
static int start(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->whole.limit = 64 << 10;
    world->options = (struct tree_options){
        .limit = 1 << 20, .whole = &world->whole, .mode = 0755, .clock = {now, NULL}};
    struct tree_options options = world->options;
    assert_int_equal(tree_new(&options, &world->root), 0);
    vfs_init(&world->vfs, world->root, options.clock);
    write_to(&world->vfs, "/file", "image");
    write_to(&world->vfs, "/other", "other");
    assert_int_equal(vfs_mkdir(&world->vfs, AT, "/folder", 0755), 0);
    options.is_file = true;
    options.mode = 0440;
    options.device = 9;
    options.flags = TREE_READ_ONLY | TREE_NO_EXECUTE;
    assert_int_equal(tree_new(&options, &world->file), 0);
    world->file->root->uid = 7;
    assert_int_equal(node_write(world->file->root, 0, "secret", 6), 6);
    assert_int_equal(vfs_mount(&world->vfs, "/file", world->file), 0);
    *state = world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    vfs_unmount(&world->vfs, world->file);
    vfs_fini(&world->vfs);
    tree_free(world->file);
    tree_free(world->root);
    assert_int_equal(world->whole.used, 0);
    free(world);
    return 0;
}

static void check_text(struct vfs *vfs, const char *path, const char *text)
{
    char got[16] = "";
    int number = vfs_open(vfs, AT, path, O_RDONLY, 0, 0);
    assert_true(number >= 0);
    int64_t size = node_read(file_table_get(&vfs->files, number)->node, 0, got, sizeof got);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(got, text, strlen(text));
    assert_int_equal(file_close(&vfs->files, number), 0);
}

static void it_is_what_everybody_finds(void **state)
{
    struct world *world = *state;
    struct file_stat about;
    check_text(&world->vfs, "/file", "secret");
    check_text(&world->vfs, "/folder/../file", "secret");
    assert_int_equal(vfs_symlink(&world->vfs, "file", AT, "/link"), 0);
    check_text(&world->vfs, "/link", "secret");
    assert_int_equal(vfs_stat(&world->vfs, AT, "/file", 0, &about), 0);
    assert_int_equal(about.mode, S_IFREG | 0440);
    assert_int_equal(about.uid, 7);
    assert_int_equal(about.links, 1);
    assert_int_equal(about.device, 9);
    check_text(&world->vfs, "/other", "other");
}

/* Root neither. */
static void nobody_changes_moves_or_removes_it(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = &world->vfs;
    struct file *program = NULL;
    assert_int_equal(vfs_open(vfs, AT, "/file", O_WRONLY, 0, 0), -EROFS);
    assert_int_equal(vfs_open(vfs, AT, "/file", O_RDONLY | O_TRUNC, 0, 0), -EROFS);
    assert_int_equal(vfs_open(vfs, AT, "/file", O_WRONLY | O_CREAT | O_EXCL, 0600, 0), -EEXIST);
    assert_int_equal(vfs_truncate(vfs, "/file", 0), -EROFS);
    assert_int_equal(vfs_chmod(vfs, AT, "/file", 0666, 0), -EROFS);
    assert_int_equal(vfs_chown(vfs, AT, "/file", 0, 0, 0), -EROFS);
    assert_int_equal(vfs_utimens(vfs, AT, "/file", NULL, 0), -EROFS);
    assert_int_equal(vfs_unlink(vfs, AT, "/file", 0), -EBUSY);
    assert_int_equal(vfs_rename(vfs, AT, "/file", AT, "/new", 0), -EBUSY);
    assert_int_equal(vfs_rename(vfs, AT, "/other", AT, "/file", 0), -EBUSY);
    assert_int_equal(vfs_link(vfs, AT, "/file", AT, "/new", 0), -EXDEV);
    assert_true(vfs_open_program(vfs, AT, "/file", 0, &program) == -EACCES);
    assert_int_equal(vfs_chdir(vfs, "/file"), -ENOTDIR);
    assert_int_equal(vfs_open(vfs, AT, "/file/", O_RDONLY, 0, 0), -ENOTDIR);
    assert_int_equal(vfs_mkdir(vfs, AT, "/file/a", 0755), -ENOTDIR);
    check_text(vfs, "/file", "secret");
}

static void without_it_the_file_below_is_there_again(void **state)
{
    struct world *world = *state;
    vfs_unmount(&world->vfs, world->file);
    check_text(&world->vfs, "/file", "image");
    assert_int_equal(vfs_unlink(&world->vfs, AT, "/file", 0), 0);
}

static void a_file_hides_no_folder_and_a_folder_no_file(void **state)
{
    struct world *world = *state;
    struct tree *tree;
    struct tree_options options = world->options;
    assert_int_equal(tree_new(&options, &tree), 0);
    assert_int_equal(vfs_mount(&world->vfs, "/other", tree), -ENOTDIR);
    assert_int_equal(vfs_mount(&world->vfs, "/file", tree), -ENOTDIR);
    tree_free(tree);
    options.is_file = true;
    assert_int_equal(tree_new(&options, &tree), 0);
    assert_int_equal(vfs_mount(&world->vfs, "/folder", tree), -ENOTDIR);
    assert_int_equal(vfs_mount(&world->vfs, "/missing", tree), -ENOENT);
    assert_int_equal(vfs_mount(&world->vfs, "/", tree), -ENOTDIR);
    tree_free(tree);
    options.layer_count = 1;
    assert_int_equal(tree_new(&options, &tree), -EINVAL);
    assert_null(tree);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(it_is_what_everybody_finds),
        FILE_TEST(nobody_changes_moves_or_removes_it),
        FILE_TEST(without_it_the_file_below_is_there_again),
        FILE_TEST(a_file_hides_no_folder_and_a_folder_no_file),
    };
    return cmocka_run_group_tests_name("mounted_file", tests, NULL, NULL);
}
