/* A container's /dev, mounted trees, open files, pipes and counters, and poll. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../../check.h"
#include "../heap.h"
#include "enclave/libos/files/devices.h"
#include "enclave/libos/files/pipe.h"

struct world {
    struct tree *root, *dev;
    struct vfs vfs;
};

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

static int start(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct tree_options options = {.limit = 1 << 20, .mode = 0755, .clock = {now, NULL}};
    assert_non_null(world);
    assert_int_equal(tree_new(&options, &world->root), 0);
    options.device = 1;
    assert_int_equal(tree_new(&options, &world->dev), 0);
    assert_int_equal(devices_make(world->dev), 0);
    vfs_init(&world->vfs, world->root, options.clock);
    world->vfs.random = (struct file_random){fill, NULL};
    assert_int_equal(vfs_mkdir(&world->vfs, AT_FDCWD, "/dev", 0755), 0);
    assert_int_equal(vfs_mount(&world->vfs, "/dev", world->dev), 0);
    *state = world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    vfs_unmount(&world->vfs, world->dev);
    vfs_fini(&world->vfs);
    tree_free(world->dev);
    tree_free(world->root);
    free(world);
    file_changed = NULL;
    return 0;
}

static struct file *open_file(struct vfs *vfs, const char *path, unsigned flags)
{
    int fd = vfs_open(vfs, AT_FDCWD, path, flags, 0644, 0);
    assert_true(fd >= 0);
    return file_table_get(&vfs->files, fd);
}

static void devices_do_what_their_names_say(void **state)
{
    static const struct {
        const char *path;
        int64_t got, put;
        uint8_t byte;
    } expected[] = {{"/dev/null", 0, 4, 7},
                    {"/dev/zero", 4, 4, 0},
                    {"/dev/full", 4, -ENOSPC, 0},
                    {"/dev/random", 4, 4, 0xA5},
                    {"/dev/urandom", 4, 4, 0xA5}};
    struct world *world = *state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        uint8_t bytes[4] = {7, 7, 7, 7};
        struct file *file = open_file(&world->vfs, expected[i].path, O_RDWR | O_TRUNC | O_CREAT);
        assert_int_equal(file_read(file, FILE_HERE, bytes, sizeof bytes), expected[i].got);
        assert_int_equal(bytes[3], expected[i].byte);
        assert_int_equal(file_write(file, FILE_HERE, bytes, sizeof bytes), expected[i].put);
    }
}

static void other_devices_are_not_there(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = &world->vfs;
    assert_int_equal(vfs_mknod(vfs, AT_FDCWD, "/mem", 020666, 1, 1), 0);
    assert_int_equal(vfs_mknod(vfs, AT_FDCWD, "/tty", 020666, 5, 3), 0);
    assert_int_equal(vfs_mknod(vfs, AT_FDCWD, "/disk", 060666, 1, 3), 0);
    assert_int_equal(vfs_mknod(vfs, AT_FDCWD, "/other-null", 020666, 1, 3), 0);
    assert_int_equal(vfs_open(vfs, AT_FDCWD, "/mem", O_RDWR, 0, 0), -ENXIO);
    assert_int_equal(vfs_open(vfs, AT_FDCWD, "/tty", O_RDWR, 0, 0), -ENXIO);
    assert_int_equal(vfs_open(vfs, AT_FDCWD, "/disk", O_RDWR, 0, 0), -ENXIO);
    assert_true(vfs_open(vfs, AT_FDCWD, "/other-null", O_RDWR, 0, 0) >= 0);
    vfs->random.fill = NULL;
    assert_int_equal(vfs_open(vfs, AT_FDCWD, "/dev/urandom", O_RDONLY, 0, 0), -ENXIO);
}

static void mounts_are_crossed_both_ways(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = &world->vfs;
    struct file_stat st;
    char path[64];
    assert_int_equal(vfs_chdir(vfs, "/dev/shm"), 0);
    assert_int_equal(vfs_getcwd(vfs, path, sizeof path), 9);
    assert_string_equal(path, "/dev/shm");
    assert_int_equal(vfs_getcwd(vfs, path, 8), -ERANGE);
    assert_int_equal(vfs_stat(vfs, AT_FDCWD, "../..", 0, &st), 0);
    assert_int_equal(st.device, 0);
    assert_int_equal(vfs_stat(vfs, AT_FDCWD, "..", 0, &st), 0);
    assert_int_equal(st.device, 1);
    assert_int_equal(vfs_unlink(vfs, AT_FDCWD, "/dev", AT_REMOVEDIR), -EBUSY);
    assert_int_equal(vfs_rename(vfs, AT_FDCWD, "/dev", AT_FDCWD, "/x", 0), -EBUSY);
    assert_int_equal(vfs_rename(vfs, AT_FDCWD, "/dev/null", AT_FDCWD, "/x", 0), -EXDEV);
    assert_int_equal(vfs_link(vfs, AT_FDCWD, "/dev/null", AT_FDCWD, "/x", 0), -EXDEV);
    assert_int_equal(vfs_mount(vfs, "/dev", world->dev), -EBUSY);
    assert_int_equal(vfs_mount(vfs, "/none", world->root), -ENOENT);
    assert_int_equal(vfs_open(vfs, AT_FDCWD, "/dev/null", O_RDONLY, 0, 1 /* NO_XDEV */), -EXDEV);
}

static void numbers_are_the_lowest_that_are_free(void **state)
{
    struct world *world = *state;
    struct file_table *table = &world->vfs.files;
    for (int i = 0; i < 5; i++)
        (void)open_file(&world->vfs, "/dev/null", i == 2 ? O_CLOEXEC : 0);
    assert_int_equal(file_close(table, 1), 0);
    assert_int_equal(file_close(table, 1), -EBADF);
    assert_int_equal(file_dup(table, 4, 0, false), 1);
    assert_int_equal(file_dup(table, 1, 100, true), 100);
    assert_int_equal(file_dup(table, 77, 0, false), -EBADF);
    assert_int_equal(file_dup(table, 0, 1024, false), -EINVAL);
    assert_int_equal(file_dup_to(table, 0, 3, false), 3);
    assert_int_equal(file_dup_to(table, 3, 3, false), -EINVAL);
    assert_int_equal(file_dup_to(table, 3, 1024, false), -EBADF);
    assert_int_equal(file_dup_to(table, 3, -1, false), -EBADF);
    assert_int_equal(file_is_cloexec(table, 2), 1);
    assert_int_equal(file_is_cloexec(table, 100), 1);
    file_table_close_on_exec(table);
    assert_int_equal(file_is_cloexec(table, 2), -EBADF);
    assert_int_equal(file_is_cloexec(table, 100), -EBADF);
    assert_int_equal(file_is_cloexec(table, 3), 0);
    table->limit = 6;
    assert_int_equal(file_dup(table, 0, 0, false), 2);
    assert_int_equal(file_dup(table, 0, 0, false), 5);
    assert_int_equal(file_dup(table, 0, 0, false), -EMFILE);
    assert_int_equal(vfs_open(&world->vfs, AT_FDCWD, "/dev/null", 0, 0, 0), -EMFILE);
    file_close_range(table, 1, SIZE_MAX);
    assert_null(file_table_get(table, 5));
    assert_null(file_table_get(table, -1));
    assert_non_null(file_table_get(table, 0));
}

static void offsets_belong_to_the_open_file(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = &world->vfs;
    struct file *file = open_file(vfs, "/f", O_RDWR | O_CREAT);
    struct file *other = open_file(vfs, "/f", O_RDONLY);
    char bytes[16];
    assert_int_equal(file_write(file, FILE_HERE, "0123456789", 10), 10);
    assert_int_equal(file_read(file, FILE_HERE, bytes, 4), 0);
    assert_int_equal(file_read(other, FILE_HERE, bytes, 4), 4);
    assert_int_equal(file_read(file, 3, bytes, 4), 4);
    assert_memory_equal(bytes, "3456", 4);
    assert_int_equal(file_seek(file, -3, SEEK_END), 7);
    assert_int_equal(file_seek(file, -8, SEEK_CUR), -EINVAL);
    assert_int_equal(file_seek(file, INT64_MAX, SEEK_CUR), -EOVERFLOW);
    assert_int_equal(file_seek(file, 3, SEEK_DATA), 3);
    assert_int_equal(file_seek(file, 3, SEEK_HOLE), 10);
    assert_int_equal(file_seek(file, 10, SEEK_DATA), -ENXIO);
    assert_int_equal(file_seek(file, 0, 9), -EINVAL);
    assert_int_equal(file_write(other, FILE_HERE, "x", 1), -EBADF);
    assert_int_equal(file_truncate(other, 1), -EINVAL);
    assert_int_equal(file_truncate(file, 1), 0);
    assert_int_equal(file_truncate(file, UINT64_C(1) << 63), -EINVAL);
    assert_int_equal(file_write(file, INT64_MAX, "x", 1), -EFBIG);
    assert_int_equal(file_write(file, UINT64_C(1) << 63, "x", 1), -EINVAL);
    assert_int_equal(file_write(file, (uint64_t)INT64_MAX - 1, "xy", 2), 1);
    assert_int_equal(file_list(file, bytes, sizeof bytes), -ENOTDIR);
    assert_int_equal(file_read(open_file(vfs, "/", O_RDONLY), FILE_HERE, bytes, 1), -EISDIR);
    assert_int_equal(file_list(open_file(vfs, "/", O_RDONLY), bytes, 5), -EINVAL);
    assert_int_equal(file_read(open_file(vfs, "/f", O_PATH), FILE_HERE, bytes, 1), -EBADF);
}

static void a_file_lives_on_without_a_name(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = &world->vfs;
    struct file *file = open_file(vfs, "/f", O_RDWR | O_CREAT);
    struct file_stat st;
    char bytes[4];
    uint64_t before = world->root->account.used;
    assert_int_equal(vfs_unlink(vfs, AT_FDCWD, "/f", 0), 0);
    assert_int_equal(file_write(file, FILE_HERE, "abcd", 4), 4);
    assert_int_equal(file_read(file, 0, bytes, 4), 4);
    assert_int_equal(vfs_stat(vfs, 0, "", AT_EMPTY_PATH, &st), 0);
    assert_int_equal(st.links, 0);
    assert_int_equal(st.size, 4);
    assert_int_equal(file_close(&vfs->files, 0), 0);
    assert_true(world->root->account.used < before);
}

static void a_tree_ends_where_its_limit_is(void **state)
{
    struct world *world = *state;
    static uint8_t bytes[1 << 16];
    struct file *file = open_file(&world->vfs, "/f", O_RDWR | O_CREAT);
    uint64_t offset = 0;
    int64_t put;
    while ((put = file_write(file, FILE_HERE, bytes, sizeof bytes)) > 0)
        offset += (uint64_t)put;
    assert_int_equal(put, -ENOSPC);
    assert_in_range(offset, 900000, 1 << 20);
    char name[] = "/g";
    int status;
    while ((status = vfs_mkdir(&world->vfs, AT_FDCWD, name, 0755)) == 0)
        name[1]++;
    assert_int_equal(status, -ENOSPC);
    assert_in_range(name[1], 'g', 'z');
    assert_int_equal(file_truncate(file, 0), 0);
    assert_int_equal(file_write(file, UINT64_C(1) << 40, "x", 1), 1); /* a hole takes nothing */
    assert_true(world->root->account.used < 20000);
}

static unsigned changes;

static void count_change(void)
{
    changes++;
}

static void pipes_carry_bytes_in_their_order(void **state)
{
    struct file *reader, *writer;
    uint8_t in[7000], out[7000], next_in = 0, next_out = 0;
    (void)state;
    assert_int_equal(pipe_new(0, &reader, &writer), 0);
    file_changed = count_change;
    changes = 0;
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof in; i++)
            in[i] = (uint8_t)(next_in + i);
        int64_t put = file_write(writer, FILE_HERE, in, sizeof in);
        if (put > 0)
            next_in = (uint8_t)(next_in + put);
        else
            assert_int_equal(put, -EAGAIN);
        int64_t got = file_read(reader, FILE_HERE, out, round % 3 == 0 ? 100 : sizeof out);
        assert_true(got > 0);
        for (int64_t i = 0; i < got; i++)
            assert_int_equal(out[i], next_out++);
    }
    assert_true(changes > 200);
    assert_int_equal(file_read(writer, FILE_HERE, out, 1), -EBADF);
    assert_int_equal(file_write(reader, FILE_HERE, in, 1), -EBADF);
    assert_int_equal(file_seek(reader, 0, SEEK_SET), -ESPIPE);
    assert_int_equal(file_read(reader, 0, out, 1), -ESPIPE);
    file_put(writer);
    while (file_read(reader, FILE_HERE, out, sizeof out) > 0)
        ;
    assert_int_equal(file_read(reader, FILE_HERE, out, 1), 0);
    file_put(reader);
}

static void small_writes_are_whole_or_not_at_all(void **state)
{
    static uint8_t bytes[PIPE_SIZE];
    struct file *reader, *writer;
    (void)state;
    assert_int_equal(pipe_new(0, &reader, &writer), 0);
    assert_int_equal(file_read(reader, FILE_HERE, bytes, 1), -EAGAIN);
    assert_int_equal(file_write(writer, FILE_HERE, bytes, PIPE_SIZE - 10), PIPE_SIZE - 10);
    assert_int_equal(file_write(writer, FILE_HERE, bytes, 11), -EAGAIN);
    assert_int_equal(file_poll(writer) & POLLOUT, 0);
    assert_int_equal(file_write(writer, FILE_HERE, bytes, PIPE_ATOMIC + 1), 10);
    assert_int_equal(file_poll(reader) & (POLLIN | POLLHUP), POLLIN);
    file_put(reader);
    assert_int_equal(file_write(writer, FILE_HERE, bytes, 1), -EPIPE);
    assert_int_equal(file_poll(writer) & POLLERR, POLLERR);
    file_put(writer);
    for (heap_left = 0; heap_left < 3;) {
        size_t allowed = heap_left;
        assert_int_equal(pipe_new(0, &reader, &writer), -ENOMEM);
        heap_left = allowed + 1;
    }
    heap_left = SIZE_MAX;
}

static void counters_count(void **state)
{
    struct file *counter, *semaphore;
    uint64_t value = 3, most = UINT64_MAX - 1;
    (void)state;
    assert_int_equal(counter_new(0, false, 0, &counter), 0);
    assert_int_equal(counter_new(2, true, 0, &semaphore), 0);
    assert_int_equal(file_read(counter, FILE_HERE, &value, 8), -EAGAIN);
    assert_int_equal(file_write(counter, FILE_HERE, &value, 8), 8);
    assert_int_equal(file_write(counter, FILE_HERE, &value, 7), -EINVAL);
    assert_int_equal(file_write(counter, FILE_HERE, &most, 8), -EAGAIN);
    assert_int_equal(file_read(counter, FILE_HERE, &value, 7), -EINVAL);
    assert_int_equal(file_read(counter, FILE_HERE, &value, 8), 8);
    assert_int_equal(value, 3);
    assert_int_equal(file_poll(counter) & (POLLIN | POLLOUT), POLLOUT);
    value = UINT64_MAX;
    assert_int_equal(file_write(counter, FILE_HERE, &value, 8), -EINVAL);
    assert_int_equal(file_read(semaphore, FILE_HERE, &value, 8), 8);
    assert_int_equal(value, 1);
    assert_int_equal(file_read(semaphore, FILE_HERE, &value, 8), 8);
    assert_int_equal(file_read(semaphore, FILE_HERE, &value, 8), -EAGAIN);
    file_put(counter);
    file_put(semaphore);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

static void named_pipes_have_many_ends(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = &world->vfs;
    char bytes[8];
    assert_int_equal(vfs_mknod(vfs, AT_FDCWD, "/fifo", 010666, 0, 0), 0);
    assert_int_equal(vfs_open(vfs, AT_FDCWD, "/fifo", O_WRONLY | O_NONBLOCK, 0, 0), -ENXIO);
    struct file *first = open_file(vfs, "/fifo", O_RDONLY);
    assert_true(pipe_awaits_other(first));
    assert_int_equal(file_poll(first), 0); /* not over: it has not begun */
    struct file *writer = open_file(vfs, "/fifo", O_WRONLY | O_NONBLOCK);
    struct file *other = open_file(vfs, "/fifo", O_WRONLY);
    assert_false(pipe_awaits_other(first) || pipe_awaits_other(writer));
    assert_int_equal(file_write(writer, FILE_HERE, "one", 3), 3);
    assert_int_equal(file_write(other, FILE_HERE, "two", 3), 3);
    assert_int_equal(file_read(first, 0, bytes, 1), -ESPIPE);
    assert_int_equal(file_read(first, FILE_HERE, bytes, sizeof bytes), 6);
    assert_memory_equal(bytes, "onetwo", 6);
    assert_int_equal(file_read(first, FILE_HERE, bytes, sizeof bytes), -EAGAIN);
    assert_int_equal(file_write(first, FILE_HERE, "x", 1), -EBADF);
    file_close_range(&vfs->files, 1, 1);
    assert_int_equal(file_read(first, FILE_HERE, bytes, sizeof bytes), -EAGAIN);
    file_close_range(&vfs->files, 2, 2);
    assert_int_equal(file_read(first, FILE_HERE, bytes, sizeof bytes), 0);
    assert_int_equal(file_poll(first), POLLHUP);
    struct file *both = open_file(vfs, "/fifo", O_RDWR);
    assert_false(pipe_awaits_other(both));
    file_close_range(&vfs->files, 0, 0);
    assert_int_equal(file_write(both, FILE_HERE, "kept", 4), 4);
    file_table_fini(&vfs->files); /* the last one takes the bytes with it */
    first = open_file(vfs, "/fifo", O_RDONLY | O_NONBLOCK);
    assert_int_equal(file_read(first, FILE_HERE, bytes, sizeof bytes), 0);
}

static void named_pipes_take_no_more_memory_than_there_is(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = &world->vfs;
    assert_int_equal(vfs_mknod(vfs, AT_FDCWD, "/fifo", 010666, 0, 0), 0);
    for (size_t left = 0; left < 8; left++) {
        heap_left = left;
        int status = vfs_open(vfs, AT_FDCWD, "/fifo", O_RDWR, 0, 0);
        heap_left = SIZE_MAX;
        if (status >= 0)
            return;
        assert_int_equal(status, -ENOMEM);
    }
    fail();
}

static void files_without_a_name_can_get_one(void **state)
{
    struct world *world = *state;
    struct vfs *vfs = &world->vfs;
    struct file_stat st;
    const unsigned asks = O_TMPFILE | O_RDWR;
    assert_int_equal(vfs_open(vfs, AT_FDCWD, "/", asks & ~(unsigned)O_DIRECTORY, 0600, 0), -EINVAL);
    assert_int_equal(vfs_open(vfs, AT_FDCWD, "/", O_TMPFILE | O_RDONLY, 0600, 0), -EINVAL);
    assert_int_equal(vfs_open(vfs, AT_FDCWD, "/", asks | O_CREAT, 0600, 0), -EINVAL);
    assert_int_equal(vfs_open(vfs, AT_FDCWD, "/none", asks, 0600, 0), -ENOENT);
    assert_int_equal(vfs_open(vfs, AT_FDCWD, "/dev/null", asks, 0600, 0), -ENOTDIR);
    int number = vfs_open(vfs, AT_FDCWD, "/dev/shm", asks, 0666, 0);
    assert_int_equal(number, 0);
    assert_int_equal(file_write(file_table_get(&vfs->files, 0), FILE_HERE, "bytes", 5), 5);
    assert_int_equal(vfs_stat(vfs, 0, "", AT_EMPTY_PATH, &st), 0);
    assert_int_equal(st.links, 0);
    assert_int_equal(st.mode, 0100644);
    assert_int_equal(vfs_link(vfs, 0, "", AT_FDCWD, "/elsewhere", AT_EMPTY_PATH), -EXDEV);
    assert_int_equal(vfs_link(vfs, 0, "", AT_FDCWD, "/dev/shm/name", AT_EMPTY_PATH), 0);
    assert_int_equal(file_close(&vfs->files, 0), 0);
    assert_int_equal(vfs_stat(vfs, AT_FDCWD, "/dev/shm/name", 0, &st), 0);
    assert_int_equal(st.links, 1);
    assert_int_equal(st.size, 5);
    assert_int_equal(vfs_open(vfs, AT_FDCWD, "/dev/shm", asks | O_EXCL, 0600, 0), 0);
    assert_int_equal(vfs_link(vfs, 0, "", AT_FDCWD, "/dev/shm/other", AT_EMPTY_PATH), -ENOENT);
    assert_int_equal(vfs_unlink(vfs, AT_FDCWD, "/dev/shm/name", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(devices_do_what_their_names_say),
        TEST(other_devices_are_not_there),
        TEST(mounts_are_crossed_both_ways),
        TEST(numbers_are_the_lowest_that_are_free),
        TEST(offsets_belong_to_the_open_file),
        TEST(a_file_lives_on_without_a_name),
        TEST(a_tree_ends_where_its_limit_is),
        TEST(pipes_carry_bytes_in_their_order),
        TEST(small_writes_are_whole_or_not_at_all),
        TEST(counters_count),
        TEST(files_without_a_name_can_get_one),
        TEST(named_pipes_have_many_ends),
        TEST(named_pipes_take_no_more_memory_than_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
