/* A layer's disk against its root hash: every block is checked, whatever the host gives. */
#include <errno.h>
#include <stdlib.h>

#include "../../../check.h"
#include "../heap.h"
#include "../made_layer.h"

static struct made_layer layer; /* with two levels of digests */

static int build(void **state)
{
    static char text[1300000];
    BUF_AUTO tar = BUF_WITH_LIMIT(1 << 22);
    (void)state;
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = (char)('a' + i / 7 % 26);
    tarball_add(&tar, (struct tarball_entry){.name = "large", .contents = text});
    made_layer_init(&layer, &tar);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    made_layer_fini(&layer);
    return 0;
}

static struct verity_disk *open_disk(size_t cache)
{
    struct verity_source source = made_layer_source(&layer);
    struct verity_disk *disk;
    assert_int_equal(verity_disk_new(&source, layer.data_blocks, layer.root, cache, &disk), 0);
    return disk;
}

/* The first error of reading every block; what is read must be what was written. */
static int read_all(struct verity_disk *disk, const uint8_t *expected)
{
    uint8_t block[VERITY_BLOCK_SIZE];
    for (uint64_t i = 0; i < layer.data_blocks; i++) {
        int status = verity_disk_read(disk, i, 0, sizeof block, block);
        if (status < 0)
            return status;
        assert_memory_equal(block, expected + i * sizeof block, sizeof block);
    }
    return 0;
}

static void reads_every_block_with_any_cache(void **state)
{
    static const size_t sizes[] = {0, 16, 64, 100000};
    (void)state;
    assert_true(layer.data_blocks > 128); /* or there would be one level only */
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct verity_disk *disk = open_disk(sizes[i]);
        assert_int_equal(verity_disk_blocks(disk), layer.data_blocks);
        assert_int_equal(read_all(disk, layer.disk), 0);
        assert_int_equal(read_all(disk, layer.disk), 0);
        verity_disk_free(disk);
    }
}

static void reads_a_block_in_the_cache_once(void **state)
{
    struct verity_disk *disk = open_disk(64);
    uint8_t byte;
    (void)state;
    assert_int_equal(verity_disk_read(disk, 3, 17, 1, &byte), 0);
    assert_int_equal(byte, layer.disk[3 * VERITY_BLOCK_SIZE + 17]);
    uint64_t before = layer.reads;
    assert_int_equal(verity_disk_read(disk, 3, 4095, 1, &byte), 0);
    assert_int_equal(layer.reads, before);
    assert_int_equal(verity_disk_read(disk, 4, 0, 1, &byte), 0);
    assert_int_equal(layer.reads, before + 1); /* its digest stands in a block that is there */
    verity_disk_free(disk);
}

/* However often and in whatever order the disk is read; memory comes 32 blocks at once. */
static void a_cache_stays_as_small_as_it_is_to_be(void **state)
{
    static const size_t sizes[] = {0, 16, 64, 100};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct verity_disk *disk = open_disk(sizes[i]);
        uint8_t all[VERITY_RUN * VERITY_BLOCK_SIZE];
        size_t before = heap_asked, most = (sizes[i] + 32) * VERITY_BLOCK_SIZE;
        for (uint64_t at = layer.data_blocks - VERITY_RUN; at > 0; at--)
            assert_int_equal(verity_disk_read_whole(disk, at, VERITY_RUN, all), 0);
        assert_int_equal(read_all(disk, layer.disk), 0);
        assert_int_equal(read_all(disk, layer.disk), 0);
        assert_in_range(heap_asked - before, VERITY_BLOCK_SIZE, most);
        verity_disk_free(disk);
    }
}

/* One bit in every block of data and of the tree, at a place that moves along. */
static void finds_a_flip_in_every_block(void **state)
{
    uint64_t blocks = layer.size / VERITY_BLOCK_SIZE;
    uint8_t *good = malloc(layer.size);
    (void)state;
    assert_non_null(good);
    memcpy(good, layer.disk, layer.size);
    for (uint64_t i = 0; i < blocks; i++) {
        uint64_t at = i * VERITY_BLOCK_SIZE + i * 61 % VERITY_BLOCK_SIZE;
        if (i == layer.data_blocks) /* the superblock: not read */
            continue;
        layer.disk[at] ^= (uint8_t)(1U << i % 8);
        struct verity_disk *disk = open_disk(1024);
        assert_int_equal(read_all(disk, good), -EIO);
        layer.disk[at] ^= (uint8_t)(1U << i % 8);
        assert_int_equal(read_all(disk, good), 0); /* and nothing bad was kept */
        verity_disk_free(disk);
    }
    free(good);
}

/* As many blocks at once as there are, and fewer; beside blocks that are in the cache. */
static void reads_whole_blocks(void **state)
{
    uint8_t *all = malloc(layer.data_blocks * VERITY_BLOCK_SIZE), byte;
    (void)state;
    assert_non_null(all);
    for (size_t step = 1; step <= 3 * VERITY_RUN; step += 5) {
        struct verity_disk *disk = open_disk(64);
        for (uint64_t i = 3; i < layer.data_blocks; i += 10)
            assert_int_equal(verity_disk_read(disk, i, 9, 1, &byte), 0);
        for (uint64_t at = 0; at < layer.data_blocks; at += step) {
            size_t count = layer.data_blocks - at < step ? (size_t)(layer.data_blocks - at) : step;
            memset(all, 0xAA, count * VERITY_BLOCK_SIZE);
            assert_int_equal(verity_disk_read_whole(disk, at, count, all), 0);
            assert_memory_equal(all, layer.disk + at * VERITY_BLOCK_SIZE,
                                count * VERITY_BLOCK_SIZE);
        }
        verity_disk_free(disk);
    }
    free(all);
}

static void keeps_a_whole_block_that_is_read_twice(void **state)
{
    struct verity_disk *disk = open_disk(64);
    uint8_t all[VERITY_RUN * VERITY_BLOCK_SIZE];
    (void)state;
    assert_int_equal(verity_disk_read_whole(disk, 5, 0, all), 0);
    for (int round = 0; round < 4; round++) {
        uint64_t before = layer.reads;
        memset(all, 0xAA, sizeof all);
        assert_int_equal(verity_disk_read_whole(disk, 5, VERITY_RUN, all), 0);
        assert_memory_equal(all, layer.disk + 5 * (size_t)VERITY_BLOCK_SIZE, sizeof all);
        if (round == 1)
            assert_int_equal(layer.reads, before + 1); /* all of them at once */
        if (round > 1)
            assert_int_equal(layer.reads, before);
    }
    verity_disk_free(disk);
}

/* What comes before the block that is wrong may be there; of it and what follows, nothing. */
static void finds_a_flip_among_whole_blocks(void **state)
{
    static uint8_t out[VERITY_RUN * VERITY_BLOCK_SIZE], untouched[sizeof out];
    const uint64_t first = 7;
    (void)state;
    memset(untouched, 0xAA, sizeof untouched);
    for (size_t i = 0; i < VERITY_RUN; i++) {
        uint8_t *place = layer.disk + (first + i) * VERITY_BLOCK_SIZE + i * 61;
        struct verity_disk *disk = open_disk(64);
        for (int round = 0; round < 3; round++) {
            memset(out, 0xAA, sizeof out);
            *place ^= 1;
            assert_int_equal(verity_disk_read_whole(disk, first, VERITY_RUN, out), -EIO);
            *place ^= 1;
            assert_memory_equal(out, layer.disk + first * VERITY_BLOCK_SIZE, i * VERITY_BLOCK_SIZE);
            assert_memory_equal(out + i * VERITY_BLOCK_SIZE, untouched,
                                sizeof out - i * VERITY_BLOCK_SIZE);
        }
        assert_int_equal(read_all(disk, layer.disk), 0); /* nothing bad was kept */
        assert_int_equal(verity_disk_read_whole(disk, first, VERITY_RUN, out), 0);
        verity_disk_free(disk);
    }
}

static void reads_without_memory_for_a_cache(void **state)
{
    struct verity_disk *disk = open_disk(64);
    uint8_t all[VERITY_RUN * VERITY_BLOCK_SIZE];
    (void)state;
    heap_left = 0;
    for (int round = 0; round < 3; round++) {
        assert_int_equal(read_all(disk, layer.disk), 0);
        assert_int_equal(verity_disk_read_whole(disk, 5, VERITY_RUN, all), 0);
        assert_memory_equal(all, layer.disk + 5 * (size_t)VERITY_BLOCK_SIZE, sizeof all);
        layer.disk[6 * VERITY_BLOCK_SIZE] ^= 1;
        assert_int_equal(verity_disk_read_whole(disk, 5, VERITY_RUN, all), -EIO);
        layer.disk[6 * VERITY_BLOCK_SIZE] ^= 1;
    }
    heap_left = 1; /* of which one piece of the cache comes */
    assert_int_equal(read_all(disk, layer.disk), 0);
    assert_int_equal(read_all(disk, layer.disk), 0);
    heap_left = SIZE_MAX;
    verity_disk_free(disk);
}

static void finds_every_bit_of_one_block(void **state)
{
    uint8_t byte;
    (void)state;
    for (size_t bit = 0; bit < (size_t)VERITY_BLOCK_SIZE * 8; bit += 23) {
        uint8_t *place = layer.disk + 20 * (size_t)VERITY_BLOCK_SIZE + bit / 8;
        struct verity_disk *disk = open_disk(16);
        *place ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(verity_disk_read(disk, 20, 0, 1, &byte), -EIO);
        *place ^= (uint8_t)(1U << bit % 8);
        verity_disk_free(disk);
    }
}

static void refuses_blocks_that_changed_places(void **state)
{
    uint8_t swap[VERITY_BLOCK_SIZE], byte = 77;
    uint8_t *a = layer.disk + 15 * (size_t)VERITY_BLOCK_SIZE, *b = a + VERITY_BLOCK_SIZE;
    struct verity_disk *disk = open_disk(16);
    (void)state;
    memcpy(swap, a, sizeof swap);
    memcpy(a, b, sizeof swap);
    memcpy(b, swap, sizeof swap);
    assert_int_equal(verity_disk_read(disk, 15, 0, 1, &byte), -EIO);
    assert_int_equal(verity_disk_read(disk, 16, 0, 1, &byte), -EIO);
    assert_int_equal(byte, 77);
    memcpy(b, a, sizeof swap);
    memcpy(a, swap, sizeof swap);
    verity_disk_free(disk);
}

static void refuses_another_root(void **state)
{
    struct verity_source source = made_layer_source(&layer);
    uint8_t root[SHA256_SIZE], byte;
    (void)state;
    for (size_t i = 0; i < sizeof root * 8; i++) {
        struct verity_disk *disk;
        memcpy(root, layer.root, sizeof root);
        root[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_int_equal(verity_disk_new(&source, layer.data_blocks, root, 16, &disk), 0);
        assert_int_equal(verity_disk_read(disk, 0, 0, 1, &byte), -EIO);
        verity_disk_free(disk);
    }
}

static int read_checked(void *arg, uint64_t block, size_t offset, size_t size, void *out)
{
    return verity_disk_read(arg, block, offset, size, out);
}

/* With another number of blocks no block of the tree stands where it is sought, or a level of the
 * tree passes for data: then it is the file system that does not agree. */
static void gives_no_file_system_for_another_number_of_blocks(void **state)
{
    struct verity_source source = made_layer_source(&layer);
    (void)state;
    for (uint64_t blocks = 1; blocks < 2 * layer.data_blocks; blocks++) {
        struct verity_disk *disk;
        struct ext4_reader reader;
        if (blocks == layer.data_blocks)
            continue;
        assert_int_equal(verity_disk_new(&source, blocks, layer.root, 16, &disk), 0);
        const struct ext4_source from = {read_checked, NULL, disk, blocks};
        assert_true(ext4_reader_open(&reader, &from) < 0);
        verity_disk_free(disk);
    }
}

static int fail_to_read(void *arg, uint64_t block, size_t count, uint8_t *out)
{
    (void)arg;
    (void)block;
    memset(out, 0, count * VERITY_BLOCK_SIZE);
    return -EACCES;
}

static void passes_on_what_the_source_says(void **state)
{
    struct verity_source source = {fail_to_read, NULL};
    struct verity_disk *disk;
    uint8_t byte;
    (void)state;
    assert_int_equal(verity_disk_new(&source, layer.data_blocks, layer.root, 16, &disk), 0);
    assert_int_equal(verity_disk_read(disk, 0, 0, 1, &byte), -EACCES);
    verity_disk_free(disk);
}

static void refuses_what_is_not_on_the_disk(void **state)
{
    struct verity_disk *disk = open_disk(16);
    uint8_t bytes[VERITY_BLOCK_SIZE];
    (void)state;
    assert_int_equal(verity_disk_read(disk, layer.data_blocks, 0, 1, bytes), -EINVAL);
    assert_int_equal(verity_disk_read(disk, UINT64_MAX, 0, 1, bytes), -EINVAL);
    assert_int_equal(verity_disk_read(disk, 0, 4096, 1, bytes), -EINVAL);
    assert_int_equal(verity_disk_read(disk, 0, 1, 4096, bytes), -EINVAL);
    assert_int_equal(verity_disk_read(disk, 0, 2, SIZE_MAX, bytes), -EINVAL);
    assert_int_equal(verity_disk_read_whole(disk, layer.data_blocks, 1, bytes), -EINVAL);
    assert_int_equal(verity_disk_read_whole(disk, UINT64_MAX, 1, bytes), -EINVAL);
    assert_int_equal(verity_disk_read_whole(disk, 1, layer.data_blocks, bytes), -EINVAL);
    assert_int_equal(verity_disk_read_whole(disk, 1, SIZE_MAX, bytes), -EINVAL);
    verity_disk_free(disk);
}

static void refuses_numbers_that_cannot_be(void **state)
{
    struct verity_source source = made_layer_source(&layer);
    struct verity_disk *disk;
    (void)state;
    assert_int_equal(verity_disk_new(&source, 0, layer.root, 16, &disk), -EINVAL);
    assert_int_equal(verity_disk_new(&source, VERITY_DATA_BLOCKS_MAX + 1, layer.root, 16, &disk),
                     -EINVAL);
    assert_int_equal(verity_disk_new(&source, 1, layer.root, SIZE_MAX, &disk), -ENOMEM);
    for (heap_left = 0; heap_left < 5;) {
        size_t allowed = heap_left;
        assert_int_equal(verity_disk_new(&source, 1, layer.root, 16, &disk), -ENOMEM);
        assert_null(disk);
        heap_left = allowed + 1;
    }
    heap_left = SIZE_MAX;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_block_with_any_cache),
        cmocka_unit_test(reads_a_block_in_the_cache_once),
        cmocka_unit_test(a_cache_stays_as_small_as_it_is_to_be),
        cmocka_unit_test(finds_a_flip_in_every_block),
        cmocka_unit_test(reads_whole_blocks),
        cmocka_unit_test(keeps_a_whole_block_that_is_read_twice),
        cmocka_unit_test(finds_a_flip_among_whole_blocks),
        cmocka_unit_test(reads_without_memory_for_a_cache),
        cmocka_unit_test(finds_every_bit_of_one_block),
        cmocka_unit_test(refuses_blocks_that_changed_places),
        cmocka_unit_test(refuses_another_root),
        cmocka_unit_test(gives_no_file_system_for_another_number_of_blocks),
        cmocka_unit_test(passes_on_what_the_source_says),
        cmocka_unit_test(refuses_what_is_not_on_the_disk),
        cmocka_unit_test(refuses_numbers_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, build, drop);
}
