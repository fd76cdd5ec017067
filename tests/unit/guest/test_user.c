/* Users and groups as an image's configuration names them. */
#include "../check.h"

#include <stdio.h>

#include "base/buf.h"

#include "guest/user.h"

#define PASSWD                                                                                     \
    "root:x:0:0:root:/root:/bin/sh\nbroken line\n:x:5:5::/:\nbig:x:99999999999:1::/:\n"            \
    "redis:x:999:1000::/home/redis:/bin/sh\nnogid:x:7\n"
#define GROUP "root:x:0:\nredis:x:1000:\naudio:x:29:alice,redis\nextra:x:30:redis\nbad:x:-1:redis\n"

static int resolve(const char *text, struct user *user, struct error *err)
{
    return user_resolve(text, span_of_text(PASSWD), span_of_text(GROUP), user, err);
}

static void finds_user_with_all_groups(void **state)
{
    (void)state;
    struct user user;
    struct error err;
    check_ok(resolve("redis", &user, &err), &err);
    assert_int_equal(user.user.id, 999);
    assert_string_equal(user.user.name, "redis");
    assert_int_equal(user.group_count, 3);
    assert_int_equal(user.groups[0].id, 1000);
    assert_string_equal(user.groups[0].name, "redis");
    assert_int_equal(user.groups[1].id, 29);
    assert_string_equal(user.groups[2].name, "extra");
    assert_string_equal(user.home, "/home/redis");
}

static void finds_user_by_number(void **state)
{
    (void)state;
    struct user user;
    struct error err;
    check_ok(resolve("999", &user, &err), &err);
    assert_string_equal(user.user.name, "redis");
    assert_string_equal(user.home, "/home/redis");
    assert_int_equal(user.group_count, 3);
}

/* What is no plain path of a bearable length is none. */
static void takes_no_home_that_is_none(void **state)
{
    (void)state;
    struct user user;
    struct error err;
    char passwd[USER_HOME_SIZE + 32] = "u:x:5:5::";
    static const char *const lines[] = {"u:x:5:5",
                                        "u:x:5:5:", "u:x:5:5:g:", "u:x:5:5:g:\xff:/bin/sh"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        check_ok(user_resolve("u", span_of_text(lines[i]), span_of(NULL, 0), &user, &err), &err);
        assert_string_equal(user.home, "");
    }
    memset(passwd + 9, 'h', USER_HOME_SIZE);
    check_ok(user_resolve("u", span_of_text(passwd), span_of(NULL, 0), &user, &err), &err);
    assert_string_equal(user.home, "");
}

static void takes_root_where_none_is_named(void **state)
{
    (void)state;
    struct user user;
    struct error err;
    check_ok(resolve("", &user, &err), &err);
    assert_int_equal(user.user.id, 0);
    assert_string_equal(user.user.name, "root");
    check_ok(user_resolve("", span_of(NULL, 0), span_of(NULL, 0), &user, &err), &err);
    assert_string_equal(user.user.name, "");
    assert_int_equal(user.groups[0].id, 0);
}

static void takes_a_number_without_an_entry(void **state)
{
    (void)state;
    struct user user;
    struct error err;
    check_ok(resolve("4711", &user, &err), &err);
    assert_int_equal(user.user.id, 4711);
    assert_string_equal(user.user.name, "");
    assert_int_equal(user.groups[0].id, 0);
    assert_int_equal(user.group_count, 1);
}

static void gives_a_named_group_alone(void **state)
{
    (void)state;
    struct user user;
    struct error err;
    check_ok(resolve("redis:audio", &user, &err), &err);
    assert_int_equal(user.groups[0].id, 29);
    assert_int_equal(user.group_count, 1);
    check_ok(resolve("redis:77", &user, &err), &err);
    assert_int_equal(user.groups[0].id, 77);
    assert_string_equal(user.groups[0].name, "");
}

static void refuses_names_that_are_not_there(void **state)
{
    (void)state;
    struct user user;
    struct error err;
    check_error(resolve("nobody", &user, &err), &err, ERROR_NOT_FOUND);
    check_error(resolve("redis:nogroup", &user, &err), &err, ERROR_NOT_FOUND);
    check_error(resolve("big", &user, &err), &err, ERROR_NOT_FOUND);
    check_error(resolve("nogid", &user, &err), &err, ERROR_NOT_FOUND);
    check_error(resolve("-1", &user, &err), &err, ERROR_NOT_FOUND);
    check_error(resolve("4294967295", &user, &err), &err, ERROR_NOT_FOUND);
    check_error(resolve("0x10", &user, &err), &err, ERROR_NOT_FOUND);
}

static void refuses_malformed_users(void **state)
{
    (void)state;
    static const char *const texts[] = {":", ":redis", "redis:", "redis:audio:x", "0::0"};
    struct user user;
    struct error err;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check_error(resolve(texts[i], &user, &err), &err, ERROR_INVALID);
}

static int add(const char *const *names, size_t count, struct user *user, struct error *err)
{
    return user_add_groups((struct policy_list){names, count}, span_of_text(GROUP), user, err);
}

static void adds_groups_once_each(void **state)
{
    (void)state;
    static const char *const names[] = {"29", "root", "77", "redis", "77"};
    struct user user;
    struct error err;
    check_ok(resolve("redis:redis", &user, &err), &err);
    check_ok(add(names, 5, &user, &err), &err);
    assert_int_equal(user.group_count, 4);
    assert_string_equal(user.groups[0].name, "redis");
    assert_string_equal(user.groups[1].name, "audio");
    assert_int_equal(user.groups[2].id, 0);
    assert_int_equal(user.groups[3].id, 77);
    assert_string_equal(user.groups[3].name, "");
}

static void refuses_to_add_what_is_no_group(void **state)
{
    (void)state;
    static const char *const bad[] = {"nogroup", "", "-1", "4294967295", "bad", "alice", "29:30"};
    struct user user;
    struct error err;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        check_ok(resolve("redis:redis", &user, &err), &err);
        check_error(add(&bad[i], 1, &user, &err), &err, ERROR_NOT_FOUND);
    }
}

static void refuses_to_add_too_many_groups(void **state)
{
    (void)state;
    char texts[USER_GROUPS_MAX + 1][8];
    const char *names[USER_GROUPS_MAX + 1];
    struct user user;
    struct error err;
    for (size_t i = 0; i <= USER_GROUPS_MAX; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "%zu", 5000 + i);
        names[i] = texts[i];
    }
    check_ok(resolve("redis:redis", &user, &err), &err);
    check_ok(add(names, USER_GROUPS_MAX, &user, &err), &err);
    check_error(add(names + USER_GROUPS_MAX, 1, &user, &err), &err, ERROR_LIMIT);
    check_ok(add(names, 1, &user, &err), &err);
}

static void refuses_user_in_too_many_groups(void **state)
{
    (void)state;
    struct user user;
    struct error err;
    BUF_AUTO group = BUF_WITH_LIMIT(65536);
    for (int i = 0; i < USER_GROUPS_MAX; i++)
        check_ok(buf_printf(&group, &err, "g%d:x:%d:redis\n", i, 2000 + i), &err);
    check_ok(user_resolve("redis", span_of_text(PASSWD), buf_span(&group), &user, &err), &err);
    assert_int_equal(user.group_count, 1 + USER_GROUPS_MAX);
    check_ok(buf_append_text(&group, "one:x:5000:redis", &err), &err);
    check_error(user_resolve("redis", span_of_text(PASSWD), buf_span(&group), &user, &err), &err,
                ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_user_with_all_groups),
        cmocka_unit_test(finds_user_by_number),
        cmocka_unit_test(takes_no_home_that_is_none),
        cmocka_unit_test(takes_root_where_none_is_named),
        cmocka_unit_test(takes_a_number_without_an_entry),
        cmocka_unit_test(gives_a_named_group_alone),
        cmocka_unit_test(refuses_names_that_are_not_there),
        cmocka_unit_test(refuses_malformed_users),
        cmocka_unit_test(adds_groups_once_each),
        cmocka_unit_test(refuses_to_add_what_is_no_group),
        cmocka_unit_test(refuses_to_add_too_many_groups),
        cmocka_unit_test(refuses_user_in_too_many_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
