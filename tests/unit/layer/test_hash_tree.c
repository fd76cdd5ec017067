#include <stdlib.h>

#include "../check.h"
#include "layer/hash_tree.h"

/* Keeps what the tree stores, a level after the other. */
struct shelf {
    uint8_t *levels[HASH_TREE_LEVELS];
};

#define SHELF_BLOCKS 300

static int shelve(void *arg, int level, uint64_t index, const uint8_t *block, struct error *err)
{
    struct shelf *shelf = arg;
    (void)err;
    assert_true(index < SHELF_BLOCKS);
    if (!shelf->levels[level])
        shelf->levels[level] = calloc(SHELF_BLOCKS, HASH_TREE_BLOCK_SIZE);
    memcpy(shelf->levels[level] + index * HASH_TREE_BLOCK_SIZE, block, HASH_TREE_BLOCK_SIZE);
    return 0;
}

static void shelf_fini(struct shelf *shelf)
{
    for (int i = 0; i < HASH_TREE_LEVELS; i++)
        free(shelf->levels[i]);
}

static void make_block(uint64_t number, uint8_t block[HASH_TREE_BLOCK_SIZE])
{
    memset(block, (int)(number % 251), HASH_TREE_BLOCK_SIZE); /* some are all zero */
    memcpy(block + 100, &number, number % 251 == 0 ? 0 : sizeof number);
}

/* The tree over `count` blocks; the block `odd` is announced and set afterwards. */
static void make_tree(uint64_t count, uint64_t odd, struct shelf *shelf, uint8_t root[32],
                      uint64_t sizes[HASH_TREE_LEVELS])
{
    struct error err = {0};
    uint8_t block[HASH_TREE_BLOCK_SIZE];
    struct hash_tree *tree = hash_tree_new((struct hash_tree_store){shelf ? shelve : NULL, shelf},
                                           &err);
    assert_non_null(tree);
    for (uint64_t i = 0; i < count; i++) {
        make_block(i, block);
        if (i == odd) {
            hash_tree_keep_next(tree);
            memset(block, 0xff, sizeof block);
        }
        check_ok(hash_tree_add(tree, block, 1, &err), &err);
    }
    if (odd < count) {
        make_block(odd, block);
        check_ok(hash_tree_change(tree, odd, block, &err), &err);
    }
    check_ok(hash_tree_finish(tree, root, &err), &err);
    if (sizes)
        hash_tree_level_sizes(tree, sizes);
    hash_tree_free(tree);
}

static void changed_blocks_give_the_tree_of_what_they_become(void **state)
{
    (void)state;
    static const uint64_t counts[] = {1, 2, 127, 128, 129, 128 * 128, 128 * 128 + 1, 33000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const uint64_t odd[] = {0, counts[i] / 2, counts[i] - 1};
        uint8_t expected[32], root[32];
        make_tree(counts[i], UINT64_MAX, NULL, expected, NULL);
        for (size_t j = 0; j < 3; j++) {
            make_tree(counts[i], odd[j], NULL, root, NULL);
            assert_memory_equal(root, expected, 32);
        }
    }
}

static void stores_every_block_of_the_tree(void **state)
{
    (void)state;
    struct shelf plain = {0}, changed = {0};
    uint64_t sizes[HASH_TREE_LEVELS];
    uint8_t root[32];
    make_tree(20000, UINT64_MAX, &plain, root, sizes);
    make_tree(20000, 12345, &changed, root, sizes);
    assert_int_equal(sizes[0], 157);
    assert_int_equal(sizes[1], 2);
    assert_int_equal(sizes[2], 1);
    assert_int_equal(sizes[3], 0);
    for (int i = 0; i < 3; i++)
        assert_memory_equal(plain.levels[i], changed.levels[i], sizes[i] * HASH_TREE_BLOCK_SIZE);
    shelf_fini(&plain);
    shelf_fini(&changed);
}

static void zeros_and_pairs_hash_like_single_blocks(void **state)
{
    (void)state;
    struct error err = {0};
    uint8_t root[2][32];
    uint8_t *blocks = calloc(9, HASH_TREE_BLOCK_SIZE);
    assert_non_null(blocks);
    for (uint64_t i = 0; i < 9; i++) {
        if (i != 3 && i != 8)
            make_block(i + 1, blocks + i * HASH_TREE_BLOCK_SIZE);
    }
    for (int way = 0; way < 2; way++) {
        struct hash_tree *tree = hash_tree_new((struct hash_tree_store){0}, &err);
        for (size_t i = 0; way == 0 && i < 9; i++)
            check_ok(hash_tree_add(tree, blocks + i * HASH_TREE_BLOCK_SIZE, 1, &err), &err);
        if (way == 1)
            check_ok(hash_tree_add(tree, blocks, 8, &err), &err);
        if (way == 1)
            check_ok(hash_tree_add_zero(tree, 1, &err), &err);
        check_ok(hash_tree_finish(tree, root[way], &err), &err);
        hash_tree_free(tree);
    }
    assert_memory_equal(root[0], root[1], 32);
    free(blocks);
}

static void refuses_to_change_what_was_not_announced(void **state)
{
    (void)state;
    struct error err;
    uint8_t block[HASH_TREE_BLOCK_SIZE] = {1};
    struct hash_tree *tree = hash_tree_new((struct hash_tree_store){0}, &err);
    for (int i = 0; i < 200; i++)
        check_ok(hash_tree_add(tree, block, 1, &err), &err);
    check_refused(hash_tree_change(tree, 5, block, &err), &err, "no longer change");
    hash_tree_free(tree);
}

static void refuses_to_keep_more_than_its_limit(void **state)
{
    (void)state;
    struct error err = {0};
    struct hash_tree *tree = hash_tree_new((struct hash_tree_store){0}, &err);
    int status = 0;
    for (int i = 0; status == 0 && i < HASH_TREE_OPEN_LIMIT + 100; i++) {
        hash_tree_keep_next(tree);
        status = hash_tree_add_zero(tree, 128, &err);
    }
    assert_int_equal(status, -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    hash_tree_free(tree);
}

static void refuses_a_tree_over_nothing(void **state)
{
    (void)state;
    struct error err;
    uint8_t root[32];
    struct hash_tree *tree = hash_tree_new((struct hash_tree_store){0}, &err);
    check_error(hash_tree_finish(tree, root, &err), &err, ERROR_INVALID);
    hash_tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changed_blocks_give_the_tree_of_what_they_become),
        cmocka_unit_test(stores_every_block_of_the_tree),
        cmocka_unit_test(zeros_and_pairs_hash_like_single_blocks),
        cmocka_unit_test(refuses_to_change_what_was_not_announced),
        cmocka_unit_test(refuses_to_keep_more_than_its_limit),
        cmocka_unit_test(refuses_a_tree_over_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
