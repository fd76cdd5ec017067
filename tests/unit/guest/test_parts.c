/* The disk with the parts that an encrypted scratch takes. */
#include "../check.h"

#include "base/buf.h"
#include "guest/parts.h"

/* Two parts, and the zeros that fill the disk up. */
static void append_part(struct buf *out, const char *name, const char *bytes)
{
    char padded[PART_NAME_SIZE] = {0};
    struct error err;
    memcpy(padded, name, strnlen(name, sizeof padded));
    check_ok(buf_append(out, span_of(padded, sizeof padded), &err), &err);
    check_ok(buf_append_le32(out, (uint32_t)strlen(bytes), &err), &err);
    check_ok(buf_append_text(out, bytes, &err), &err);
}

static void append_block(struct buf *out, uint64_t offset, const char *head, const char *tail)
{
    struct error err;
    check_ok(buf_append_le64(out, offset, &err), &err);
    check_ok(buf_append_le32(out, (uint32_t)strlen(head), &err), &err);
    check_ok(buf_append_le32(out, (uint32_t)strlen(tail), &err), &err);
    check_ok(buf_append_text(out, head, &err), &err);
    check_ok(buf_append_text(out, tail, &err), &err);
}

static void reads_parts_up_to_the_zeros(void **state)
{
    (void)state;
    BUF_AUTO bytes = BUF_WITH_LIMIT(4096);
    struct part part;
    struct error err;
    append_part(&bytes, "btrfs", "module");
    append_part(&bytes, "a name of twenty-eight bytes", "t");
    check_ok(buf_append_zero(&bytes, 512, &err), &err);
    struct cursor cursor = cursor_of(buf_span(&bytes));
    assert_true(part_read(&cursor, &part));
    assert_string_equal(part.name, "btrfs");
    assert_true(span_equal_text(part.bytes, "module"));
    assert_true(part_read(&cursor, &part));
    assert_string_equal(part.name, "a name of twenty-eight bytes");
    assert_false(part_read(&cursor, &part));
    assert_false(cursor.failed);
}

static void finds_a_part_by_its_name(void **state)
{
    (void)state;
    BUF_AUTO bytes = BUF_WITH_LIMIT(4096);
    struct span found;
    append_part(&bytes, "btrfs", "module");
    append_part(&bytes, "fragment-check", "program");
    assert_true(part_find(buf_span(&bytes), "fragment-check", &found));
    assert_true(span_equal_text(found, "program"));
    assert_false(part_find(buf_span(&bytes), "fragment", &found));
    assert_false(part_find(span_of(bytes.data, bytes.size - 1), "fragment-check", &found));
    assert_false(part_find(span_of(NULL, 0), "btrfs", &found));
}

static void refuses_parts_that_end_early(void **state)
{
    (void)state;
    BUF_AUTO bytes = BUF_WITH_LIMIT(4096);
    struct part part;
    append_part(&bytes, "btrfs", "module");
    for (size_t size = 1; size < bytes.size; size++) {
        struct cursor cursor = cursor_of(span_of(bytes.data, size));
        assert_false(part_read(&cursor, &part));
        assert_true(cursor.failed);
    }
}

static void refuses_parts_without_name_or_bytes(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"", "module"}, {"btrfs", ""}};
    for (size_t i = 0; i < 2; i++) {
        BUF_AUTO bytes = BUF_WITH_LIMIT(4096);
        struct part part;
        append_part(&bytes, cases[i][0], cases[i][1]);
        struct cursor cursor = cursor_of(buf_span(&bytes));
        assert_false(part_read(&cursor, &part));
        assert_true(cursor.failed);
    }
}

static void fills_a_block_between_head_and_tail(void **state)
{
    (void)state;
    BUF_AUTO bytes = BUF_WITH_LIMIT(4096);
    struct scratch_block block;
    append_block(&bytes, 65536, "head", "tail");
    append_block(&bytes, 1, "", "");
    struct cursor cursor = cursor_of(buf_span(&bytes));
    memset(&block, 0xff, sizeof block);
    assert_true(scratch_block_read(&cursor, &block));
    assert_int_equal(block.offset, 65536);
    assert_memory_equal(block.bytes, "head", 4);
    assert_true(span_is_zero(span_of(block.bytes + 4, SCRATCH_BLOCK_SIZE - 8)));
    assert_memory_equal(block.bytes + SCRATCH_BLOCK_SIZE - 4, "tail", 4);
    assert_true(scratch_block_read(&cursor, &block));
    assert_true(span_is_zero(span_of(block.bytes, SCRATCH_BLOCK_SIZE)));
    assert_false(scratch_block_read(&cursor, &block));
    assert_true(cursor_at_end(&cursor));
}

static void refuses_blocks_that_end_early_or_overflow(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{SCRATCH_BLOCK_SIZE + 1, 0},
                                        {0, SCRATCH_BLOCK_SIZE + 1},
                                        {SCRATCH_BLOCK_SIZE, 1},
                                        {8, UINT32_MAX - 7}};
    struct scratch_block block;
    struct error err;
    BUF_AUTO bytes = BUF_WITH_LIMIT(3 * SCRATCH_BLOCK_SIZE);
    append_block(&bytes, 0, "head", "tail");
    for (size_t size = 1; size < bytes.size; size++) {
        struct cursor cursor = cursor_of(span_of(bytes.data, size));
        assert_false(scratch_block_read(&cursor, &block));
        assert_true(cursor.failed);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        buf_truncate(&bytes, 0);
        check_ok(buf_append_le64(&bytes, 0, &err), &err);
        check_ok(buf_append_le32(&bytes, sizes[i][0], &err), &err);
        check_ok(buf_append_le32(&bytes, sizes[i][1], &err), &err);
        check_ok(buf_append_zero(&bytes, 2 * SCRATCH_BLOCK_SIZE, &err), &err);
        struct cursor cursor = cursor_of(buf_span(&bytes));
        assert_false(scratch_block_read(&cursor, &block));
        assert_true(cursor.failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_parts_up_to_the_zeros),
        cmocka_unit_test(finds_a_part_by_its_name),
        cmocka_unit_test(refuses_parts_that_end_early),
        cmocka_unit_test(refuses_parts_without_name_or_bytes),
        cmocka_unit_test(fills_a_block_between_head_and_tail),
        cmocka_unit_test(refuses_blocks_that_end_early_or_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
