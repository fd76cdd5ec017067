/* Attestations of late: what is found again, whose it is, and how much is kept. */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "service/recent.h"

static const struct check_rule rule = {"host_data", "AMD 56860", "check the policy"};

static struct recent *make(size_t tenants)
{
    struct error err = {0};
    struct recent *recent = recent_new(tenants, &err);
    assert_non_null(recent);
    return recent;
}

static void add(struct recent *recent, const char *tenant, const char *found, struct span request,
                char name[RECENT_NAME_SIZE])
{
    static struct checks checks;
    checks_init(&checks);
    (void)checks_add(&checks, &rule, CHECK_FAILED, "aa", found);
    (void)checks_add(&checks, &rule, CHECK_PASSED, "bb", "bb");
    struct recent_attestation attestation = {7, "SevSnpVm", &checks, request};
    recent_add(recent, tenant, &attestation, name);
}

static const char *member(const json_t *list, size_t index, const char *key)
{
    return json_string_value(json_object_get(json_array_get(list, index), key));
}

static void finds_what_it_keeps(void **state)
{
    (void)state;
    struct error err = {0};
    char name[RECENT_NAME_SIZE];
    struct recent *recent = make(2);
    add(recent, "acme", "cc", span_of_text("{\"report\":1}"), name);
    assert_int_equal(strlen(name), RECENT_NAME_SIZE - 1);
    RECENT_COPY_AUTO copy = {0};
    check_ok(recent_find(recent, "acme", name, &copy, &err), &err);
    assert_int_equal(copy.time, 7);
    assert_string_equal(copy.kind, "SevSnpVm");
    assert_string_equal(buf_text(&copy.request), "{\"report\":1}");
    assert_int_equal(json_array_size(copy.checks), 2);
    assert_string_equal(member(copy.checks, 0, "name"), "host_data");
    assert_string_equal(member(copy.checks, 0, "result"), "failed");
    assert_string_equal(member(copy.checks, 0, "expected"), "aa");
    assert_string_equal(member(copy.checks, 0, "found"), "cc");
    assert_string_equal(member(copy.checks, 0, "remedy"), "check the policy");
    assert_string_equal(member(copy.checks, 1, "result"), "passed");
    recent_free(recent);
}

static void finds_nothing_for_others(void **state)
{
    (void)state;
    struct error err = {0};
    char name[RECENT_NAME_SIZE], longer[64];
    static const char *const wrong[] = {"", "0", "ffffffffffffffff", "../../etc/passwd"};
    struct recent *recent = make(2);
    add(recent, "acme", "cc", span_of(NULL, 0), name);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        RECENT_COPY_AUTO copy = {0};
        check_error(recent_find(recent, "acme", wrong[i], &copy, &err), &err, ERROR_NOT_FOUND);
    }
    RECENT_COPY_AUTO other = {0}, beyond = {0};
    check_error(recent_find(recent, "other", name, &other, &err), &err, ERROR_NOT_FOUND);
    (void)snprintf(longer, sizeof longer, "%s0", name);
    check_error(recent_find(recent, "acme", longer, &beyond, &err), &err, ERROR_NOT_FOUND);
    recent_free(recent);
}

static void makes_text_of_what_is_none(void **state)
{
    (void)state;
    struct error err = {0};
    char name[RECENT_NAME_SIZE];
    struct recent *recent = make(1);
    add(recent, "acme", "a\xff\x01<b>", span_of(NULL, 0), name);
    RECENT_COPY_AUTO copy = {0};
    check_ok(recent_find(recent, "acme", name, &copy, &err), &err);
    assert_string_equal(member(copy.checks, 0, "found"), "a? <b>");
    recent_free(recent);
}

static void the_newest_drive_out_the_oldest(void **state)
{
    (void)state;
    struct error err = {0};
    char first[RECENT_NAME_SIZE], other[RECENT_NAME_SIZE], last[RECENT_NAME_SIZE];
    struct recent *recent = make(2);
    add(recent, "other", "cc", span_of(NULL, 0), other);
    add(recent, "acme", "cc", span_of(NULL, 0), first);
    for (int i = 0; i < RECENT_COUNT_MAX; i++)
        add(recent, "acme", "cc", span_of(NULL, 0), last);
    RECENT_COPY_AUTO gone = {0}, there = {0}, others = {0};
    check_error(recent_find(recent, "acme", first, &gone, &err), &err, ERROR_NOT_FOUND);
    check_ok(recent_find(recent, "acme", last, &there, &err), &err);
    check_ok(recent_find(recent, "other", other, &others, &err), &err);
    recent_free(recent);
}

static void a_tenant_has_its_share_of_bytes(void **state)
{
    (void)state;
    struct error err = {0};
    static uint8_t large[RECENT_BYTES_MAX / 8];
    char names[3][RECENT_NAME_SIZE], none[RECENT_NAME_SIZE];
    struct recent *recent = make(4);
    for (int i = 0; i < 3; i++)
        add(recent, "acme", "cc", span_of(large, sizeof large - 4096), names[i]);
    RECENT_COPY_AUTO gone = {0}, second = {0}, third = {0};
    check_error(recent_find(recent, "acme", names[0], &gone, &err), &err, ERROR_NOT_FOUND);
    check_ok(recent_find(recent, "acme", names[1], &second, &err), &err);
    check_ok(recent_find(recent, "acme", names[2], &third, &err), &err);
    recent_free(recent);

    recent = make(16);
    add(recent, "acme", "cc", span_of(large, sizeof large), none);
    assert_string_equal(none, "");
    recent_free(recent);
}

static void has_no_more_tenants_than_its_limit(void **state)
{
    (void)state;
    char name[RECENT_NAME_SIZE], tenant[16];
    struct recent *recent = make(RECENT_TENANTS_MAX);
    for (int i = 0; i <= RECENT_TENANTS_MAX; i++) {
        (void)snprintf(tenant, sizeof tenant, "t%d", i);
        add(recent, tenant, "cc", span_of(NULL, 0), name);
        assert_int_equal(strlen(name) > 0, i < RECENT_TENANTS_MAX);
    }
    recent_free(recent);
}

static bool is_there(struct recent *recent, const char *tenant, const char *name)
{
    struct error err = {0};
    RECENT_COPY_AUTO copy = {0};
    return recent_find(recent, tenant, name, &copy, &err) == 0;
}

static void forgets_tenants_that_are_gone_and_shares_anew(void **state)
{
    (void)state;
    static uint8_t large[RECENT_BYTES_MAX * 3 / 8];
    char first[RECENT_NAME_SIZE], second[RECENT_NAME_SIZE], other[RECENT_NAME_SIZE];
    struct recent *recent = make(1);
    add(recent, "acme", "cc", span_of(large, sizeof large), first);
    add(recent, "acme", "cc", span_of(large, sizeof large), second);
    add(recent, "gone", "cc", span_of_text("{}"), other);
    assert_true(is_there(recent, "acme", first) && is_there(recent, "gone", other));
    static const char *const names[] = {"new", "acme"};
    recent_set_tenants(recent, names, 2);
    assert_false(is_there(recent, "gone", other));
    assert_false(is_there(recent, "acme", first));
    assert_true(is_there(recent, "acme", second));
    add(recent, "new", "cc", span_of(large, sizeof large), other);
    assert_true(is_there(recent, "new", other) && is_there(recent, "acme", second));
    recent_free(recent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_it_keeps),
        cmocka_unit_test(finds_nothing_for_others),
        cmocka_unit_test(makes_text_of_what_is_none),
        cmocka_unit_test(the_newest_drive_out_the_oldest),
        cmocka_unit_test(a_tenant_has_its_share_of_bytes),
        cmocka_unit_test(has_no_more_tenants_than_its_limit),
        cmocka_unit_test(forgets_tenants_that_are_gone_and_shares_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
