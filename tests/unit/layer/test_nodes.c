#include <stdio.h>

#include "../check.h"
#include "layer/nodes.h"

static void make_root(struct nodes *nodes, uint64_t limit)
{
    struct error err = {0};
    uint32_t number;
    check_ok(nodes_init(nodes, limit, &err), &err);
    check_ok(nodes_add_inode(nodes, &number, &err), &err);
    check_ok(nodes_add_inode(nodes, &number, &err), &err);
    assert_int_equal(number, NODES_ROOT);
}

static void finds_each_of_many_names(void **state)
{
    (void)state;
    struct nodes nodes;
    struct error err = {0};
    char name[32];
    make_root(&nodes, 64 << 20);
    for (uint32_t i = 0; i < 20000; i++) {
        int size = snprintf(name, sizeof name, "name-%u", i);
        assert_int_equal(nodes_find(&nodes, NODES_ROOT, span_of(name, (size_t)size)), 0);
        check_ok(nodes_add_entry(&nodes, NODES_ROOT, span_of(name, (size_t)size), i + 100, &err),
                 &err);
    }
    for (uint32_t i = 0; i < 20000; i++) {
        int size = snprintf(name, sizeof name, "name-%u", i);
        uint32_t entry = nodes_find(&nodes, NODES_ROOT, span_of(name, (size_t)size));
        assert_int_equal(nodes_entry(&nodes, entry)->inode, i + 100);
        assert_int_equal(nodes_find(&nodes, 1, span_of(name, (size_t)size)), 0);
    }
    nodes_fini(&nodes);
}

static void sorts_children_by_inode_then_name(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t inode;
    } given[] = {{"z", 20}, {"b", 30}, {"ab", 10}, {"a", 10}, {"\xff", 10}, {"c", 30}};
    static const char *const sorted[] = {"a", "ab", "\xff", "z", "b", "c"};
    struct nodes nodes;
    struct error err = {0};
    make_root(&nodes, 64 << 20);
    for (size_t i = 0; i < 6; i++)
        check_ok(
            nodes_add_entry(&nodes, NODES_ROOT, span_of_text(given[i].name), given[i].inode, &err),
            &err);
    check_ok(nodes_sort_children(&nodes, NODES_ROOT, &err), &err);
    uint32_t entry = nodes_inode(&nodes, NODES_ROOT)->first_child;
    for (size_t i = 0; i < 6; i++) {
        assert_true(span_equal_text(nodes_entry_name(&nodes, entry), sorted[i]));
        entry = nodes_entry(&nodes, entry)->next;
    }
    assert_int_equal(entry, 0);
    nodes_fini(&nodes);
}

static void stays_small(void **state)
{
    (void)state;
    /* What docs and limits say of an inode's and an entry's memory. */
    assert_true(sizeof(struct inode) <= 88);
    assert_true(sizeof(struct entry) == 16);
}

static void refuses_more_than_its_memory(void **state)
{
    (void)state;
    struct nodes nodes;
    struct error err = {0};
    uint32_t number;
    make_root(&nodes, 1 << 20);
    int status = 0;
    for (int i = 0; status == 0 && i < 20000; i++)
        status = nodes_add_inode(&nodes, &number, &err);
    assert_int_equal(status, -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    nodes_fini(&nodes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_each_of_many_names),
        cmocka_unit_test(sorts_children_by_inode_then_name),
        cmocka_unit_test(stays_small),
        cmocka_unit_test(refuses_more_than_its_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
