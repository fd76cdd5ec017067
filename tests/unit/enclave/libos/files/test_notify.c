/* inotify: what is bounded, what is lost and how that is told, and what ends with what. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>

#include "../../../check.h"
#include "../heap.h"
#include "enclave/libos/files/notify_file.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/files/vfs.h"

static struct tree *tree;
static struct vfs vfs;
static struct file *file;
static struct node *node;

static void now(void *arg, struct file_time *out)
{
    (void)arg;
    *out = (struct file_time){.sec = 1};
}

/* A file /file, which is watched by nobody. */
static int start(void **state)
{
    const struct tree_options options = {.limit = 1 << 20, .mode = 0755, .clock = {now, NULL}};
    (void)state;
    assert_int_equal(tree_new(&options, &tree), 0);
    vfs_init(&vfs, tree, options.clock);
    assert_int_equal(vfs_mknod(&vfs, AT_FDCWD, "/file", 0644, 0, 0), 0);
    assert_int_equal(tree_lookup(tree->root, span_of_text("file"), &node), 0);
    assert_int_equal(notify_file_new(0, &file), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    file_put(file);
    node_put(node);
    vfs_fini(&vfs);
    tree_free(tree);
    assert_int_equal(notify_count, 0);
    return 0;
}

static int64_t take(struct inotify_event *out)
{
    return file_read(file, FILE_HERE, out, sizeof *out);
}

static void is_next(int number, uint32_t mask)
{
    struct inotify_event event;
    assert_int_equal(take(&event), sizeof event);
    assert_int_equal(event.wd, number);
    assert_int_equal(event.mask, mask);
    assert_int_equal(event.len, 0);
}

static void is_empty(void)
{
    struct inotify_event event;
    assert_int_equal(take(&event), -EAGAIN);
    assert_int_equal(file_poll(file), 0);
}

/* Others than the one before. */
static void tell(size_t count)
{
    for (size_t i = 0; i < count; i++)
        notify(node, i % 2 ? IN_ATTRIB : IN_MODIFY);
}

static void what_is_told_again_is_told_once(void **state)
{
    (void)state;
    assert_int_equal(notify_file_watch(file, node, IN_MODIFY | IN_ATTRIB), 1);
    notify(node, IN_MODIFY);
    notify(node, IN_MODIFY);
    notify(node, IN_OPEN); /* nobody wants it */
    notify(node, IN_ATTRIB);
    is_next(1, IN_MODIFY);
    is_next(1, IN_ATTRIB);
    is_empty();
}

static void what_overflows_is_told_where_it_was_lost(void **state)
{
    (void)state;
    assert_int_equal(notify_file_watch(file, node, IN_MODIFY | IN_ATTRIB), 1);
    tell(NOTIFY_QUEUE_MAX + 10);
    is_next(1, IN_MODIFY);
    is_next(1, IN_ATTRIB);
    notify(node, IN_MODIFY); /* there is room again for none: the loss is one of them */
    for (size_t i = 2; i < NOTIFY_QUEUE_MAX; i++)
        is_next(1, i % 2 ? IN_ATTRIB : IN_MODIFY);
    is_next(-1, IN_Q_OVERFLOW);
    is_next(1, IN_MODIFY);
    is_empty();
    tell(1);
    is_next(1, IN_MODIFY);
}

static void without_memory_something_was_lost(void **state)
{
    (void)state;
    assert_int_equal(notify_file_watch(file, node, IN_MODIFY | IN_ATTRIB), 1);
    heap_left = 0;
    tell(2);
    heap_left = SIZE_MAX;
    is_next(-1, IN_Q_OVERFLOW);
    is_empty();
}

/* Long names in many files' queues. */
static void what_waits_is_bounded_in_all(void **state)
{
    char name[EXT4_NAME_MAX];
    struct file *others[NOTIFY_FILES_MAX];
    size_t count = 0, events = 0, size = 0;
    (void)state;
    memset(name, 'n', sizeof name);
    for (; notify_file_new(0, &others[count]) == 0; count++)
        assert_int_equal(notify_file_watch(others[count], tree->root, IN_CREATE | IN_DELETE), 1);
    assert_int_equal(count, NOTIFY_FILES_MAX - 1); /* the stage has one */
    assert_int_equal(notify_file_new(0, &others[count]), -EMFILE);
    for (size_t i = 0; i < 200; i++)
        notify_name(tree->root, span_of(name, sizeof name), i % 2 ? IN_DELETE : IN_CREATE);
    for (size_t i = 0; i < count; i++) {
        static uint8_t room[65536];
        int64_t got = file_read(others[i], FILE_HERE, room, sizeof room);
        assert_true(got > 0);
        size += (size_t)got;
        events += (size_t)got / (sizeof(struct inotify_event) + 256);
        file_put(others[i]);
    }
    assert_true(events < 127 * 200 && size <= NOTIFY_BYTES_MAX + 127 * 16);
    assert_int_equal(notify_file_watch(file, node, IN_MODIFY), 1);
    tell(1); /* and is given back */
    is_next(1, IN_MODIFY);
}

static void refuses_what_cannot_be_watched(void **state)
{
    (void)state;
    assert_int_equal(notify_file_forget(file, 1), -EINVAL);
    heap_left = 0;
    assert_int_equal(notify_file_watch(file, node, IN_OPEN), -ENOMEM);
    heap_left = SIZE_MAX;
    assert_int_equal(notify_count, 0);
    assert_int_equal(notify_file_watch(file, node, IN_OPEN), 1);
    assert_int_equal(notify_file_watch(file, node, IN_OPEN | IN_MASK_CREATE), -EEXIST);
    notify_count = NOTIFY_WATCHES_MAX;
    assert_int_equal(notify_file_watch(file, tree->root, IN_OPEN), -ENOSPC);
    assert_int_equal(notify_file_watch(file, node, IN_CLOSE), 1); /* one that is there changes */
    notify_count = 1;
    assert_int_equal(notify_file_forget(file, 2), -EINVAL);
    assert_int_equal(notify_file_forget(file, 1), 0);
    assert_int_equal(notify_file_forget(file, 1), -EINVAL);
    is_next(1, IN_IGNORED);
    assert_int_equal(notify_file_watch(file, node, IN_OPEN), 2);
}

static void without_memory_there_is_no_file(void **state)
{
    struct file *other = NULL;
    int status;
    (void)state;
    for (size_t most = 0; (heap_left = most, status = notify_file_new(0, &other)) < 0; most++) {
        assert_int_equal(status, -ENOMEM);
        assert_true(most < 4);
    }
    heap_left = SIZE_MAX;
    file_put(other);
}

static void a_watch_ends_with_its_node(void **state)
{
    (void)state;
    assert_int_equal(notify_file_watch(file, node, IN_DELETE_SELF), 1);
    node_put(node);
    assert_int_equal(vfs_unlink(&vfs, AT_FDCWD, "/file", 0), 0);
    node = NULL;
    assert_int_equal(notify_count, 0);
    is_next(1, IN_DELETE_SELF);
    is_next(1, IN_IGNORED);
    is_empty();
}

static void a_watch_ends_with_its_file(void **state)
{
    struct file *other;
    (void)state;
    assert_int_equal(notify_file_new(0, &other), 0);
    assert_int_equal(notify_file_watch(other, node, IN_OPEN), 1);
    assert_int_equal(notify_file_watch(file, node, IN_OPEN), 1);
    assert_int_equal(notify_file_watch(other, tree->root, IN_OPEN), 2);
    notify(node, IN_OPEN);
    file_put(other);
    assert_int_equal(notify_count, 1);
    is_next(1, IN_OPEN);
    is_empty();
}

#define STAGED(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(what_is_told_again_is_told_once),   STAGED(what_overflows_is_told_where_it_was_lost),
        STAGED(without_memory_something_was_lost), STAGED(what_waits_is_bounded_in_all),
        STAGED(refuses_what_cannot_be_watched),    STAGED(without_memory_there_is_no_file),
        STAGED(a_watch_ends_with_its_node),        STAGED(a_watch_ends_with_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
