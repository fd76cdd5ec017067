/* What the words of a mount's options mean. */
#include "../check.h"

#include <sys/mount.h>

#include "guest/mount_options.h"

static struct mount_options options;

#define PARSE(bind, ...)                                                                           \
    parse(bind, (const char *const[]){__VA_ARGS__},                                                \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static struct error err;

static int parse(bool bind, const char *const *words, size_t count)
{
    return mount_options_parse((struct policy_list){words, count}, bind, &options, &err);
}

static void has_no_attributes_without_words(void **state)
{
    (void)state;
    check_ok(mount_options_parse((struct policy_list){0}, true, &options, &err), &err);
    assert_int_equal(options.attributes, 0);
    assert_false(options.recursive);
}

static void reads_what_generated_policies_say(void **state)
{
    (void)state;
    check_ok(PARSE(true, "rbind", "rshared", "ro"), &err);
    assert_true(options.recursive);
    assert_int_equal(options.attributes, MOUNT_ATTR_RDONLY);
    check_ok(PARSE(true, "bind", "rw", "nosuid", "nodev", "noexec"), &err);
    assert_false(options.recursive);
    assert_int_equal(options.attributes, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

static void lets_the_last_of_opposite_words_count(void **state)
{
    (void)state;
    check_ok(PARSE(true, "rw", "ro"), &err);
    assert_int_equal(options.attributes, MOUNT_ATTR_RDONLY);
    check_ok(PARSE(true, "ro", "nosuid", "rw", "suid"), &err);
    assert_int_equal(options.attributes, 0);
    check_ok(PARSE(true, "noatime", "strictatime"), &err);
    assert_int_equal(options.attributes, MOUNT_ATTR_STRICTATIME);
}

static void hands_on_a_file_systems_own_parameters(void **state)
{
    (void)state;
    check_ok(PARSE(false, "noexec", "size=64m", "mode=1777", "noswap"), &err);
    assert_int_equal(options.attributes, MOUNT_ATTR_NOEXEC);
    assert_int_equal(options.parameter_count, 3);
    assert_string_equal(options.parameters[0].key, "size");
    assert_string_equal(options.parameters[0].value, "64m");
    assert_string_equal(options.parameters[1].value, "1777");
    assert_string_equal(options.parameters[2].key, "noswap");
    assert_null(options.parameters[2].value);
}

static void refuses_a_word_that_no_bind_mount_knows(void **state)
{
    (void)state;
    check_error(PARSE(true, "rbind", "Ro"), &err, ERROR_REFUSED);
    check_error(PARSE(true, ""), &err, ERROR_REFUSED);
    check_error(PARSE(true, "size=1"), &err, ERROR_REFUSED);
    check_error(PARSE(true, "remount"), &err, ERROR_REFUSED);
}

static void refuses_too_many_or_too_long_parameters(void **state)
{
    (void)state;
    char long_one[MOUNT_OPTIONS_TEXT_SIZE + 1];
    memset(long_one, 'a', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    check_error(PARSE(false, long_one), &err, ERROR_LIMIT);
    long_one[200] = '\0';
    check_ok(PARSE(false, long_one), &err);
    check_error(PARSE(false, long_one, long_one), &err, ERROR_LIMIT);
    check_ok(PARSE(false, "a", "b", "c", "d", "e", "f", "g", "h"), &err);
    check_error(PARSE(false, "a", "b", "c", "d", "e", "f", "g", "h", "i"), &err, ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_no_attributes_without_words),
        cmocka_unit_test(reads_what_generated_policies_say),
        cmocka_unit_test(lets_the_last_of_opposite_words_count),
        cmocka_unit_test(hands_on_a_file_systems_own_parameters),
        cmocka_unit_test(refuses_a_word_that_no_bind_mount_knows),
        cmocka_unit_test(refuses_too_many_or_too_long_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
