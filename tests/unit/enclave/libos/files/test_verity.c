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
        const struct ext4_source from = {read_checked, disk, blocks};
        assert_true(ext4_reader_open(&reader, &from) < 0);
        verity_disk_free(disk);
    }
}

static int fail_to_read(void *arg, uint64_t block, uint8_t out[VERITY_BLOCK_SIZE])
{
    (void)arg;
    (void)block;
    memset(out, 0, VERITY_BLOCK_SIZE);
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
    for (heap_left = 0; heap_left < 3;) {
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
        cmocka_unit_test(finds_a_flip_in_every_block),
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
