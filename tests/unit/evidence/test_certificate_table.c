#include "../check.h"

#include "evidence/bundle.h"

static struct error err;

/* GUIDs as they lie in memory. */
static const uint8_t vcek[16] = {0x8d, 0x75, 0xda, 0x63, 0x64, 0xe6, 0x64, 0x45,
                                 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd};
static const uint8_t vlek[16] = {0xc2, 0x4b, 0x07, 0xa8, 0x5a, 0xa2, 0x3e, 0x48,
                                 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8, 0xa1};
static const uint8_t ask[16] = {0x79, 0xb3, 0xb7, 0x4a, 0xac, 0xbb, 0xe4, 0x4f,
                                0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7, 0x82};
static const uint8_t ark[16] = {0xa4, 0x06, 0xb4, 0xc0, 0x03, 0xa8, 0x52, 0x49,
                                0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0, 0xae};
static const uint8_t other[16] = {1};

static void add(struct buf *table, const uint8_t guid[16], uint32_t offset, uint32_t size)
{
    check_ok(buf_append(table, span_of(guid, 16), &err), &err);
    check_ok(buf_append_le32(table, offset, &err), &err);
    check_ok(buf_append_le32(table, size, &err), &err);
}

/* Ends the table, and puts "leaf", "mid" and "root" behind it where `at` says. */
static void finish(struct buf *table)
{
    check_ok(buf_append_zero(table, 24, &err), &err);
    check_ok(buf_append_text(table, "leafmidroot", &err), &err);
}

#define AT(entries) ((uint32_t)(entries)*24 + 24)

static void takes_the_chain_in_its_order(void **state)
{
    (void)state;
    static const uint8_t *const leaves[] = {vcek, vlek};
    for (int i = 0; i < 2; i++) {
        BUF_AUTO table = BUF_WITH_LIMIT(4096);
        BUNDLE_AUTO bundle;
        bundle_init(&bundle);
        add(&table, ark, AT(4) + 7, 4);
        add(&table, other, 0xFFFFFFFF, 0xFFFFFFFF);
        add(&table, leaves[i], AT(4), 4);
        add(&table, ask, AT(4) + 4, 3);
        finish(&table);
        check_ok(bundle_set_certificate_table(&bundle, buf_span(&table), &err), &err);
        assert_int_equal(bundle.certificate_count, 3);
        assert_true(span_equal_text(buf_span(&bundle.certificates[0]), "leaf"));
        assert_true(span_equal_text(buf_span(&bundle.certificates[1]), "mid"));
        assert_true(span_equal_text(buf_span(&bundle.certificates[2]), "root"));
    }
}

static void takes_none_from_an_empty_table(void **state)
{
    (void)state;
    static const uint8_t zeros[4096];
    BUNDLE_AUTO bundle;
    bundle_init(&bundle);
    check_ok(bundle_set_certificate_table(&bundle, span_of(zeros, sizeof zeros), &err), &err);
    assert_int_equal(bundle.certificate_count, 0);
}

static void refuses(const struct buf *table, enum error_code code)
{
    BUNDLE_AUTO bundle;
    bundle_init(&bundle);
    check_error(bundle_set_certificate_table(&bundle, buf_span(table), &err), &err, code);
    assert_int_equal(bundle.certificate_count, 0);
}

static void refuses_entries_that_lead_outside(void **state)
{
    (void)state;
    static const uint32_t refused[][2] = {{AT(1), 0},      {AT(1), 12},     {AT(1) + 11, 1},
                                          {0, 0xFFFFFFFF}, {0xFFFFFFFF, 2}, {AT(1) + 12, 1}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        BUF_AUTO table = BUF_WITH_LIMIT(4096);
        add(&table, vcek, refused[i][0], refused[i][1]);
        finish(&table);
        refuses(&table, ERROR_INVALID);
    }
}

static void refuses_two_leaves(void **state)
{
    (void)state;
    BUF_AUTO table = BUF_WITH_LIMIT(4096);
    add(&table, vcek, AT(2), 4);
    add(&table, vlek, AT(2), 4);
    finish(&table);
    refuses(&table, ERROR_INVALID);
}

static void refuses_a_table_without_end(void **state)
{
    (void)state;
    BUF_AUTO table = BUF_WITH_LIMIT(4096);
    refuses(&table, ERROR_INVALID);
    add(&table, vcek, 0, 4);
    for (size_t size = 0; size < 24; size++) {
        table.size = size;
        refuses(&table, ERROR_INVALID);
    }
    table.size = 24;
    refuses(&table, ERROR_INVALID);
    for (int i = 0; i < 32; i++)
        add(&table, other, 0, 0);
    finish(&table);
    refuses(&table, ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_chain_in_its_order),
        cmocka_unit_test(takes_none_from_an_empty_table),
        cmocka_unit_test(refuses_entries_that_lead_outside),
        cmocka_unit_test(refuses_two_leaves),
        cmocka_unit_test(refuses_a_table_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
