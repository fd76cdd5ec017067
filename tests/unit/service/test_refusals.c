/* Refusals of one client are entries up to a number, and a count beyond it. */
#include "../check.h"

#include <stdio.h>

#include "service/refusals.h"

static struct error err;
static struct refusals *refusals;

static int make(void **state)
{
    (void)state;
    refusals = refusals_new(&err);
    return refusals ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    refusals_free(refusals);
    return 0;
}

static unsigned refuse(const char *tenant, const char *event, const char *peer, int64_t now,
                       unsigned times, uint64_t *before)
{
    unsigned noted = 0;
    *before = 0;
    for (unsigned i = 0; i < times; i++) {
        uint64_t counted;
        noted += refusals_count(refusals, tenant, event, peer, now, &counted);
        *before += counted;
    }
    return noted;
}

static void the_first_have_entries_and_the_rest_are_counted(void **state)
{
    (void)state;
    uint64_t before;
    assert_int_equal(refuse("a", "attest", "192.0.2.1", 1000, 100, &before), REFUSALS_EACH);
    assert_int_equal(before, 0);
    assert_int_equal(refuse("a", "attest", "192.0.2.1", 1000 + REFUSALS_SECONDS, 1, &before), 1);
    assert_int_equal(before, 100 - REFUSALS_EACH);
    assert_int_equal(refuse("a", "attest", "192.0.2.1", 1001 + REFUSALS_SECONDS, 1, &before), 1);
    assert_int_equal(before, 0);
}

static void others_have_their_own_count(void **state)
{
    (void)state;
    uint64_t before;
    (void)refuse("a", "attest", "192.0.2.1", 1000, 100, &before);
    assert_int_equal(refuse("b", "attest", "192.0.2.1", 1000, 3, &before), 3);
    assert_int_equal(refuse("a", "release", "192.0.2.1", 1000, 3, &before), 3);
    assert_int_equal(refuse("a", "attest", "192.0.2.2", 1000, 3, &before), 3);
}

static void a_site_of_ipv6_is_one_client(void **state)
{
    (void)state;
    uint64_t before;
    unsigned noted = 0;
    for (int i = 0; i < 100; i++) {
        char peer[64];
        (void)snprintf(peer, sizeof peer, "2001:db8:1:2:%x::%x", i, i);
        noted += refuse("a", "attest", peer, 1000, 1, &before);
    }
    assert_int_equal(noted, REFUSALS_EACH);
    assert_int_equal(refuse("a", "attest", "2001:db8:1:3::1", 1000, 1, &before), 1);
}

static void a_clock_that_is_set_back_begins_anew(void **state)
{
    (void)state;
    uint64_t before;
    (void)refuse("a", "attest", "192.0.2.1", 1000, 100, &before);
    assert_int_equal(refuse("a", "attest", "192.0.2.1", 10, 1, &before), 1);
    assert_int_equal(before, 100 - REFUSALS_EACH);
}

static int sum(void *context, const char *tenant, const char *event, const char *peer,
               uint64_t count, struct error *error)
{
    uint64_t *total = context;
    (void)error;
    assert_string_equal(tenant, "a");
    assert_string_equal(event, "attest");
    assert_string_equal(peer, "192.0.2.1");
    *total += count;
    return 0;
}

static int fail_once(void *context, const char *tenant, const char *event, const char *peer,
                     uint64_t count, struct error *error)
{
    (void)context;
    (void)tenant;
    (void)event;
    (void)peer;
    (void)count;
    return error_set(error, ERROR_UNAVAILABLE, "the disk is full");
}

static void what_is_left_is_given_once(void **state)
{
    (void)state;
    uint64_t before, total = 0;
    (void)refuse("a", "attest", "192.0.2.1", 1000, 100, &before);
    check_ok(refusals_flush(refusals, 1001, sum, &total, &err), &err);
    assert_int_equal(total, 0); /* its minute is not over */
    check_error(refusals_flush(refusals, 2000, fail_once, NULL, &err), &err, ERROR_UNAVAILABLE);
    check_ok(refusals_flush(refusals, 2000, sum, &total, &err), &err);
    assert_int_equal(total, 100 - REFUSALS_EACH);
    check_ok(refusals_flush(refusals, 2000, sum, &total, &err), &err);
    assert_int_equal(total, 100 - REFUSALS_EACH);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_have_entries_and_the_rest_are_counted),
        TEST(others_have_their_own_count),
        TEST(a_site_of_ipv6_is_one_client),
        TEST(a_clock_that_is_set_back_begins_anew),
        TEST(what_is_left_is_given_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
