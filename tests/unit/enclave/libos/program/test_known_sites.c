/* Sites of layers' files are found once, and those of all other files each time. */
#include "../../../check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../heap.h"
#include "../made_layer.h"
#include "enclave/libos/files/vfs.h"
#include "enclave/libos/known.h"
#include "enclave/libos/program/known_sites.h"
#include "enclave/libos/program/sites.h"

/* mov %rdi, %rax; syscall; cmp $-4095, %rax; ret */
#define CALL "\x48\x89\xf8\x0f\x05\x48\x3d\x01\xf0\xff\xff\xc3"
#define MOST 8

static const char code[] = CALL CALL CALL;
#define SIZE (sizeof code - 1)
#define ONE  (SIZE / 3)

static const uint8_t nothing[SIZE]; /* code without a call */

struct world {
    struct made_layer layer;
    struct ext4_reader reader;
    struct tree *tree;
    struct vfs vfs;
    struct file *program, *other;
};

static void now(void *arg, struct file_time *out)
{
    (void)arg;
    *out = (struct file_time){.sec = 1};
}

static struct file *open_file(struct world *world, const char *path, unsigned flags)
{
    int number = vfs_open(&world->vfs, AT_FDCWD, path, O_RDWR | flags, 0755, 0);
    assert_true(number >= 0);
    return file_table_get(&world->vfs.files, number);
}

/* What is known is by the reader: each test has one of its own. */
static int start(void **state)
{
    static struct world worlds[16];
    static size_t used;
    struct world *world = &worlds[used++];
    BUF_AUTO tar = BUF_WITH_LIMIT(1 << 20);
    tarball_add(&tar, (struct tarball_entry){.name = "program", .contents = code, .mode = 0755});
    tarball_add(&tar, (struct tarball_entry){.name = "other", .contents = CALL, .mode = 0755});
    made_layer_init(&world->layer, &tar);
    struct ext4_source source = made_layer_ext4(&world->layer);
    assert_int_equal(ext4_reader_open(&world->reader, &source), 0);
    const struct tree_options options = {
        .limit = 1 << 20, .clock = {now, NULL}, .layers = &world->reader, .layer_count = 1};
    assert_int_equal(tree_new(&options, &world->tree), 0);
    vfs_init(&world->vfs, world->tree, options.clock);
    world->program = open_file(world, "/program", 0);
    world->other = open_file(world, "/other", 0);
    *state = world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    heap_left = SIZE_MAX;
    vfs_fini(&world->vfs);
    tree_free(world->tree);
    made_layer_fini(&world->layer);
    return 0;
}

static int find(const struct file *file, size_t offset, const void *bytes, size_t size)
{
    struct site sites[MOST];
    return known_sites_find(file->node, offset, bytes, size, sites, MOST);
}

static int read_code(const struct file *file, size_t offset, size_t size)
{
    struct site sites[MOST];
    return known_sites_read(file->node, offset, size, sites, MOST);
}

static void a_layers_file_is_looked_through_once(void **state)
{
    struct world *world = *state;
    struct site first[MOST], again[MOST];
    struct node *node = world->program->node;
    assert_int_equal(known_sites_find(node, 0, (const uint8_t *)code, SIZE, first, MOST), 3);
    assert_int_equal(known_sites_find(node, 0, nothing, SIZE, again, MOST), 3);
    assert_memory_equal(first, again, 3 * sizeof *first);
    assert_int_equal(known_sites_read(node, 0, SIZE, again, MOST), 3);
    assert_memory_equal(first, again, 3 * sizeof *first);
}

static void what_is_not_known_is_read(void **state)
{
    struct world *world = *state;
    assert_int_equal(read_code(world->program, 0, SIZE), 3);
    assert_int_equal(find(world->program, 0, nothing, SIZE), 3);
    assert_int_equal(read_code(world->program, ONE, 4096), 2); /* zeros are behind the end */
}

static void another_place_or_file_is_another_code(void **state)
{
    struct world *world = *state;
    assert_int_equal(find(world->program, 0, code, SIZE), 3);
    assert_int_equal(find(world->program, 1, nothing, SIZE), 0);
    assert_int_equal(find(world->program, 0, nothing, SIZE - 1), 0);
    assert_int_equal(find(world->other, 0, nothing, SIZE), 0);
}

static void what_was_written_to_is_not_known(void **state)
{
    struct world *world = *state;
    struct node *node = world->program->node;
    assert_int_equal(find(world->program, 0, code, SIZE), 3);
    assert_int_equal(node_write(node, 0, "\x90", 1), 1);
    assert_int_equal(find(world->program, 0, nothing, SIZE), 0);
    assert_int_equal(find(world->program, 0, code, SIZE), 3);
    assert_int_equal(read_code(world->program, 0, SIZE), -ENOENT);
}

static void nor_is_what_has_another_size(void **state)
{
    struct world *world = *state;
    assert_int_equal(find(world->program, 0, code, SIZE), 3);
    assert_int_equal(find(world->other, 0, code, ONE), 1);
    assert_int_equal(node_truncate(world->program->node, SIZE - 1), 0);
    assert_int_equal(node_truncate(world->other->node, 4096), 0);
    assert_int_equal(find(world->program, 0, nothing, SIZE), 0);
    assert_int_equal(find(world->other, 0, nothing, ONE), 0);
    assert_int_equal(read_code(world->program, 0, SIZE), -ENOENT);
    assert_int_equal(node_truncate(world->program->node, SIZE), 0); /* ends by a zero now */
    assert_int_equal(read_code(world->program, 0, SIZE), -ENOENT);
}

static void nor_is_a_file_in_memory(void **state)
{
    struct world *world = *state;
    struct file *file = open_file(world, "/new", O_CREAT);
    assert_int_equal(node_write(file->node, 0, code, SIZE), SIZE);
    assert_int_equal(find(file, 0, code, SIZE), 3);
    assert_int_equal(find(file, 0, nothing, SIZE), 0);
    assert_int_equal(read_code(file, 0, SIZE), -ENOENT);
}

static void refuses_what_has_no_room(void **state)
{
    struct world *world = *state;
    struct node *node = world->program->node;
    struct site sites[MOST];
    assert_int_equal(known_sites_find(node, 0, (const uint8_t *)code, SIZE, sites, 1), 1);
    assert_int_equal(find(world->program, 0, code, SIZE), 3); /* one alone was not kept */
    assert_int_equal(known_sites_find(node, 0, nothing, SIZE, sites, 2), -ERANGE);
    assert_int_equal(known_sites_read(node, 0, SIZE, sites, 2), -ERANGE);
}

static void refuses_places_that_are_none(void **state)
{
    struct world *world = *state;
    assert_int_equal(read_code(world->program, SIZE, 1), -ENOENT);
    assert_int_equal(read_code(world->program, (size_t)1 << 40, 1), -ENOENT);
    assert_int_equal(read_code(world->program, 0, SITES_CODE_MAX + 1), -ENOMEM);
    assert_int_equal(read_code(world->program, 0, SIZE_MAX), -ENOMEM);
}

static void does_without_memory(void **state)
{
    struct world *world = *state;
    for (size_t left = 0; left < 4; left++) {
        heap_left = left;
        int count = read_code(world->program, 0, SIZE);
        assert_true(count == 3 || count == -ENOMEM);
        heap_left = left;
        count = find(world->program, ONE, code + ONE, SIZE - ONE);
        assert_true(count == 2 || count == -ENOMEM);
    }
    heap_left = SIZE_MAX;
    assert_int_equal(find(world->program, 0, code, SIZE), 3);
}

static void the_oldest_goes(void **state)
{
    struct world *world = *state;
    assert_int_equal(read_code(world->program, 0, SIZE), 3);
    for (size_t i = 1; i < KNOWN_PIECES; i++) /* two zeros are an instruction */
        assert_int_equal(read_code(world->program, 0, SIZE + 2 * i), 3);
    assert_int_equal(find(world->program, 0, nothing, SIZE), 3);
    assert_int_equal(read_code(world->program, 0, SIZE + 2 * KNOWN_PIECES), 3);
    assert_int_equal(find(world->program, 0, nothing, SIZE), 0);
}

/* By which a child's enclave knows its bytes (remote/known_bytes.h). */
static void a_layers_file_has_a_number_until_it_is_written_to(void **state)
{
    struct world *world = *state;
    uint64_t number = node_layer_number(world->program->node);
    uint64_t other = node_layer_number(world->other->node);
    assert_true(number != 0 && other != 0 && number != other);
    assert_true(number <= INT64_MAX && other <= INT64_MAX);
    assert_true(number >> 32 == other >> 32 && number >> 32 == world->reader.number);
    assert_int_equal(node_layer_number(world->program->node), number);
    assert_int_equal(node_layer_number(open_file(world, "new", O_CREAT)->node), 0);
    assert_int_equal(node_layer_number(world->tree->root), 0);
    assert_int_equal(node_write(world->program->node, 0, code, 1), 1); /* the same byte */
    assert_int_equal(node_layer_number(world->program->node), 0);
    assert_int_equal(node_truncate(world->other->node, 1), 0);
    assert_int_equal(node_layer_number(world->other->node), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_layers_file_is_looked_through_once, start, end),
        cmocka_unit_test_setup_teardown(what_is_not_known_is_read, start, end),
        cmocka_unit_test_setup_teardown(another_place_or_file_is_another_code, start, end),
        cmocka_unit_test_setup_teardown(what_was_written_to_is_not_known, start, end),
        cmocka_unit_test_setup_teardown(nor_is_what_has_another_size, start, end),
        cmocka_unit_test_setup_teardown(nor_is_a_file_in_memory, start, end),
        cmocka_unit_test_setup_teardown(refuses_what_has_no_room, start, end),
        cmocka_unit_test_setup_teardown(refuses_places_that_are_none, start, end),
        cmocka_unit_test_setup_teardown(does_without_memory, start, end),
        cmocka_unit_test_setup_teardown(the_oldest_goes, start, end),
        cmocka_unit_test_setup_teardown(a_layers_file_has_a_number_until_it_is_written_to, start,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
