/* The superblocks of a layer disk: one form is accepted. */
#include "../check.h"

#include "base/hex.h"
#include "format/verity.h"

static void make_superblock(struct buf *out)
{
    struct verity_superblock superblock = {.uuid = {1, 2, 3}, .data_blocks = 77};
    struct error err;
    buf_init(out, VERITY_SUPERBLOCK_SIZE);
    check_ok(verity_superblock_append(&superblock, out, &err), &err);
    assert_int_equal(out->size, VERITY_SUPERBLOCK_SIZE);
}

static void reads_what_it_writes(void **state)
{
    (void)state;
    BUF_AUTO bytes;
    struct verity_superblock superblock;
    struct error err;
    make_superblock(&bytes);
    check_ok(verity_superblock_parse(buf_span(&bytes), &superblock, &err), &err);
    assert_int_equal(superblock.data_blocks, 77);
    assert_int_equal(superblock.uuid[2], 3);
}

static void places_fields_where_cryptsetup_does(void **state)
{
    (void)state;
    BUF_AUTO bytes;
    make_superblock(&bytes);
    assert_memory_equal(bytes.data, "verity\0\0\1\0\0\0\1\0\0\0\1\2\3", 19);
    assert_memory_equal(bytes.data + 32, "sha256", 7);
    assert_memory_equal(bytes.data + 64, "\0\x10\0\0\0\x10\0\0\x4d\0\0\0\0\0\0\0\x20\0", 18);
}

static void refuses_superblock_with_any_other_byte(void **state)
{
    (void)state;
    BUF_AUTO bytes;
    struct verity_superblock superblock;
    struct error err;
    make_superblock(&bytes);
    for (size_t i = 0; i < bytes.size; i++) {
        if ((i >= 16 && i < 32) || (i >= 72 && i < 80))
            continue; /* UUID and the count */
        bytes.data[i] ^= 0x40;
        check_error(verity_superblock_parse(buf_span(&bytes), &superblock, &err), &err,
                    ERROR_INVALID);
        bytes.data[i] ^= 0x40;
    }
}

static void refuses_truncated_superblock(void **state)
{
    (void)state;
    BUF_AUTO bytes;
    struct verity_superblock superblock;
    struct error err;
    make_superblock(&bytes);
    for (size_t size = 0; size < bytes.size; size++)
        check_error(verity_superblock_parse(span_of(bytes.data, size), &superblock, &err), &err,
                    ERROR_INVALID);
}

static void refuses_absurd_block_counts(void **state)
{
    (void)state;
    BUF_AUTO bytes;
    struct verity_superblock superblock;
    struct error err;
    make_superblock(&bytes);
    memset(bytes.data + 72, 0, 8);
    check_refused(verity_superblock_parse(buf_span(&bytes), &superblock, &err), &err, "claims 0");
    memset(bytes.data + 72, 0xff, 8);
    check_refused(verity_superblock_parse(buf_span(&bytes), &superblock, &err), &err, "claims");
}

static void make_ext4(uint8_t bytes[EXT4_SUPERBLOCK_SIZE])
{
    memset(bytes, 0, EXT4_SUPERBLOCK_SIZE);
    bytes[4] = 0x39;
    bytes[24] = 2;
    bytes[0x38] = 0x53;
    bytes[0x39] = 0xEF;
}

static void reads_size_of_ext4(void **state)
{
    (void)state;
    uint8_t bytes[EXT4_SUPERBLOCK_SIZE];
    uint64_t blocks;
    struct error err;
    make_ext4(bytes);
    check_ok(verity_ext4_blocks(span_of(bytes, sizeof bytes), &blocks, &err), &err);
    assert_int_equal(blocks, 0x39);
    bytes[0x150] = 1; /* counts only with the 64-bit feature */
    check_ok(verity_ext4_blocks(span_of(bytes, sizeof bytes), &blocks, &err), &err);
    assert_int_equal(blocks, 0x39);
}

static void refuses_other_file_systems(void **state)
{
    (void)state;
    uint8_t bytes[EXT4_SUPERBLOCK_SIZE];
    uint64_t blocks;
    struct error err;
    make_ext4(bytes);
    check_error(verity_ext4_blocks(span_of(bytes, 1023), &blocks, &err), &err, ERROR_INVALID);
    bytes[24] = 0;
    check_refused(verity_ext4_blocks(span_of(bytes, sizeof bytes), &blocks, &err), &err, "blocks");
    make_ext4(bytes);
    bytes[0x38] = 0;
    check_refused(verity_ext4_blocks(span_of(bytes, sizeof bytes), &blocks, &err), &err, "no ext4");
    make_ext4(bytes);
    bytes[4] = 0;
    check_refused(verity_ext4_blocks(span_of(bytes, sizeof bytes), &blocks, &err), &err,
                  "claims 0");
    bytes[0x60] = 0x80;
    bytes[0x153] = 0x80;
    check_refused(verity_ext4_blocks(span_of(bytes, sizeof bytes), &blocks, &err), &err, "claims");
}

static void counts_tree_blocks(void **state)
{
    (void)state;
    assert_int_equal(verity_tree_blocks(1), 1);
    assert_int_equal(verity_tree_blocks(128), 1);
    assert_int_equal(verity_tree_blocks(129), 3);
    assert_int_equal(verity_tree_blocks(128 * 128), 129);
    assert_int_equal(verity_tree_blocks(128 * 128 + 1), 129 + 1 + 2);
}

static void finds_the_way_from_the_first_block_to_the_root(void **state)
{
    (void)state;
    uint64_t path[VERITY_LEVELS_MAX];
    assert_int_equal(verity_first_path(1, path), 1);
    assert_int_equal(path[0], 0);
    assert_int_equal(verity_first_path(129, path), 2);
    assert_int_equal(path[0], 1);
    assert_int_equal(path[1], 0);
    /* 16385 blocks: levels of 129, 2 and 1. */
    assert_int_equal(verity_first_path(128 * 128 + 1, path), 3);
    assert_int_equal(path[0], 3);
    assert_int_equal(path[1], 1);
    assert_int_equal(path[2], 0);
    assert_int_equal(verity_first_path(VERITY_DATA_BLOCKS_MAX, path), VERITY_LEVELS_MAX);
    assert_int_equal(path[VERITY_LEVELS_MAX - 1], 0);
    assert_int_equal(path[0] + (VERITY_DATA_BLOCKS_MAX >> 7),
                     verity_tree_blocks(VERITY_DATA_BLOCKS_MAX));
}

/* `head -c 4128 /dev/zero | sha256sum`: the salt and a block. */
static void hashes_the_salt_before_the_block(void **state)
{
    (void)state;
    static const uint8_t block[VERITY_BLOCK_SIZE];
    uint8_t digest[SHA256_SIZE];
    char text[2 * SHA256_SIZE + 1];
    verity_block_digest(block, digest);
    hex_encode(span_of(digest, sizeof digest), text);
    assert_string_equal(text, "2e534ef0107d592d1706ac38ad58596b85ef3375d360a6d669f974792df5cb5a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_way_from_the_first_block_to_the_root),
        cmocka_unit_test(hashes_the_salt_before_the_block),
        cmocka_unit_test(reads_what_it_writes),
        cmocka_unit_test(places_fields_where_cryptsetup_does),
        cmocka_unit_test(refuses_superblock_with_any_other_byte),
        cmocka_unit_test(refuses_truncated_superblock),
        cmocka_unit_test(refuses_absurd_block_counts),
        cmocka_unit_test(reads_size_of_ext4),
        cmocka_unit_test(refuses_other_file_systems),
        cmocka_unit_test(counts_tree_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
