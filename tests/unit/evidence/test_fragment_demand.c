#include "../check.h"

#include <stdio.h>

#include "crypto/digest.h"
#include "evidence/fragment_demand.h"

static const uint8_t digest[SHA256_SIZE] = {1};
static const uint8_t other_digest[SHA256_SIZE] = {1, [31] = 1};
static const struct runtime_fragment loaded[] = {
    {"did:a", "f", "5", digest},
    {"did:b", "g", "1.2.0", other_digest},
};
static struct checks checks;

static struct runtime_data data_of(size_t count)
{
    return (struct runtime_data){.nonce_size = 1, .fragments = loaded, .fragment_count = count};
}

static const struct check *judge(const struct fragment_demand *items, size_t count, bool no_others,
                                 size_t loaded_count)
{
    const struct runtime_data data = data_of(loaded_count);
    checks_init(&checks);
    fragment_demands_check(&(struct fragment_demands){items, count, no_others}, &data, &checks);
    assert_int_equal(checks.count, 1);
    assert_string_equal(checks.items[0].rule->name, "fragments");
    return &checks.items[0];
}

static void passes_over_what_nobody_asks_for(void **state)
{
    (void)state;
    assert_int_equal(judge(NULL, 0, false, 0)->result, CHECK_PASSED);
    const struct check *check = judge(NULL, 0, false, 2);
    assert_int_equal(check->result, CHECK_SKIPPED);
    assert_string_equal(check->found, "2 loaded");
}

static void passes_where_all_demands_are_met(void **state)
{
    (void)state;
    static const struct fragment_demand both[] = {
        {.feed = "f", .issuer = "did:a", .minimum_svn = "5", .digest = digest},
        {.digest = other_digest},
    };
    static const struct fragment_demand met[] = {
        {.feed = "f"},
        {.feed = "f", .minimum_svn = "0"},
        {.feed = "g", .minimum_svn = "1.1.9"},
        {.feed = "g", .minimum_svn = "1.2.0"},
        {.feed = "g", .minimum_svn = "0.9.9"},
        {.digest = digest},
    };
    assert_int_equal(judge(both, 2, true, 2)->result, CHECK_PASSED);
    for (size_t i = 0; i < sizeof met / sizeof *met; i++)
        assert_int_equal(judge(&met[i], 1, false, 2)->result, CHECK_PASSED);
    assert_int_equal(judge(NULL, 0, true, 0)->result, CHECK_PASSED);
}

static void refuses_what_is_not_loaded(void **state)
{
    (void)state;
    static const struct fragment_demand unmet[] = {
        {.feed = "h"},
        {.feed = "F"},
        {.feed = "f", .issuer = "did:b"},
        {.feed = "f", .minimum_svn = "6"},
        {.feed = "f", .minimum_svn = "5.0.0"},
        {.feed = "f", .minimum_svn = "4.0.0"},
        {.feed = "f", .minimum_svn = "x"},
        {.feed = "f", .digest = other_digest},
        {.feed = "g", .minimum_svn = "1"},
        {.feed = "g", .minimum_svn = "1.2.1"},
        {.feed = "g", .minimum_svn = "1.10.0"},
        {.feed = "g", .minimum_svn = "2.0.0"},
    };
    for (size_t i = 0; i < sizeof unmet / sizeof *unmet; i++) {
        const struct check *check = judge(&unmet[i], 1, false, 2);
        if (check->result != CHECK_FAILED)
            fail_msg("demand %zu is met", i);
        assert_string_equal(check->found, "2 loaded, this one not");
        assert_non_null(strstr(check->expected, unmet[i].feed));
    }
    assert_int_equal(judge(&(struct fragment_demand){.feed = "g"}, 1, false, 1)->result,
                     CHECK_FAILED);
    assert_int_equal(judge(&(struct fragment_demand){.feed = "f"}, 1, false, 0)->result,
                     CHECK_FAILED);
}

static void refuses_others_where_told(void **state)
{
    (void)state;
    static const struct fragment_demand first = {.feed = "f"};
    const struct check *check = judge(&first, 1, true, 2);
    assert_int_equal(check->result, CHECK_FAILED);
    assert_string_equal(check->found, "feed g, svn 1.2.0, of did:b");
    assert_int_equal(judge(&first, 1, true, 1)->result, CHECK_PASSED);
    assert_int_equal(judge(NULL, 0, true, 1)->result, CHECK_FAILED);
}

static void refuses_runtime_data_that_could_not_be_read(void **state)
{
    (void)state;
    const struct runtime_data none = {0};
    checks_init(&checks);
    fragment_demands_check(&(struct fragment_demands){0}, &none, &checks);
    assert_int_equal(checks.items[0].result, CHECK_FAILED);
}

static void knows_an_svn(void **state)
{
    (void)state;
    static const char *const good[] = {"0", "5", "9223372036854775807", "0.0.0", "1.2.3"};
    static const char *const bad[] = {"",    "x",    "05",     "1.2",   "1.2.3.4",
                                      "1..", "1.2.", "1.2.03", "-1",    "+1",
                                      " 1",  "1 ",   "1,2,3",  "5.x.1", "9223372036854775808"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(fragment_svn_is_good(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(fragment_svn_is_good(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_over_what_nobody_asks_for),
        cmocka_unit_test(passes_where_all_demands_are_met),
        cmocka_unit_test(refuses_what_is_not_loaded),
        cmocka_unit_test(refuses_others_where_told),
        cmocka_unit_test(refuses_runtime_data_that_could_not_be_read),
        cmocka_unit_test(knows_an_svn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
