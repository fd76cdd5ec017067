#include "../check.h"

#include <stdlib.h>

#include "cli/args.h"

static const struct option_rule rules[] = {
    {.name = "detach", .letter = 'd', .help = "Run in the background"},
    {.name = "interactive", .letter = 'i', .help = "Keep standard input open"},
    {.name = "env", .letter = 'e', .operand = "NAME=VALUE", .help = "Set", .repeats = true},
    {.name = "name", .operand = "NAME", .help = "Name it"},
    {.name = "publish", .letter = 'p', .operand = "PORTS", .help = "Publish", .repeats = true},
    {.name = "privileged", .refusal = "a guest has no privileges to give"},
    {.name = "device", .operand = "DEVICE", .refusal = "a host's devices can't be trusted"},
    {0},
};

#define WORDS(...)                                                                                 \
    ((char *[]){"run", __VA_ARGS__, NULL}),                                                        \
        (int)(sizeof((char *[]){"run", __VA_ARGS__}) / sizeof(char *))

static struct args *parse(bool stop, char *argv[], int argc)
{
    struct error err = {0};
    struct args *args = args_parse(rules, stop, argc, argv, &err);
    if (!args)
        fail_msg("%s", err.text);
    return args;
}

static void refuse(char *argv[], int argc, enum error_code code, const char *words)
{
    struct error err = {0};
    ARGS_AUTO args = args_parse(rules, false, argc, argv, &err);
    assert_null(args);
    assert_int_equal(err.code, code);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not hold \"%s\"", err.text, words);
}

static void reads_every_form_of_a_value(void **state)
{
    (void)state;
    ARGS_AUTO args = parse(false, WORDS("--env", "A=1", "--env=B=2", "-e", "C=3", "-eD=4", "-e=E=5",
                                        "--name=", "-p", "-80"));
    const char *const expected[] = {"A=1", "B=2", "C=3", "D=4", "E=5"};
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(args_get_nth(args, "env", i), expected[i]);
    assert_null(args_get_nth(args, "env", 5));
    assert_string_equal(args_get(args, "env"), "E=5");
    assert_string_equal(args_get(args, "name"), "");
    assert_string_equal(args_get(args, "publish"), "-80");
    assert_int_equal(args_operand_count(args), 0);
}

static void reads_bundled_letters(void **state)
{
    (void)state;
    ARGS_AUTO args = parse(false, WORDS("-dip", "80:80", "-de", "X", "-die=Y"));
    assert_true(args_has(args, "detach"));
    assert_true(args_has(args, "interactive"));
    assert_string_equal(args_get(args, "publish"), "80:80");
    assert_string_equal(args_get_nth(args, "env", 0), "X");
    assert_string_equal(args_get_nth(args, "env", 1), "Y");
}

static void tells_what_was_not_given(void **state)
{
    (void)state;
    ARGS_AUTO args = parse(false, WORDS("image"));
    assert_false(args_has(args, "detach"));
    assert_null(args_get(args, "name"));
    assert_null(args_get_nth(args, "env", 0));
    assert_false(args_wants_help(args));
    assert_string_equal(args_operands(args)[0], "image");
    assert_null(args_operands(args)[1]);
}

static void mixes_options_and_operands(void **state)
{
    (void)state;
    ARGS_AUTO args = parse(false, WORDS("one", "-d", "two", "-", "--", "--name", "-x"));
    assert_true(args_has(args, "detach"));
    assert_int_equal(args_operand_count(args), 5);
    const char *const expected[] = {"one", "two", "-", "--name", "-x"};
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(args_operands(args)[i], expected[i]);
}

static void leaves_alone_what_follows_the_first_operand(void **state)
{
    (void)state;
    ARGS_AUTO args = parse(true, WORDS("-d", "image", "-i", "--", "--help", "--privileged"));
    assert_true(args_has(args, "detach"));
    assert_false(args_has(args, "interactive"));
    assert_false(args_wants_help(args));
    assert_int_equal(args_operand_count(args), 5);
    assert_string_equal(args_operands(args)[2], "--");
}

static void ends_options_before_the_first_operand_when_told_so(void **state)
{
    (void)state;
    ARGS_AUTO args = parse(true, WORDS("--", "-d", "x"));
    assert_false(args_has(args, "detach"));
    assert_string_equal(args_operands(args)[0], "-d");
}

static void sees_help_only_where_an_option_may_stand(void **state)
{
    (void)state;
    ARGS_AUTO plain = parse(true, WORDS("-p", "80:80", "--help", "--nonsense"));
    assert_true(args_wants_help(plain));
    ARGS_AUTO value = parse(true, WORDS("-e", "--help", "image"));
    assert_false(args_wants_help(value));
    ARGS_AUTO after = parse(false, WORDS("--", "--help"));
    assert_false(args_wants_help(after));
}

static void refuses_unknown_options(void **state)
{
    (void)state;
    refuse(WORDS("--nam", "x"), ERROR_USAGE, "--nam;");
    refuse(WORDS("--names", "x"), ERROR_USAGE, "--names");
    refuse(WORDS("--detachx"), ERROR_USAGE, "--detachx");
    refuse(WORDS("-x"), ERROR_USAGE, "-x");
    refuse(WORDS("-dx"), ERROR_USAGE, "-x");
    refuse(WORDS("-n", "x"), ERROR_USAGE, "-n"); /* a rule without a letter has none */
    refuse(WORDS("--=x"), ERROR_USAGE, "unknown option");
    refuse(WORDS("---d"), ERROR_USAGE, "unknown option");
    refuse(WORDS("--help=yes"), ERROR_USAGE, "--help");
}

static void refuses_a_missing_or_unwanted_value(void **state)
{
    (void)state;
    refuse(WORDS("--name"), ERROR_USAGE, "--name needs a value: NAME");
    refuse(WORDS("-e"), ERROR_USAGE, "-e needs a value: NAME=VALUE");
    refuse(WORDS("-de"), ERROR_USAGE, "-e needs a value");
    refuse(WORDS("--detach=yes"), ERROR_USAGE, "--detach takes no value");
    refuse(WORDS("--detach="), ERROR_USAGE, "--detach takes no value");
    refuse(WORDS("-d=yes"), ERROR_USAGE, "-=");
}

static void refuses_a_second_value_where_one_is_meant(void **state)
{
    (void)state;
    refuse(WORDS("--name", "a", "--name", "b"), ERROR_USAGE, "twice");
    refuse(WORDS("--name=a", "--name=a"), ERROR_USAGE, "twice");
    ARGS_AUTO flags = parse(false, WORDS("-d", "-d", "--detach"));
    assert_true(args_has(flags, "detach"));
}

static void refuses_with_the_reason_whatever_the_form(void **state)
{
    (void)state;
    refuse(WORDS("--privileged"), ERROR_REFUSED, "no privileges to give");
    refuse(WORDS("--privileged=true"), ERROR_REFUSED, "no privileges to give");
    refuse(WORDS("--device", "/dev/x"), ERROR_REFUSED, "can't be trusted");
    refuse(WORDS("--device=/dev/x"), ERROR_REFUSED, "can't be trusted");
    refuse(WORDS("--device"), ERROR_REFUSED, "can't be trusted");
}

static void refuses_more_words_than_the_limit(void **state)
{
    (void)state;
    static char *argv[ARGS_MAX + 2];
    for (size_t i = 0; i <= ARGS_MAX; i++)
        argv[i] = "x";
    refuse(argv, ARGS_MAX + 1, ERROR_USAGE, "more than");
    ARGS_AUTO args = parse(false, argv, ARGS_MAX);
    assert_int_equal(args_operand_count(args), ARGS_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form_of_a_value),
        cmocka_unit_test(reads_bundled_letters),
        cmocka_unit_test(tells_what_was_not_given),
        cmocka_unit_test(mixes_options_and_operands),
        cmocka_unit_test(leaves_alone_what_follows_the_first_operand),
        cmocka_unit_test(ends_options_before_the_first_operand_when_told_so),
        cmocka_unit_test(sees_help_only_where_an_option_may_stand),
        cmocka_unit_test(refuses_unknown_options),
        cmocka_unit_test(refuses_a_missing_or_unwanted_value),
        cmocka_unit_test(refuses_a_second_value_where_one_is_meant),
        cmocka_unit_test(refuses_with_the_reason_whatever_the_form),
        cmocka_unit_test(refuses_more_words_than_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
